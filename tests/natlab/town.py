"""A town: a server host and two homes of each kind of NAT, where pairs meet one at a time."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from tests.natlab.lab import Lab
from tests.natlab.packets import TCP, Packet
from tests.natlab.pcap import read_pcap
from tests.natlab.rows import WAVE_GAP, Outcome, Pair, Run, Setting
from tests.natlab.scene import Host
from tests.natlab.wire import Capture

SIDES: Final = ("a", "b")


class NotHere(Exception):
    """A program cannot be had on this machine; the message says why."""


class Program(ABC):
    """Something that joins two hosts."""

    name: str

    def measures(self, pair: Pair, setting: Setting) -> bool:
        """Tell whether this pair can be tried under this setting: mostly any can."""
        return True

    @abstractmethod
    async def join(self, pair: Pair, one: Host, other: Host, setting: Setting) -> Outcome:
        """Join two hosts, say what came of it, and part."""


class Town:
    """A server host and two homes of each kind, on one wire."""

    def __init__(self, lab: Lab, kinds: Iterable[str]) -> None:
        self.lab = lab
        self.server = lab.host("server", addresses=2)
        self.homes = {
            (kind, side): lab.behind(kind, f"{kind.lower()}-{side}") for kind in kinds for side in SIDES
        }

    def hosts(self, pair: Pair) -> tuple[Host, Host]:
        """One host for each half of a pair, never the same."""
        return self.homes[pair.one, SIDES[0]], self.homes[pair.other, SIDES[1]]

    async def join(self, program: Program, pair: Pair, setting: Setting) -> Run:
        """Let a program join a pair under a setting, and put the town back as it was."""
        one, other = self.hosts(pair)
        for host in (one, other):
            # Between any two there are two lines.
            self.lab.change(host.name, loss=1.0 - (1.0 - setting.loss) ** 0.5)
        captures = self._capture(one, other) if pair.is_guessed else {}
        self.lab.stats()
        try:
            outcome = await program.join(pair, one, other, setting)
        finally:
            for host in (one, other):
                self.lab.change(host.name, loss=0.0)
            for host in captures:
                self.lab.order(Capture(host.port))
        waves = [
            count_waves(read_pcap(path), host.public, peer.public)
            for (host, path), peer in zip(captures.items(), (other, one), strict=False)
        ]
        return Run(
            program=program.name,
            one=pair.one,
            other=pair.other,
            skew=setting.skew,
            loss=setting.loss,
            waves=max(waves, key=max, default=()),
            late=round(self.lab.stats()["late"]["max"], 4),
            **msgspec.structs.asdict(outcome),
        )

    def _capture(self, *hosts: Host) -> dict[Host, Path]:
        captures = {host: self.lab.folder / f"{host.port}.syns" for host in hosts}
        for host, path in captures.items():
            self.lab.order(Capture(host.port, str(path)))
        return captures


@contextmanager
def skewed(lab: Lab, one: Host, other: Host, setting: Setting) -> Iterator[None]:
    """Let what the server says reach one of two later, by the setting's skew."""
    late = one if setting.skew < 0 else other
    lab.detour("server", late.name, abs(setting.skew))
    try:
        yield
    finally:
        lab.detour("server", late.name, 0.0)


def count_waves(packets: Iterable[Packet], sender: str, target: str) -> tuple[int, ...]:
    """Count the SYNs that one sent to the other, in each wave; the kernel's repetitions are none."""
    seen: set[tuple[int, int, int]] = set()
    waves = [0]
    last = 0.0
    for packet in packets:
        flow = packet.source_port, packet.target_port, packet.sequence
        if packet.protocol != TCP or not packet.is_bare_syn or flow in seen:
            continue
        if (packet.source, packet.target) != (sender, target):
            continue
        seen.add(flow)
        if waves[-1] and packet.time - last > WAVE_GAP:
            waves.append(0)
        waves[-1] += 1
        last = packet.time
    return tuple(waves)
