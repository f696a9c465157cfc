"""Decide a TCP hole punch (spec §6.2; Ford, Srisuresh, Kegel 2005, §4).

`Punch` decides which addresses to dial and when; `floater.net.dialer` does it and reports
back. There are two lanes, each a port of ours that observers saw, on which we
listen and from which we dial. So two sides have four ways to each other:

- Lane 0 to lane 0: both dial everything at once, until two SYNs cross.
- Lane 1 to lane 1: one side *opens*, the other *calls* when it is told that the
  hole is there (`floater.core.meet.technique`).
- Lane 0 of that opener to lane 1 of the other: the same the other way round.
- The fourth is left alone.

Where ports have to be guessed, this takes many SYNs at a time: between a cone
and a sequence or a block in both orders, else in one.

::

    IDLE ──Go──▶ PUNCHING ──Halt, or the budget is spent (GaveUp)──▶ SHUT
                  │    ▲
                  └────┘ Connected → Authenticate; Rejected → go on waiting
                         open → Sent → Opened;  PeerOpened, or patience is over → call

- After an explicit error a place is dialled again within milliseconds, spread
  at random: two sides with equal pauses can miss each other for ever; what we
  only open, slowly, as the hole is there (by IPv6 the error about a SYN that
  died on its way cannot be told from another). After two thirds of the
  attempts the rest is spread over what is left of the budget.
- A SYN that gets no answer is left to the kernel: a new socket would have a
  new sequence number, which confuses the NAT that holds the first one's.
- Any host may be at the other end. A stream that fails authentication is
  closed, and its address is dialled again only slowly. Streams from unexpected
  addresses make room for those of the peer's addresses.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from floater.core.meet.technique import MAX_WAVE, MAX_WAVES, Plan
from floater.errors import LocalProtocolError
from floater.machine import Tick, earliest
from floater.wire.endpoint import Endpoint

MAX_PLACES: Final = 16
"Addresses that are dialled in one punch; a peer that names ever more of them would use us for scans."
MAX_STREAMS: Final = 16
"Streams that may be in authentication at once; each costs a TLS handshake."
STRANGER_PAUSE: Final = 1.0
"Seconds, about, until an address is dialled again that is not the peer, or that we only open."
PATIENCE: Final = 1.0
"Seconds until a caller calls although it was not told that the peer has opened."
WAVE_PAUSE: Final = 0.7
"Seconds from one wave to the next: time for a slow round trip, and for the proof who it is."


# -- events -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Go:
    """Dial these places, and listen. Given again later, it adds places, and its plan counts no more.

    `places` are those of lane 0, `second` those of lane 1.
    """

    places: tuple[Endpoint, ...]
    second: tuple[Endpoint, ...] = ()
    plan: Plan | None = None


@dataclass(frozen=True, slots=True)
class Connected:
    """A TCP connection between a punch port and `remote` is established. `stream` is a fresh number."""

    stream: int
    remote: Endpoint
    lane: int = 0


@dataclass(frozen=True, slots=True)
class Failed:
    """Dialling ended with an explicit error. `spread` is drawn evenly from [0, 1)."""

    remote: Endpoint
    spread: float
    lane: int = 0


@dataclass(frozen=True, slots=True)
class Sent:
    """The SYNs of a wave are out; waves go out in order."""


@dataclass(frozen=True, slots=True)
class PeerOpened:
    """The peer's NAT is open for us."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A stream ended before it was authenticated."""

    stream: int
    spread: float


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Our peer is at the other end; the stream is a link now, and no longer our care."""

    stream: int


@dataclass(frozen=True, slots=True)
class Halt:
    """Enough. Streams in authentication go on."""


# -- effects ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listen:
    """Accept streams on the punch ports."""


@dataclass(frozen=True, slots=True)
class Dial:
    """Connect from the punch port of a lane. With `low`, the SYN makes a hole and does not arrive."""

    remote: Endpoint
    lane: int = 0
    low: bool = False


@dataclass(frozen=True, slots=True)
class Wave:
    """Connect to all of these from the port of a lane, or (None) each from a fresh one; then feed `Sent`."""

    remotes: tuple[Endpoint, ...]
    lane: int | None
    low: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """Tell the peer that our NAT is open for it."""


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Find out whether our peer is at the other end of a stream, which stands on a lane of ours."""

    stream: int
    lane: int = 0


