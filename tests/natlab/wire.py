"""The user-space Internet: one process between all WAN ports, `python -m tests.natlab.wire`.

Every port is a TUN device named `wan` in somebody's namespace, and this process
owns them all. It reads what a port sends, finds the port the packet is for, and
writes it there after the delay of both. What it does to packets on the way
stands in `Line`, one for each port.

Orders come as JSON lines on stdin, each gets one JSON line as its answer; the
end of input is the end of the process. `tests.natlab.lab` speaks them.
"""

import array
import fcntl
import heapq
import ipaddress
import itertools
import os
import random
import select
import struct
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from tests.natlab.namespaces import entered
from tests.natlab.nats import Behaviour, Translated
from tests.natlab.packets import age, destination, source, time_exceeded, ttl
from tests.natlab.pcap import PcapWriter
from tests.natlab.translator import In, Out, Refuse, Translator

_TUNSETIFF: Final = 0x4004_54CA
_IFF_TUN: Final = 0x0001
_IFF_NO_PI: Final = 0x1000
_BATCH: Final = 32
"Packets read from one port before the others have their turn."
_SAMPLES: Final = 200_000


class Line(msgspec.Struct, frozen=True):
    """How the way between one port and the middle of the Internet is. A packet travels two of them."""

    delay: float = 0.0
    "Seconds one way. The round trip between two ports is twice the sum of both delays."
    jitter: float = 0.0
    "Seconds: each packet takes up to this much longer, evenly spread. Order is kept."
    loss: float = 0.0
    "Share of packets lost, each way."
    reorder: float = 0.0
    "Share of packets that are overtaken by those behind them."
    reorder_by: float = 0.005
    "Seconds they are late."
    rate: float = 0.0
    "Bytes a second, each way; 0 for no limit."
    queue: float = 0.2
    "Seconds of waiting at that rate beyond which packets are dropped."
    hops: int = 5
    "Routers on the way. A TTL that runs out is answered from where it did."
    up: bool = True
    "Whether anything passes at all. What is already under way to a port that goes down is lost."


class Order(msgspec.Struct, frozen=True, tag_field="order", tag=str.lower):
    """Base of what the wire can be told."""


class Attach(Order, frozen=True):
    """Make a port in the namespace at `namespace`, for all of `networks`."""

    port: str
    namespace: str
    networks: tuple[str, ...]
    line: Line


class Set(Order, frozen=True):
    """Change the line of a port, for packets sent from now on."""

    port: str
    line: Line


class Translate(Order, frozen=True):
    """Put a NAT (`tests.natlab.translator`) at a port, or, if there is one, a new one that knows nothing."""

    port: str
    public: str
    behaviour: Behaviour
    limits: Translated


class Block(Order, frozen=True):
    """Drop (or no longer drop) all that one port sends to another. One direction only."""

    sender: str
    receiver: str
    blocked: bool


class Detour(Order, frozen=True):
    """Let all that one port sends to another travel `delay` seconds longer. One direction only; 0 ends it."""

    sender: str
    receiver: str
    delay: float


class Capture(Order, frozen=True):
    """Write all that a port sends and gets to a file. Without a path, stop."""

    port: str
    path: str = ""


class Flush(Order, frozen=True):
    """Make all that was captured visible to readers."""


class Stats(Order, frozen=True):
    """Say what became of the packets, and how late they were delivered."""


@dataclass(eq=False)
class _Port:
    name: str
    number: int
    descriptor: int
    line: Line
    busy: dict[str, float] = field(default_factory=lambda: {"up": 0.0, "down": 0.0})
    pcap: PcapWriter | None = None
    translator: Translator | None = None
    counts: Counter[str] = field(default_factory=Counter)


