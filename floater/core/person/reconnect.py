"""Decide when to connect to the server again (spec §4.1).

::

    OPEN ──Broke──▶ WAITING ──due──▶ TRYING ──Came──▶ OPEN
                       ▲───────Broke───┘ ▲
                       └── Nudge ────────┘  (try at once)

    OPEN, TRYING, WAITING ──Uprooted──▶ TRYING  (the old stream is left)

The pause doubles with each failure up to a limit and has a random factor, so
that the clients of a restarted server do not all return at the same moment.
The random number comes inside the event.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from floater.machine import Tick

STEADY: Final = 60.0
"Seconds that a stream has to last for the next failure to count as the first."


@dataclass(frozen=True, slots=True)
class Begin:
    """Connect to the server, and keep connecting whenever the stream ends."""


@dataclass(frozen=True, slots=True)
class Came:
    """The stream is open, and the server has answered `hello`."""


@dataclass(frozen=True, slots=True)
class Broke:
    """The attempt failed, or the stream ended.

    `spread` is drawn evenly from [0, 1). `retry_after` is the pause in seconds
    that the server asked for, None if it asked for none. With `never` the
    client does not connect again by itself.
    """

    spread: float
    retry_after: float | None = None
    never: bool = False


@dataclass(frozen=True, slots=True)
class Nudge:
    """The person asks to connect at once."""


@dataclass(frozen=True, slots=True)
class Uprooted:
    """The network has changed: the stream, or the attempt, cannot work any more."""


@dataclass(frozen=True, slots=True)
class Abandon:
    """Abandon the stream, or the attempt, without waiting for its end. No `Broke` follows."""


@dataclass(frozen=True, slots=True)
class Try:
    """Open a stream."""


@dataclass(frozen=True, slots=True)
class Waits:
    """The next attempt comes in `seconds`."""

    seconds: float


Event: TypeAlias = Begin | Came | Broke | Nudge | Uprooted | Tick
Effect: TypeAlias = Abandon | Try | Waits


class State(Enum):
    """The state of the stream to the server."""

    RESTING = "resting"
    TRYING = "trying"
    OPEN = "open"
    WAITING = "waiting"


class Reconnect:
    """When one client connects to one server."""

    def __init__(self, first: float, last: float) -> None:
        self.state = State.RESTING
        self.deadline: float | None = None
        self._first = first
        self._last = last
        self._failures = 0
        self._opened = 0.0

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance. The match below is the whole transition table."""
        match self.state, event:
            case State.RESTING, (Begin() | Nudge()):
                return self._try()
            case State.WAITING, Nudge():
                return self._try()
            case ((State.OPEN | State.TRYING), Uprooted()):
                self._failures = 0
                return [Abandon(), *self._try()]
            case State.WAITING, Uprooted():
                self._failures = 0
                return self._try()
            case State.WAITING, Tick() if self.deadline is not None and now >= self.deadline:
                return self._try()
            case State.TRYING, Came():
                self.state, self._opened = State.OPEN, now
                return []
            case ((State.TRYING | State.OPEN), Broke(never=True)):
                self.state, self.deadline = State.RESTING, None
                return []
            case State.OPEN, Broke():
                if now - self._opened >= STEADY:
                    self._failures = 0
                return self._wait(event, now)
            case State.TRYING, Broke():
                return self._wait(event, now)
            case _:
                return []

    def _try(self) -> list[Effect]:
        self.state, self.deadline = State.TRYING, None
        return [Try()]

    def _wait(self, broke: Broke, now: float) -> list[Effect]:
        pause = min(self._last, self._first * 2.0**self._failures) * (0.5 + broke.spread)
        if broke.retry_after is not None:
            pause = max(pause, broke.retry_after)
        self._failures = min(self._failures + 1, 32)
        self.state, self.deadline = State.WAITING, now + pause
        return [Waits(pause)]
