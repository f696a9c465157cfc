"""Choose how two NATs are crossed, from what is known of both (spec §6.2).

Values, not machines: nothing here waits. Both sides come to matching plans from
the same two `Nat`s, without a further message. The groups are four:

- A cone takes one public port for all destinations: the observed one is the one to dial.
- The others take another for each destination, and what the observers saw is over already. It is the
  next of a *sequence*, one of a *block*, or just any.

::

                  cone          sequence       block        any
    cone          crossing      prediction     block scan   birthday
    sequence                    prediction     block scan   -
    block                                      block scan   -
    any                                                     -

One side *opens*: its SYNs make holes in its own NAT, with a TTL too small to
reach the peer's, where they would do harm. The other then *calls*. So no SYN
ever comes to a NAT before its time, and nothing has to be timed. Each does both,
on ports of its own: where one NAT lets no SYN in, not even through a hole, or
one packet is lost, the other order is there. There is but one order among any
ports, where a call would arrive at other people's, and where neither side is a
cone, with a port to be called at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

from floater.core.meet.allocation import allocation_of, block_of, predicted
from floater.core.meet.candidates import LOWEST_PORT, is_port_allowed
from floater.wire.control import Role
from floater.wire.endpoint import Endpoint
from floater.wire.nat import Allocation, Filtering, Mapping, Nat, Stray

MAX_WAVE: Final = 1_300
"SYNs of one wave, at most. Plans keep holes and the first calls together below it."
MAX_WAVES: Final = 3
"Waves of calls of one side in one punch."

HOURLY_SYNS: Final = 20_000
"SYNs of waves in an hour over all matches, whatever the peers claim."

HOLES: Final = 1_024
"Holes that are made where the peer's port may be any of very many; what a home router still bears."
BOTH: Final = 1_280
"SYNs of each side in a wave where neither has a port of its own; in two blocks of 512 some six meet."
HALF: Final = 640
"Ports of a block that a cone opens, at most, and as many that it calls at about the same time."
KEYS: Final = 256
"""Flows that try such holes in each wave. Of 64,512 ports 1,024 are open: one wave meets one with 98.3 %,
three with 99.9995 %."""
SCANNERS: Final = 16
"Flows that try the holes in each wave where some of a block are open, and as many that are open themselves."
BLOCK_STEP: Final = 3
"Every so many-th port of a block is tried: of 16 flows five have one of these, and none has once in 600."
AHEAD: Final = 64
"Places in a sequence that are open: other computers behind the same NAT dial out as well."
FOLLOWERS: Final = 4
"Flows that try those in each wave, and as many that are open themselves."
DIAGONAL: Final = 128
"Flows of each side where both are in sequence; what others have dialled on both sides may be half of it."

_STRIDE: Final = 39_869
"The golden section of the ports there are, and prime to their number: any stretch of its steps is even."


class Technique(StrEnum):
    """What is tried beyond dialling the peer's candidates."""

    CROSSING = "crossing"  # the observed endpoints are those to dial
    PREDICTION = "prediction"  # the next ports of a sequence
    BLOCK_SCAN = "block_scan"  # all ports of a block
    BIRTHDAY = "birthday"  # many of ours against many of theirs
    HOPELESS = "hopeless"  # too many pairs of ports


@dataclass(frozen=True, slots=True)
class Plan:
    """What one side does. `CROSSING` and `HOPELESS` guess nothing."""

    technique: Technique
    opens: bool
    "We are the opener of lane 1; see `floater.core.meet.punch`."
    holes: tuple[Endpoint, ...] = ()
    "Where SYNs make holes, at once; they stay."
    calls: tuple[tuple[Endpoint, ...], ...] = ()
    "Where to send SYNs when the peer has made its holes, wave by wave."
    fresh: bool = False
    "Each of these SYNs goes out from a local port of its own, so that our NAT takes another public one."

    @property
    def syns(self) -> int:
        """How many SYNs these are."""
        return len(self.holes) + sum(map(len, self.calls))


class Allowance:
    """How many SYNs of waves may still be sent, refilled evenly, so that no peer can cause a flood."""

    def __init__(self, hourly: int = HOURLY_SYNS) -> None:
        self._hourly = hourly
        self._left = float(hourly)
        self._since: float | None = None

    def spend(self, syns: int, *, now: float) -> bool:
        """Take that many, if there are; `now` is monotonic seconds."""
        if self._since is not None:
            self._left = min(self._hourly, self._left + (now - self._since) * self._hourly / 3_600)
        self._since = now
        if syns > self._left:
            return False
        self._left -= syns
        return True


class _Group(Enum):
    CONE = "cone"
    SEQUENCE = "sequence"
    BLOCK = "block"
    ANY = "any"


def plan_for(ours: Nat, theirs: Nat, role: Role, seen: Sequence[Endpoint | None]) -> Plan:
    """Make our plan.

    Args:
        ours: our NAT, as it went into `seek`.
        theirs: the peer's, as it came with `matched`.
        role: our side.
        seen: where an observer saw the peer's punch ports, by lane. Holes and
            calls go to the address of the last that is known alone, nowhere without.
    """
    one, other = _group(ours), _group(theirs)
    technique = _technique(one, other)
    leads = role is Role.LEADER
    if technique is Technique.CROSSING or _lets_in(ours, one) or _lets_in(theirs, other):
        return Plan(Technique.CROSSING, _answers(ours) if _answers(ours) != _answers(theirs) else not leads)
    opens = not leads if one is other else _ORDER.index(one) < _ORDER.index(other)
    known = [place for place in seen if place is not None]
    if technique is Technique.HOPELESS or not known:
        return Plan(technique, opens)
    host = known[-1].host
    port0, port1 = (None if place is None or place.host != host else place.port for place in seen)
    holes = _holes(one, other, theirs) if opens else _holes_in_return(one, other, port0)
    calls = _calls_in_return(one, other, theirs) if opens else _calls(one, other, theirs, port1)
    waves = [tuple(Endpoint(host, port) for port in wave) for wave in (holes, *calls)]
    return Plan(technique, opens, waves[0], tuple(waves[1:]), fresh=one is not _Group.CONE)