class Wire:
    """All ports, and the packets under way between them."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._ports: dict[str, _Port] = {}
        self._networks: list[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, _Port]] = []
        self._routes: dict[bytes, _Port | None] = {}
        self._blocked: set[tuple[str, str]] = set()
        self._detours: dict[tuple[str, str], float] = {}
        self._under_way: list[tuple[float, int, _Port, bytes | Refuse]] = []
        self._order = itertools.count()
        self._last_due: dict[tuple[int, int], float] = {}
        self._lateness = array.array("d")
        self._clock_offset = time.time() - time.monotonic()

    # -- the loop ---------------------------------------------------------------------

    def run(self) -> None:
        """Carry packets until the input ends."""
        buffer = b""
        while True:
            wait = max(0.0, self._under_way[0][0] - time.monotonic()) if self._under_way else None
            descriptors = [port.descriptor for port in self._ports.values()]
            # select, not epoll: its timeout counts microseconds
            ready = set(select.select([0, *descriptors], [], [], wait)[0])
            self._deliver_due()
            for port in list(self._ports.values()):
                if port.descriptor in ready:
                    self._read(port)
                    self._deliver_due()
            if 0 in ready:
                chunk = os.read(0, 65536)
                if not chunk:
                    break
                *lines, buffer = (buffer + chunk).split(b"\n")
                for line in lines:
                    answer = msgspec.json.encode(self.obey(msgspec.json.decode(line, type=AnyOrder)))
                    os.write(1, answer + b"\n")
        for port in self._ports.values():
            if port.pcap is not None:
                port.pcap.close()

    def _read(self, port: _Port) -> None:
        for _ in range(_BATCH):
            try:
                packet = os.read(port.descriptor, 65536)
            except BlockingIOError:
                return
            self._leave(port, packet, time.monotonic())

    def _deliver_due(self) -> None:
        while self._under_way and self._under_way[0][0] <= (now := time.monotonic()):
            due, _, port, packet = heapq.heappop(self._under_way)
            if isinstance(packet, Refuse):
                assert port.translator is not None
                if not port.translator.is_wanted(packet):
                    self._send(port, packet.answer, now)
                continue
            if not port.line.up:
                port.counts["cut"] += 1
                continue
            if len(self._lateness) < _SAMPLES:
                self._lateness.append(now - due)
            if port.pcap is not None:
                port.pcap.write(now + self._clock_offset, packet)
            self._arrive(port, packet, now)

    def _deliver(self, port: _Port, packet: bytes) -> None:
        try:
            os.write(port.descriptor, packet)
            port.counts["delivered"] += 1
        except OSError:  # the device is down, or the kernel does not like the packet
            port.counts["refused"] += 1

    # -- what translates, at its port -------------------------------------------------

    def _leave(self, port: _Port, packet: bytes, now: float) -> None:
        if port.translator is None or packet[0] >> 4 != 4:
            self._send(port, packet, now)
            return
        match port.translator.leave(packet, now):
            case Out(translated):
                self._send(port, translated, now)
            case In(translated):
                self._deliver(port, translated)
            case None:
                port.counts["untranslated"] += 1

    def _arrive(self, port: _Port, packet: bytes, now: float) -> None:
        if port.translator is None or packet[0] >> 4 != 4:
            self._deliver(port, packet)
            return
        match port.translator.arrive(packet, now):
            case In(translated):
                self._deliver(port, translated)
            case Refuse(_, after) as refused:
                self._push(now + after, port, refused)
            case None:
                port.counts["untranslated"] += 1

    # -- one packet -------------------------------------------------------------------

    def _send(self, port: _Port, packet: bytes, now: float) -> None:
        if port.pcap is not None:
            port.pcap.write(now + self._clock_offset, packet)
        port.counts["sent"] += 1
        if (fate := self._fate(port, packet)) is not None:
            port.counts[fate] += 1
            return
        target = self._route(destination(packet))
        assert target is not None
        hops = port.line.hops + target.line.hops
        if ttl(packet) <= hops:
            port.counts["expired"] += 1
            self._answer_expired(port, target, packet, now)
            return
        due = self._through(port, target, len(packet), now)
        if due is None:
            port.counts["overflow"] += 1
            return
        self._push(due, target, age(packet, hops))

    def _fate(self, port: _Port, packet: bytes) -> str | None:
        """Say why a packet goes nowhere; None if it does."""
        if not port.line.up:
            return "cut"
        if self._route(source(packet)) is not port:
            return (
                "martian"  # an address that is not the sender's, such as a private one: no provider takes it
            )
        target = self._route(destination(packet))
        if target is None:
            return "unroutable"
        if (port.name, target.name) in self._blocked:
            return "blocked"
        for line in (port.line, target.line):
            if line.loss and self._random.random() < line.loss:
                return "lost"
        return None

    def _through(self, port: _Port, target: _Port, size: int, now: float) -> float | None:
        """Say when a packet arrives; None if a queue on the way is full."""
        due = now + self._detours.get((port.name, target.name), 0.0)
        for end, way in ((port, "up"), (target, "down")):
            line = end.line
            if line.rate:
                start = max(due, end.busy[way])
                if start - due > line.queue:
                    return None
                end.busy[way] = start + size / line.rate
                due = end.busy[way]
            due += line.delay + (self._random.uniform(0.0, line.jitter) if line.jitter else 0.0)
        for line in (port.line, target.line):
            if line.reorder and self._random.random() < line.reorder:
                return due + line.reorder_by
        pair = (port.number, target.number)
        due = self._last_due[pair] = max(due, self._last_due.get(pair, 0.0))
        return due

    def _answer_expired(self, port: _Port, target: _Port, packet: bytes, now: float) -> None:
        hop = max(1, ttl(packet))
        answer = time_exceeded(packet, _router(port, target, hop, packet[0] >> 4))
        if answer is None:
            return
        own, other = port.line, target.line
        if hop <= own.hops:
            way = own.delay * hop / own.hops
        else:
            way = own.delay + other.delay * (hop - own.hops) / other.hops
        self._push(now + 2 * way, port, answer)

    def _push(self, due: float, target: _Port, packet: bytes | Refuse) -> None:
        heapq.heappush(self._under_way, (due, next(self._order), target, packet))

    def _route(self, address: bytes) -> _Port | None:
        try:
            return self._routes[address]
        except KeyError:
            place = ipaddress.ip_address(address)
            port = next((port for network, port in self._networks if place in network), None)
            self._routes[address] = port
            return port

    # -- orders -----------------------------------------------------------------------

    def obey(self, order: "AnyOrder") -> dict[str, Any]:
        """Do as told. The answer says `ok`, or `error` with the reason."""
        try:
            match order:
                case Attach():
                    self._attach(order)
                case Set(name, line):
                    self._ports[name].line = line
                case Translate(name, public, behaviour, limits):
                    address = ipaddress.ip_address(public).packed
                    self._ports[name].translator = Translator(address, behaviour, limits, self._random)
                case Block(sender, receiver, True):
                    self._blocked.add((sender, receiver))
                case Block(sender, receiver, _):
                    self._blocked.discard((sender, receiver))
                case Detour(sender, receiver, delay):
                    self._detours[sender, receiver] = delay
                case Capture(name, path):
                    self._capture(self._ports[name], path)
                case Flush():
                    for port in self._ports.values():
                        if port.pcap is not None:
                            port.pcap.flush()
                case Stats():
                    return {"ok": True, **self._stats()}
        except (OSError, KeyError, ValueError) as error:
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}
        return {"ok": True}

    def _attach(self, order: Attach) -> None:
        networks = [ipaddress.ip_network(text) for text in order.networks]
        with entered(Path(order.namespace)):
            descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            # Without a header of its own a TUN device gets whole packets of at most its MTU, checksums done.
            fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", b"wan", _IFF_TUN | _IFF_NO_PI))
        port = _Port(order.port, len(self._ports) + 1, descriptor, order.line)
        self._ports[order.port] = port
        self._networks += [(network, port) for network in networks]
        self._routes.clear()

    def _capture(self, port: _Port, path: str) -> None:
        if port.pcap is not None:
            port.pcap.close()
        port.pcap = PcapWriter(Path(path)) if path else None

    def _stats(self) -> dict[str, Any]:
        late = sorted(self._lateness)
        self._lateness = array.array("d")
        return {
            "ports": {name: dict(port.counts) for name, port in self._ports.items()},
            "late": {
                "count": len(late),
                "p50": late[len(late) // 2] if late else 0.0,
                "p99": late[len(late) * 99 // 100] if late else 0.0,
                "max": late[-1] if late else 0.0,
            },
        }


AnyOrder = Attach | Set | Translate | Block | Detour | Capture | Flush | Stats


def _router(port: _Port, target: _Port, hop: int, version: int) -> bytes:
    """The address of a router on the way between two ports: made up, of no port's network."""
    if hop > port.line.hops:
        port, hop = target, 1 + port.line.hops + target.line.hops - hop
    if version == 4:
        return bytes((5, 255, port.number, hop))
    return ipaddress.ip_address(f"2a00:ffff::{port.number:x}:{hop:x}").packed


def main() -> None:
    """Be the wire; the one argument is the seed of its dice."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))  # packets are due to the millisecond
    except PermissionError:
        pass
    Wire(int(sys.argv[1])).run()


if __name__ == "__main__":
    main()
