"""A NAT for TCP as a table: mapping × filtering × allocation × answer to strays, each for itself.

Pure: packets and the time go in, packets come out. The wire is its shell. What
it is to do says a `Behaviour`, for how long a `Translated`. The words are those
of RFC 4787 and RFC 5382; ICMP errors about what it translated are translated,
too (RFC 5508). Anything else than TCP is dropped.

A *mapping* gives the public port of an inside endpoint; a *flow* is one remote
endpoint that uses it. A mapping ends with its last flow.
"""

import random
import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from tests.natlab import packets
from tests.natlab.nats import Allocation, Behaviour, Filtering, Mapping, Stray, Translated
from tests.natlab.packets import ACK, FIN, RST, SYN, Endpoint

LATE: Final = 6.0
"Seconds that a stray SYN has no answer, as one of ours to the same place may be under way (RFC 5382 REQ-4)."
_GRAIN: Final = 0.25
"Seconds between two looks at what has timed out."
_LOWEST, _HIGHEST = 1024, 65535
_BLOCK: Final = range(40000, 40512)
_FIRST_IN_SEQUENCE: Final = 40000
_HOST_UNREACHABLE, _PORT_UNREACHABLE = 1, 3


@dataclass(frozen=True, slots=True)
class Out:
    """To the Internet with this packet."""

    packet: bytes


@dataclass(frozen=True, slots=True)
class In:
    """To the inside with this packet."""

    packet: bytes


@dataclass(frozen=True, slots=True)
class Refuse:
    """To the Internet with this answer, in `after` seconds, unless `Translator.is_wanted` by then."""

    answer: bytes
    after: float
    port: int
    remote: Endpoint


@dataclass(slots=True)
class _Flow:
    used: float
    acknowledged: set[bool] = field(default_factory=set)
    "Directions (True: out) in which more than a SYN has come."
    finished: set[bool] = field(default_factory=set)
    "Directions in which a FIN has come; both after an RST."


@dataclass(slots=True)
class _Mapping:
    inside: Endpoint
    port: int
    since: float
    flows: dict[Endpoint, _Flow] = field(default_factory=dict)


_Key = tuple[Endpoint, bytes, int]