_ORDER: Final = (_Group.CONE, _Group.SEQUENCE, _Group.BLOCK, _Group.ANY)
"The surer a side's own port is, the better its holes: the first of two opens."


def _technique(one: _Group, other: _Group) -> Technique:
    match sorted((one, other), key=_ORDER.index):
        case [_Group.CONE, _Group.CONE]:
            return Technique.CROSSING
        case [_Group.CONE, _Group.ANY]:
            return Technique.BIRTHDAY
        case [_, _Group.SEQUENCE]:
            return Technique.PREDICTION
        case [_, _Group.BLOCK]:
            return Technique.BLOCK_SCAN
        case _:
            return Technique.HOPELESS


def _holes(one: _Group, other: _Group, theirs: Nat) -> tuple[int, ...]:
    """List the peer's ports for which the opener of lane 1 makes holes."""
    if one is _Group.SEQUENCE and other is _Group.SEQUENCE:
        # Our i-th flow lies on all diagonals in turn; the caller stays on one. See `_calls`.
        ahead = predicted(theirs.ports, DIAGONAL + AHEAD)
        return _allowed([ahead[i + i % AHEAD] for i in range(min(DIAGONAL, len(ahead)))])
    if other is _Group.SEQUENCE:
        return _allowed(predicted(theirs.ports, AHEAD))
    if other is _Group.ANY:
        room = 65_536 - LOWEST_PORT
        return _allowed([LOWEST_PORT + i * _STRIDE % room for i in range(HOLES)])
    if one is _Group.CONE:
        block = _allowed(block_of(theirs.ports))
        return _evenly(block, min(HALF, -(-len(block) // BLOCK_STEP)))
    return _evenly(_likely(theirs.ports), BOTH)


def _calls(one: _Group, other: _Group, theirs: Nat, port: int | None) -> tuple[tuple[int, ...], ...]:
    """List the peer's ports that its caller dials, wave by wave; `port` is the one that was observed."""
    if other is _Group.CONE:
        return () if port is None else ((port,) * _FLOWS.get(one, KEYS),) * MAX_WAVES
    if one is _Group.SEQUENCE:
        # Others behind our NAT have begun d flows since it was observed, behind the opener's d'. Its flow i,
        # which dials e ahead of the diagonal, and our flow j dial each other's ports if i + e = j + d and
        # j = i + d'. So e = d + d' is all it takes, and each e below AHEAD comes up twice.
        return (_allowed(predicted(theirs.ports, DIAGONAL)),)
    if other is _Group.SEQUENCE:
        return (_allowed(predicted(theirs.ports, BOTH)),) * MAX_WAVES
    return (_evenly(_likely(theirs.ports), BOTH),) * MAX_WAVES


_FLOWS: Final = {_Group.SEQUENCE: FOLLOWERS, _Group.BLOCK: SCANNERS}
"The groups that meet a cone in both orders, and how many flows they make in each."


def _holes_in_return(one: _Group, other: _Group, port: int | None) -> tuple[int, ...]:
    """List what the caller of lane 1 opens in its turn: flows to the cone's other port."""
    return (port,) * _FLOWS.get(one, 0) if port is not None and other is _Group.CONE else ()


def _calls_in_return(one: _Group, other: _Group, theirs: Nat) -> tuple[tuple[int, ...], ...]:
    """List where the opener of lane 1 calls in its turn: where its holes are, from its other port."""
    return (_holes(one, other, theirs),) if one is _Group.CONE and other in _FLOWS else ()


def _group(nat: Nat) -> _Group:
    if nat.mapping not in (Mapping.ADDRESS_DEPENDENT, Mapping.PORT_DEPENDENT):
        return _Group.CONE
    allocation = nat.allocation
    if allocation is Allocation.UNKNOWN:
        allocation = allocation_of(nat.mapping, [(0, port) for port in nat.ports])
    if not nat.ports:
        return _Group.ANY
    return {Allocation.SEQUENTIAL: _Group.SEQUENCE, Allocation.BLOCK: _Group.BLOCK}.get(
        allocation, _Group.ANY
    )


def _lets_in(nat: Nat, group: _Group) -> bool:
    """Say whether the peer finds the way in even from a port that was not dialled."""
    return group is _Group.CONE and nat.filtering in (
        Filtering.ENDPOINT_INDEPENDENT,
        Filtering.ADDRESS_DEPENDENT,
    )


def _answers(nat: Nat) -> bool:
    """Say whether a SYN that comes too early is answered by something that closes its sender's hole."""
    return nat.stray in (Stray.RESET, Stray.UNREACHABLE)


def _allowed(ports: Sequence[int]) -> tuple[int, ...]:
    return tuple(port for port in ports if is_port_allowed(port))


def _likely(ports: Sequence[int]) -> tuple[int, ...]:
    """List the ports of the block in the middle of those that hold `ports`: it shares most with any other."""
    block = block_of(ports)
    size = (len(block) + 1 + max(ports) - min(ports)) // 2
    first = block.start + (len(block) - size) // 2
    return _allowed(range(first, first + size))


def _evenly(ports: Sequence[int], count: int) -> tuple[int, ...]:
    """Take `count` of some ports, spread evenly, or all in turn until there are as many."""
    if count >= len(ports):
        return tuple(ports[i % len(ports)] for i in range(count)) if ports else ()
    return tuple(ports[i * len(ports) // count] for i in range(count))
