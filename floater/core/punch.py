"""Decide a TCP hole punch (spec §6.2; Ford, Srisuresh, Kegel 2005, §4).

Both peers listen on and dial from the one port that the observers saw, to all
places at once, until a SYN gets through. `Punch` says whom to dial and when;
`floater.net.dialer` does it and reports back.

    IDLE ──Go──▶ PUNCHING ──Halt, or the budget is spent (GaveUp)──▶ SHUT
                  │    ▲
                  └────┘ Connected → Authenticate; Rejected → go on waiting

- After an explicit error a place is dialled again within milliseconds, spread
  at random: two sides with equal pauses can miss each other for ever. After
  two thirds of the attempts the rest is spread over what is left of the budget.
- A SYN that gets no answer is left to the kernel: a new socket would have a
  new sequence number, which confuses the NAT that holds the first one's.
- Anybody may be on the other end. A stream that fails authentication is
  closed, and its place is dialled again only slowly. Streams that nobody was
  expected on make room for those of the peer's addresses.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from floater.errors import LocalProtocolError
from floater.machine import Tick
from floater.wire.endpoint import Endpoint

MAX_PLACES: Final = 16
"Places that are dialled in one punch; whoever names ever more of them uses us to knock on doors."
MAX_STREAMS: Final = 16
"Streams that may be in authentication at once; each costs a TLS handshake."
STRANGER_PAUSE: Final = 1.0
"Seconds, about, until a place is dialled again where somebody else was found."


# -- events -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Go:
    """Dial these places, and listen. Given again later, it adds places."""

    places: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class Connected:
    """TCP stands between our punch port and `remote`, whoever dialled. `stream` is a fresh number."""

    stream: int
    remote: Endpoint


@dataclass(frozen=True, slots=True)
class Failed:
    """Dialling ended with an explicit error. `spread` is drawn evenly from [0, 1)."""

    remote: Endpoint
    spread: float


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
    """Accept streams on the punch port."""


@dataclass(frozen=True, slots=True)
class Dial:
    """Connect from the punch port."""

    remote: Endpoint


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Find out whether our peer is at the other end."""

    stream: int


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


Event: TypeAlias = Go | Connected | Failed | Rejected | Authenticated | Halt | Tick
Effect: TypeAlias = Listen | Dial | Authenticate | Close | Withdraw | GaveUp


class State(Enum):
    """Where the punch stands."""

    IDLE = "idle"
    PUNCHING = "punching"
    SHUT = "shut"


@dataclass(slots=True)
class _Place:
    attempts: int = 0
    due: float | None = None
    is_met: bool = False


class Punch:
    """One attempt to reach one peer by all its places.

    Args:
        delay: seconds, about, between an explicit error and the next dial; spread by ± 50 %.
        attempts: dials to one place, at most.
        budget: seconds from the first `Go` to `GaveUp`.
    """

    def __init__(self, *, delay: float = 0.005, attempts: int = 60, budget: float = 5.0) -> None:
        self.state = State.IDLE
        self._delay = delay
        self._attempts = attempts
        self._budget = budget
        self._end: float | None = None
        self._places: dict[Endpoint, _Place] = {}
        self._streams: dict[int, Endpoint] = {}

    @property
    def deadline(self) -> float | None:
        """Monotonic seconds at which to feed `Tick`; None for never."""
        times = [self._end, *(place.due for place in self._places.values())]
        return min((time for time in times if time is not None), default=None)

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance. The match below is the whole transition table.

        Raises:
            LocalProtocolError: anything but `Halt` before `Go`.
        """
        match self.state, event:
            case State.IDLE, Go():
                self.state, self._end = State.PUNCHING, now + self._budget
                return [Listen(), *self._add(event.places)]
            case State.PUNCHING, Go():
                return self._add(event.places)
            case State.PUNCHING, Connected():
                return self._connect(event)
            case State.PUNCHING, Failed():
                return self._retry(event.remote, event.spread, now)
            case State.PUNCHING, Rejected():
                return self._reject(event, now)
            case State.PUNCHING, Authenticated():
                return self._meet(event)
            case State.PUNCHING, Tick():
                return self._tick(now)
            case ((State.IDLE | State.PUNCHING), Halt()):
                return self._shut()
            case State.SHUT, Connected():
                return [Close(event.stream)]
            case State.SHUT, _:
                return []
            case _:
                raise LocalProtocolError(f"{event} while {self.state.value}")

    def _add(self, places: tuple[Endpoint, ...]) -> list[Effect]:
        fresh = [place for place in dict.fromkeys(places) if place not in self._places]
        del fresh[max(0, MAX_PLACES - len(self._places)) :]
        self._places.update((place, _Place(attempts=1)) for place in fresh)
        return [Dial(place) for place in fresh]

    def _connect(self, event: Connected) -> list[Effect]:
        effects: list[Effect] = []
        if len(self._streams) >= MAX_STREAMS:
            hosts = {place.host for place in self._places}
            if event.remote.host not in hosts and hosts:
                return [Close(event.stream)]
            strangers = [n for n, remote in self._streams.items() if remote.host not in hosts]
            oldest = strangers[0] if strangers else next(iter(self._streams))
            del self._streams[oldest]
            effects.append(Close(oldest))
        self._streams[event.stream] = event.remote
        if (place := self._places.get(event.remote)) is not None:
            place.due = None
        return [*effects, Authenticate(event.stream)]

    def _meet(self, event: Authenticated) -> list[Effect]:
        remote = self._streams.pop(event.stream, None)  # None: it is one of an earlier punch
        if remote is not None and (place := self._places.get(remote)) is not None:
            place.is_met, place.due = True, None
        return []

    def _retry(self, remote: Endpoint, spread: float, now: float) -> list[Effect]:
        place = self._places[remote]
        if place.is_met or remote in self._streams.values():
            return []  # the error is that of a second stream beside the one that stands
        assert self._end is not None
        left = self._attempts - place.attempts
        if left <= 0:
            return []
        pause = self._delay
        if left * 3 <= self._attempts:
            pause = max(pause, (self._end - now) / left)
        place.due = now + pause * (0.5 + spread)
        return []

    def _reject(self, event: Rejected, now: float) -> list[Effect]:
        remote = self._streams.pop(event.stream, None)
        place = None if remote is None else self._places.get(remote)
        if place is not None and not place.is_met and place.attempts < self._attempts:
            place.due = now + STRANGER_PAUSE * (0.5 + event.spread)
        return []

    def _tick(self, now: float) -> list[Effect]:
        if self._end is not None and now >= self._end:
            return [*self._shut(), GaveUp()]
        effects: list[Effect] = []
        for remote, place in self._places.items():
            if place.due is not None and now >= place.due:
                place.due, place.attempts = None, place.attempts + 1
                effects.append(Dial(remote))
        return effects

    def _shut(self) -> list[Effect]:
        began = self.state is State.PUNCHING
        self.state, self._end = State.SHUT, None
        self._places.clear()
        self._streams.clear()
        return [Withdraw()] if began else []
