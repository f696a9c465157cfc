"""Decide when to try the server again (spec §4.1).

::

    OPEN ──Broke──▶ WAITING ──due──▶ TRYING ──Came──▶ OPEN
                       ▲───────Broke───┘ ▲
                       └── Nudge ────────┘  (try at once)

    OPEN, TRYING, WAITING ──Uprooted──▶ TRYING  (what there is, is left)

The pause doubles with each failure up to a limit and is spread at random, so
that thousands of clients do not all return at the same moment after a restart of the server.
The random part comes in with the event.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from floater.machine import Tick

STEADY: Final = 60.0
"Seconds that a stream has to last for the next failure to count as the first."


@dataclass(frozen=True, slots=True)
class Begin:
    """Reach the server, now and from now on."""


@dataclass(frozen=True, slots=True)
class Came:
    """The stream stands."""


@dataclass(frozen=True, slots=True)
class Broke:
    """The attempt failed, or the stream ended.

    `spread` is drawn evenly from [0, 1). `retry_after` is the server's own
    word for when to come again, None if it gave none; `never` when coming
    again by ourselves makes no sense.
    """

    spread: float
    retry_after: float | None = None
    never: bool = False


@dataclass(frozen=True, slots=True)
class Nudge:
    """There is a reason to try at once: the person asks."""


@dataclass(frozen=True, slots=True)
class Uprooted:
    """The network has changed: the stream, or the attempt at one, leads nowhere."""


@dataclass(frozen=True, slots=True)
class Abandon:
    """Leave the stream, or the attempt at one, without waiting for its end. No `Broke` follows."""


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
    """Where the stream to the server stands."""

    RESTING = "resting"
    TRYING = "trying"
    OPEN = "open"
    WAITING = "waiting"


class Reconnect:
    """The patience of one client with one server."""

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
