"""Decide when to connect to the server again (spec §4.1).

::

    OPEN ──Broke──▶ WAITING ──due──▶ TRYING ──Came──▶ OPEN
                       ▲───────Broke───┘ ▲
                       └── Nudge ────────┘  (try at once)

    OPEN, TRYING, WAITING ──Uprooted──▶ TRYING  (the old stream is left)
    OPEN, TRYING ──Broke for good──▶ RESTING ──Nudge──▶ TRYING

The pause doubles with each failure up to a limit and has a random factor, so
that the clients of a restarted server do not all return at the same moment.
The random number comes inside the event.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from floater.codes import Code
from floater.machine import Tick

STEADY: Final = 60.0
"Seconds that a stream has to last for the next failure to count as the first."

_IN_VAIN: Final = (Code.UNSUPPORTED_VERSION, Code.SERVER_NOT_TRUSTED)
"Reasons for which an attempt failed that another attempt would meet again."
_COME_BACK: Final = (Code.LOGGED_IN_ELSEWHERE, Code.SESSION_ENDED, Code.SERVER_CLOSING)
"Codes with which the server ends a stream although the client may connect and log in again."


@dataclass(frozen=True, slots=True)
class Begin:
    """Connect to the server, and keep connecting whenever the stream ends."""


@dataclass(frozen=True, slots=True)
class Came:
    """The stream is open, and the server has answered `hello`."""


@dataclass(frozen=True, slots=True)
class Broke:
    """The attempt failed, or the stream ended, for the reason `code`.

    `spread` is drawn evenly from [0, 1). `retry_after` is the pause in seconds
    that the server asked for by `closing`, 0 if it named none; None if there was no `closing`.
    """

    code: Code
    spread: float
    retry_after: float | None = None


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
class Reached:
    """Whether the server is reached; if not, why, and in how many seconds we try again (None: when asked).

    Comes when this has changed, and after each attempt that failed. Requests that wait for it end then.
    """

    online: bool
    code: Code | None = None
    retry: float | None = None


Event: TypeAlias = Begin | Came | Broke | Nudge | Uprooted | Tick
Effect: TypeAlias = Abandon | Try | Reached


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
            case State.OPEN, Uprooted():
                self._failures = 0
                return [Abandon(), Reached(False, Code.SERVER_UNREACHABLE, 0.0), *self._try()]
            case State.TRYING, Uprooted():
                self._failures = 0
                return [Abandon(), *self._try()]
            case State.WAITING, Uprooted():
                self._failures = 0
                return self._try()
            case State.WAITING, Tick() if self.deadline is not None and now >= self.deadline:
                return self._try()
            case State.TRYING, Came():
                self.state, self._opened = State.OPEN, now
                return [Reached(True)]
            case State.OPEN, Broke(code, _, 0.0) if code not in _COME_BACK:
                return self._rest(code)
            case State.OPEN, Broke():
                if now - self._opened >= STEADY:
                    self._failures = 0
                return self._wait(event, now)
            case State.TRYING, Broke(code) if code in _IN_VAIN:
                return self._rest(code)
            case State.TRYING, Broke():
                return self._wait(event, now)
            case _:
                return []

    def _try(self) -> list[Effect]:
        self.state, self.deadline = State.TRYING, None
        return [Try()]

    def _wait(self, broke: Broke, now: float) -> list[Effect]:
        pause = min(self._last, self._first * 2.0**self._failures) * (0.5 + broke.spread)
        pause = max(pause, broke.retry_after or 0.0)
        self._failures = min(self._failures + 1, 32)
        self.state, self.deadline = State.WAITING, now + pause
        return [Reached(False, broke.code, pause)]

    def _rest(self, code: Code) -> list[Effect]:
        """Come again only when asked."""
        self.state, self.deadline = State.RESTING, None
        return [Reached(False, code)]