@dataclass(frozen=True, slots=True)
class Close:
    """Close a stream that is in the way."""

    stream: int


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Stop listening and drop every dial that is under way."""


@dataclass(frozen=True, slots=True)
class GaveUp:
    """The budget is spent."""


Event: TypeAlias = Go | Connected | Failed | Sent | PeerOpened | Rejected | Authenticated | Halt | Tick
Effect: TypeAlias = Listen | Dial | Wave | Opened | Authenticate | Close | Withdraw | GaveUp


class State(Enum):
    """Where the punch stands."""

    IDLE = "idle"
    PUNCHING = "punching"
    SHUT = "shut"


@dataclass(slots=True)
class _Place:
    low: bool = False
    attempts: int = 0
    due: float | None = None
    is_met: bool = False


_Way: TypeAlias = tuple[int, Endpoint]
"A lane, and where it leads."


class Punch:
    """One attempt to reach one peer by all its places.

    Args:
        delay: seconds, about, between an explicit error and the next dial; spread by ± 50 %.
        attempts: dials to one place, at most.
        budget: seconds from the first `Go` to `GaveUp`.
        deaf: seconds from there to `Listen`, where listening makes a firewall ask the person.
    """

    def __init__(
        self, *, delay: float = 0.005, attempts: int = 60, budget: float = 4.0, deaf: float = 0.0
    ) -> None:
        self.state = State.IDLE
        self._delay = delay
        self._attempts = attempts
        self._budget = budget
        self._deaf = deaf
        self._end: float | None = None
        self._places: dict[_Way, _Place] = {}
        self._streams: dict[int, _Way] = {}
        self._opens: bool | None = None
        "Whether we are the opener of lane 1. None: neither side is."
        self._is_open = False
        self._waves: list[Wave] = []
        self._held: list[_Way] = []
        self._listen_at: float | None = None
        self._call_at: float | None = None
        self._wave_at: float | None = None

    @property
    def deadline(self) -> float | None:
        """Monotonic seconds at which to feed `Tick`; None for never."""
        places = (place.due for place in self._places.values())
        return earliest(self._end, self._listen_at, self._call_at, self._wave_at, *places)

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance. The match below is the whole transition table.

        Raises:
            LocalProtocolError: anything but `Halt` before `Go`.
        """
        match self.state, event:
            case State.IDLE, Go():
                return self._begin(event, now)
            case State.PUNCHING, Go():
                return self._add(event)
            case State.PUNCHING, Connected():
                return self._connect(event)
            case State.PUNCHING, Failed():
                return self._retry(event, now)
            case State.PUNCHING, Sent():
                return self._open()
            case State.PUNCHING, PeerOpened() if self._call_at is not None:
                return self._call(now)
            case State.PUNCHING, Rejected():
                return self._reject(event, now)
            case State.PUNCHING, Authenticated():
                return self._meet(event)
            case State.PUNCHING, Tick():
                return self._tick(now)
            case ((State.IDLE | State.PUNCHING), Halt()):
                return self._shut()
            case State.PUNCHING, PeerOpened():
                return []
            case State.SHUT, Connected():
                return [Close(event.stream)]
            case State.SHUT, _:
                return []
            case _:
                raise LocalProtocolError(f"{event} while {self.state.value}")

    def _listen(self, now: float) -> list[Effect]:
        if self._listen_at is None or now < self._listen_at:
            return []
        self._listen_at = None
        return [Listen()]

    # -- opening and calling --------------------------------------------------------------

    def _begin(self, event: Go, now: float) -> list[Effect]:
        self.state, self._end = State.PUNCHING, now + self._budget
        self._listen_at = now + self._deaf
        effects = self._listen(now)
        plan = event.plan
        if plan is None or not (event.second or plan.syns):
            return [*effects, *self._add(event)]
        self._opens, self._call_at = plan.opens, now + PATIENCE
        port = None if plan.fresh else 0
        self._waves = [Wave(wave[:MAX_WAVE], port, low=False) for wave in plan.calls[:MAX_WAVES] if wave]
        effects += self._add(event)
        if plan.holes:
            return [*effects, Wave(plan.holes[:MAX_WAVE], None if plan.fresh else 1, low=True)]
        return [*effects, *self._open()]

    def _open(self) -> list[Effect]:
        if self._opens is None or self._is_open:
            return []
        self._is_open = True
        return [Opened()]

    def _call(self, now: float) -> list[Effect]:
        self._call_at = None
        held, self._held = self._held, []
        return [*(self._dial(way) for way in held), *self._next_wave(now)]

    def _next_wave(self, now: float) -> list[Effect]:
        wave = self._waves[:1]
        del self._waves[:1]
        self._wave_at = now + WAVE_PAUSE if self._waves else None
        return [*wave]

    # -- both lanes -----------------------------------------------------------------------

    def _add(self, event: Go) -> list[Effect]:
        inner = [(1, place) for place in event.second]
        usual = [*((0, place) for place in event.places), *inner]
        across = [way for way in self._across(event) if way not in usual]
        low, held = (inner, across) if self._opens else (across, inner)
        fresh = [way for way in dict.fromkeys([*usual, *across]) if way not in self._places]
        del fresh[max(0, MAX_PLACES - len(self._places)) :]
        self._places.update((way, _Place(way in low)) for way in fresh)
        if self._call_at is not None:
            self._held += [way for way in fresh if way in held]
        return [self._dial(way) for way in fresh if way not in self._held]

    def _across(self, event: Go) -> list[_Way]:
        """Name the ways between the lane 0 of who opens lane 1, and lane 1 of the other."""
        if self._opens is None:
            return []
        if self._opens:
            return [(0, place) for place in event.second]
        hosts = {place.host for place in event.second}
        return [(1, place) for place in event.places if place.host in hosts]

    def _dial(self, way: _Way) -> Dial:
        place = self._places[way]
        place.due, place.attempts = None, place.attempts + 1
        lane, remote = way
        return Dial(remote, lane, place.low)

    def _connect(self, event: Connected) -> list[Effect]:
        effects: list[Effect] = []
        if len(self._streams) >= MAX_STREAMS:
            hosts = {remote.host for _, remote in self._places}
            if event.remote.host not in hosts and hosts:
                return [Close(event.stream)]
            strangers = [n for n, (_, remote) in self._streams.items() if remote.host not in hosts]
            oldest = strangers[0] if strangers else next(iter(self._streams))
            del self._streams[oldest]
            effects.append(Close(oldest))
        way = self._streams[event.stream] = (event.lane, event.remote)
        if (place := self._places.get(way)) is not None:
            place.due = None
        return [*effects, Authenticate(event.stream, event.lane)]

    def _meet(self, event: Authenticated) -> list[Effect]:
        way = self._streams.pop(event.stream, None)  # None: it is one of an earlier punch
        if way is not None:
            self._wave_at = None
            self._waves.clear()
            if (place := self._places.get(way)) is not None:
                place.is_met, place.due = True, None
        return []

    def _retry(self, event: Failed, now: float) -> list[Effect]:
        way = (event.lane, event.remote)
        place = self._places.get(way)
        if place is None or place.is_met or way in self._streams.values():
            return []  # it is of an earlier punch, or of a second stream beside the one that stands
        assert self._end is not None
        left = self._attempts - place.attempts
        if left <= 0:
            return []
        pause = STRANGER_PAUSE if place.low else self._delay  # a hole outlives its socket
        if left * 3 <= self._attempts:
            pause = max(pause, (self._end - now) / left)
        place.due = now + pause * (0.5 + event.spread)
        return []

    def _reject(self, event: Rejected, now: float) -> list[Effect]:
        way = self._streams.pop(event.stream, None)
        place = None if way is None else self._places.get(way)
        if place is not None and not place.is_met and place.attempts < self._attempts:
            place.due = now + STRANGER_PAUSE * (0.5 + event.spread)
        return []

    def _tick(self, now: float) -> list[Effect]:
        if self._end is not None and now >= self._end:
            return [*self._shut(), GaveUp()]
        effects = self._listen(now)
        for way, place in self._places.items():
            if place.due is not None and now >= place.due:
                effects.append(self._dial(way))
        if self._call_at is not None and now >= self._call_at:
            effects += self._call(now)
        if self._wave_at is not None and now >= self._wave_at:
            effects += self._next_wave(now)
        return effects

    def _shut(self) -> list[Effect]:
        began = self.state is State.PUNCHING
        self.state = State.SHUT
        self._end = self._listen_at = self._call_at = self._wave_at = None
        self._places.clear()
        self._streams.clear()
        self._waves.clear()
        self._held.clear()
        return [Withdraw()] if began else []