class Translator:
    """The table of one NAT.

    Args:
        public: its address, packed.
        dice: for ports at random.

    Raises:
        ValueError: it is to behave as none can that translates, or as this one cannot.
    """

    def __init__(self, public: bytes, behaviour: Behaviour, limits: Translated, dice: random.Random) -> None:
        if behaviour.mapping is Mapping.NONE or behaviour.poisoned:
            raise ValueError(f"a table of translations cannot be {behaviour}")
        if (behaviour.stray is Stray.ACCEPTED) is not (behaviour.filtering is Filtering.NONE):
            raise ValueError("who lets anybody in, and nobody else, has no strays")
        self._public = public
        self._is = behaviour
        self._limits = limits
        self._dice = dice
        self._by_key: dict[_Key, _Mapping] = {}
        self._by_port: dict[int, _Mapping] = {}
        self._by_flow: dict[tuple[Endpoint, Endpoint], _Mapping] = {}
        self._sessions: Counter[bytes] = Counter()
        self._next = _FIRST_IN_SEQUENCE
        self._swept = 0.0

    def leave(self, packet: bytes, now: float) -> Out | In | None:
        """Take a packet from the inside. `In` is one that comes back: to another host there (hairpinning)."""
        self._sweep(now)
        if packets.protocol(packet) != packets.TCP:
            return None
        inside, remote, flags = packets.ends(packet)
        if not self._is.egress and remote[1] != 443:
            return None
        mapping = self._by_flow.get((inside, remote))
        if mapping is None:
            if flags & (SYN | ACK) != SYN or 0 < self._limits.sessions <= self._sessions[inside[0]]:
                return None
            mapping = self._map(inside, remote, now)
            if mapping is None:
                return None
            self._join(mapping, remote, now)
        _note(mapping.flows[remote], flags, now, is_out=True)
        translated = packets.readdress(packet, source=(self._public, mapping.port))
        if remote[0] != self._public:
            return Out(translated)
        back = self.arrive(translated, now) if self._is.hairpin else None
        return back if isinstance(back, In) else None

    def arrive(self, packet: bytes, now: float) -> In | Refuse | None:
        """Take a packet from the Internet."""
        self._sweep(now)
        if packets.protocol(packet) != packets.TCP:
            return self._arrive_error(packet)
        remote, (_, port), flags = packets.ends(packet)
        is_opening = flags & (SYN | ACK) == SYN
        mapping = self._by_port.get(port)
        flow = mapping.flows.get(remote) if mapping else None
        if mapping is None or (flow is None and not (is_opening and self._admits(mapping, remote))):
            return self._refuse(packet, port, remote) if is_opening else None
        if flow is None:
            flow = self._join(mapping, remote, now)
        elif is_opening and not flow.acknowledged and not self._is.crossing:
            return self._refuse(packet, port, remote)
        _note(flow, flags, now, is_out=False)
        return In(packets.readdress(packet, target=mapping.inside))

    def is_wanted(self, refused: Refuse) -> bool:
        """Tell whether we have dialled by now where a stray SYN came from."""
        mapping = self._by_port.get(refused.port)
        return mapping is not None and refused.remote in mapping.flows

    # -- mappings and flows -----------------------------------------------------------

    def _map(self, inside: Endpoint, remote: Endpoint, now: float) -> _Mapping | None:
        key = self._key(inside, remote)
        mapping = self._by_key.get(key)
        if mapping is None:
            port = self._port(key)
            if port is None:
                return None
            mapping = self._by_key[key] = self._by_port[port] = _Mapping(inside, port, now)
        return mapping

    def _key(self, inside: Endpoint, remote: Endpoint) -> _Key:
        match self._is.mapping:
            case Mapping.ENDPOINT_INDEPENDENT:
                return inside, b"", 0
            case Mapping.ADDRESS_DEPENDENT:
                return inside, remote[0], 0
        return inside, *remote

    def _port(self, key: _Key) -> int | None:
        """Choose a free port; None if all are taken."""
        match self._is.allocation:
            case Allocation.PRESERVED:
                first, among = key[0][1], range(_LOWEST, _HIGHEST + 1)
            case Allocation.FIXED:
                first, among = zlib.crc32(repr(key).encode()), range(_LOWEST, _HIGHEST + 1)
            case Allocation.SEQUENTIAL:
                first, among = self._next, range(_LOWEST, _HIGHEST + 1)
            case Allocation.BLOCK:
                first, among = self._dice.choice(_BLOCK), _BLOCK
            case Allocation.RANDOM:
                first, among = self._dice.randint(_LOWEST, _HIGHEST), range(_LOWEST, _HIGHEST + 1)
        places = (among[(first - among.start + further) % len(among)] for further in range(len(among)))
        port = next((place for place in places if place not in self._by_port), None)
        if port is not None:
            self._next = port + 1
        return port

    def _admits(self, mapping: _Mapping, remote: Endpoint) -> bool:
        match self._is.filtering:
            case Filtering.NONE:
                return True
            case Filtering.ADDRESS_DEPENDENT:
                return any(address == remote[0] for address, _ in mapping.flows)
        return False

    def _join(self, mapping: _Mapping, remote: Endpoint, now: float) -> _Flow:
        self._by_flow[mapping.inside, remote] = mapping
        self._sessions[mapping.inside[0]] += 1
        flow = mapping.flows[remote] = _Flow(now)
        return flow

    def _sweep(self, now: float) -> None:
        if now < self._swept + _GRAIN:
            return
        self._swept = now
        for key, mapping in list(self._by_key.items()):
            is_over = 0.0 < self._limits.lifetime <= now - mapping.since
            for remote, flow in list(mapping.flows.items()):
                if is_over or now - flow.used >= self._patience(flow):
                    del mapping.flows[remote], self._by_flow[mapping.inside, remote]
                    self._sessions[mapping.inside[0]] -= 1
            if not mapping.flows:
                del self._by_key[key], self._by_port[mapping.port]

    def _patience(self, flow: _Flow) -> float:
        is_established = len(flow.acknowledged) == 2 and len(flow.finished) < 2
        return self._limits.established if is_established else self._limits.transitory

    # -- what is no part of a flow ----------------------------------------------------

    def _refuse(self, packet: bytes, port: int, remote: Endpoint) -> Refuse | None:
        match self._is.stray:
            case Stray.RESET:
                return Refuse(packets.reset(packet), 0.0, port, remote)
            case Stray.UNREACHABLE:
                answer = packets.unreachable(packet, self._public, _HOST_UNREACHABLE)
                return Refuse(answer, 0.0, port, remote)
            case Stray.LATE:
                answer = packets.unreachable(packet, self._public, _PORT_UNREACHABLE)
                return Refuse(answer, LATE, port, remote)
        return None

    def _arrive_error(self, packet: bytes) -> In | None:
        """Hand on an ICMP error about a packet of a flow. It ends nothing (RFC 5382 REQ-10)."""
        about = packets.complaint(packet)
        if about is None:
            return None
        (_, port), remote, _ = packets.ends(about)
        mapping = self._by_port.get(port)
        if mapping is None or remote not in mapping.flows:
            return None
        return In(packets.readdress_complaint(packet, mapping.inside))


def _note(flow: _Flow, flags: int, now: float, *, is_out: bool) -> None:
    flow.used = now
    if flags & ACK:
        flow.acknowledged.add(is_out)
    if flags & FIN:
        flow.finished.add(is_out)
    if flags & RST:
        flow.finished |= {True, False}
