"""Decide which streams the relay joins, which it refuses, and when those that are joined end (spec §6.3).

::

    Entered ──▶ waits ──the other side entered──▶ joined ──the relay holds too much──▶ cut
       │          ├─ one of too many ──▶ refused    │
       │          └─ replaced ──▶ ended ◀───────────┴─ replaced, left, idle, match over, used up
       └─ match over, used up, relay full ──▶ refused

What is refused, ended or cut is out: its place is free, and its other side is out as well. The bytes of a
stream are counted until `Closed`. A match is joined as long as it lasts: no age ends it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple, TypeAlias

from floater.codes import Code
from floater.wire.control import Role
from server.core.halves import Halves, Owner
from server.core.volumes import Volumes

StreamId: TypeAlias = int


class Use(NamedTuple):
    """How things stand with one joined stream."""

    moved: int
    "Bytes that it and its other side have sent each other."
    held: int
    "Bytes that wait for it to read them."
    is_good: bool
    "Its match goes on."


# -- events -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entered:
    """A new stream has shown a token of this server."""

    stream: StreamId
    match_id: str
    role: Role
    owner: Owner
    is_good: bool
    "Its match goes on."


@dataclass(frozen=True, slots=True)
class Closed:
    """A stream is gone or about to go. Comes once for each that entered, also for those that had to go."""

    stream: StreamId
    moved: int = 0
    "As in `Use`."


@dataclass(frozen=True, slots=True)
class Swept:
    """Some time has passed."""

    elapsed: float
    "Seconds since the last one."
    uses: Mapping[StreamId, Use]
    "Of all joined streams."
    left_over: Mapping[StreamId, int] = field(default_factory=dict)
    "Bytes that wait to be read by each stream that was closed after them."


Event: TypeAlias = Entered | Closed | Swept


# -- effects ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Join:
    """Tell both sides of a match that they are joined, and forward between them."""

    one: StreamId
    other: StreamId


@dataclass(frozen=True, slots=True)
class Refuse:
    """Tell a stream that is not joined why it has to go, and close it."""

    stream: StreamId
    code: Code


@dataclass(frozen=True, slots=True)
class Close:
    """Close a stream once everything written to it has been read."""

    stream: StreamId


@dataclass(frozen=True, slots=True)
class Cut:
    """Abort two joined streams, with all that they have not read, because the relay holds too much."""

    one: StreamId
    other: StreamId


@dataclass(frozen=True, slots=True)
class Drop:
    """Abort a stream that was closed, with all that it has not read, because the relay holds too much."""

    stream: StreamId


Effect: TypeAlias = Join | Refuse | Close | Cut | Drop


# -- the machine --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RelayLimits:
    """What one relay may be used for. Seconds are floats, sizes are bytes."""

    pairs: int
    "Matches joined at once."
    idle: float
    "Seconds without a byte either way after which a pair ends."
    after_match: float
    "Seconds for which a pair outlives its match."
    volume: int
    "Bytes of one account in a day."
    memory: int
    "Bytes held for all streams together. Beyond, the most stalled are cut and no new pair is joined."


@dataclass(slots=True)
class _Stream:
    """One that has entered and not left."""

    match_id: str
    role: Role
    owner: Owner
    pair: "_Pair | None" = None
    counted: int = 0
    "Bytes for which its account has been charged."
    is_out: bool = False


@dataclass(slots=True, eq=False)
class _Pair:
    """Two joined streams."""

    one: StreamId
    other: StreamId
    moved: int = 0
    "Bytes by the last sweep."
    idle: float = 0.0
    after: float = 0.0
    "Seconds since its match ended."

    def pass_time(self, elapsed: float, moved: int, *, is_good: bool) -> None:
        """Count `elapsed` seconds."""
        self.idle = self.idle + elapsed if moved == self.moved else 0.0
        self.moved = moved
        self.after = 0.0 if is_good else self.after + elapsed


class Relaying:
    """All streams of one relay. It has no clock: `Swept` says how much time has passed."""

    def __init__(self, limits: RelayLimits, halves: Halves[StreamId]) -> None:
        self._limits = limits
        self._halves = halves
        self._volumes = Volumes(limits.volume)
        self._streams: dict[StreamId, _Stream] = {}
        self._places: dict[str, dict[Role, StreamId]] = {}
        self._pairs: dict[_Pair, None] = {}
        self._holds_too_much = False

    def __len__(self) -> int:
        """How many matches have a stream here."""
        return len(self._places)

    def feed(self, event: Event) -> list[Effect]:
        """Advance by one event."""
        match event:
            case Entered():
                return self._enter(event)
            case Closed(stream, moved):
                return self._leave(stream, moved)
            case _:  # Swept
                self._volumes.pass_time(event.elapsed)
                return [*self._end_what_is_over(event.elapsed, event.uses), *self._shed(event)]

    # -- coming and going -----------------------------------------------------------------

    def _enter(self, event: Entered) -> list[Effect]:
        if not event.is_good or self._volumes.is_used_up(event.owner.account):
            return [Refuse(event.stream, Code.RELAY_REFUSED)]
        effects: list[Effect] = []
        if (older := self._at(event.match_id, event.role)) is not None:
            effects += [Close(stream) for stream in self._take_out(older)]
        other = self._at(event.match_id, Role.FOLLOWER if event.role is Role.LEADER else Role.LEADER)
        is_full = self._holds_too_much or len(self._pairs) >= self._limits.pairs
        if other is not None and is_full:
            return [*effects, *self._refuse(other), Refuse(event.stream, Code.RELAY_FULL)]
        self._streams[event.stream] = _Stream(event.match_id, event.role, event.owner)
        self._places.setdefault(event.match_id, {})[event.role] = event.stream
        if other is None:
            for loser in self._halves.add(event.stream, event.owner):
                effects += self._refuse(loser)
            return effects
        self._halves.remove(other, self._streams[other].owner)
        pair = _Pair(event.stream, other)
        self._pairs[pair] = None
        self._streams[event.stream].pair = self._streams[other].pair = pair
        return [*effects, Join(event.stream, other)]

    def _leave(self, stream: StreamId, moved: int) -> list[Effect]:
        if stream not in self._streams:
            return []  # it was refused as it entered
        self._count(stream, moved)
        out = self._take_out(stream)
        del self._streams[stream]
        return [Close(other) for other in out if other != stream]

    def _refuse(self, stream: StreamId) -> list[Effect]:
        """Refuse one that waits."""
        return [Refuse(one, Code.RELAY_FULL) for one in self._take_out(stream)]

    def _at(self, match_id: str, role: Role) -> StreamId | None:
        return self._places.get(match_id, {}).get(role)

    def _take_out(self, stream: StreamId) -> list[StreamId]:
        """Free the places of a stream and of its other side; return those that were not out yet."""
        pair = self._streams[stream].pair
        if pair is not None:
            self._pairs.pop(pair, None)
        both = [stream] if pair is None else [pair.one, pair.other]
        out = [one for one in both if one in self._streams and not self._streams[one].is_out]
        for one in out:
            known = self._streams[one]
            known.is_out = True
            self._halves.remove(one, known.owner)
            sides = self._places[known.match_id]
            del sides[known.role]
            if not sides:
                del self._places[known.match_id]
        return out

    # -- as time passes -------------------------------------------------------------------

    def _end_what_is_over(self, elapsed: float, uses: Mapping[StreamId, Use]) -> list[Effect]:
        effects: list[Effect] = []
        for pair in list(self._pairs):
            both = (pair.one, pair.other)
            moved = uses[pair.one].moved
            for stream in both:
                self._count(stream, moved)
            pair.pass_time(elapsed, moved, is_good=all(uses[stream].is_good for stream in both))
            is_over = pair.idle >= self._limits.idle or pair.after >= self._limits.after_match
            accounts = [self._streams[stream].owner.account for stream in both]
            if is_over or any(self._volumes.is_used_up(account) for account in accounts):
                effects += [Close(stream) for stream in self._take_out(pair.one)]
        return effects

    def _shed(self, event: Swept) -> list[Effect]:
        """End the most stalled streams while too many bytes are held in all."""
        uses = event.uses
        held: list[tuple[int, _Pair | StreamId]] = [
            (uses[pair.one].held + uses[pair.other].held, pair) for pair in self._pairs
        ]
        held += [(size, stream) for stream, size in event.left_over.items()]
        in_all = sum(size for size, _ in held)
        self._holds_too_much = in_all > self._limits.memory
        effects: list[Effect] = []
        for size, one in sorted(held, key=itemgetter(0), reverse=True) if self._holds_too_much else ():
            if in_all <= self._limits.memory:
                break
            in_all -= size
            if isinstance(one, _Pair):
                self._take_out(one.one)
                effects.append(Cut(one.one, one.other))
            else:
                effects.append(Drop(one))
        return effects

    def _count(self, stream: StreamId, moved: int) -> None:
        """Charge the account of a stream for what has been moved since it was last charged."""
        known = self._streams[stream]
        self._volumes.charge(known.owner.account, moved - known.counted)
        known.counted = moved
