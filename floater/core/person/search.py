"""Seek a stranger: one search at a time (spec §4.4).

::

             Seek, SeekAgain                       CancelSeek
     HOME ───────────────────▶ SEEKING ─────────────────────────────▶ CANCELLING
      ▲ ▲                       │ │ ▲  SeekAnew                           │
      │ │ found, refused        │ │ └──────────── RENEWING ──CancelSeek──▶│
      │ └───────────────────────┘ └──────────────────▲                    │
      └───────────── cancelled, offline, or a match that crossed ─────────┘

- An attempt is one request `seek` to the server. Each has a number, so that a
  late answer to an earlier attempt changes nothing.
- The client needs time to carry out `SendSeek`. Until `Sent`, the server does not
  know the attempt, and a cancel needs no request.
- A cancel and a match may cross: the match is declined, and the search ends, or
  in RENEWING starts again.
- When the stream breaks, the server forgets the search. The client sends it again
  after `Restored`; a cancel without an answer counts as done.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from floater import api
from floater.codes import Code
from floater.core.emit import Emit
from floater.core.person.session import Offline
from floater.errors import Refused
from floater.machine import Tick

CROSSING: Final = 5.0
"Seconds to wait for a match that the server announced in its answer to a cancel."
MAX_NO_SHOWS: Final = 5
"Matches in a row that may fall through before the search ends: the cause is then our own network."
MAX_REFUSALS: Final = 2
"""Matches in a row that fall through for a reason of `_OURS`, after which the search ends: it is
likely to repeat, and each costs another person a match."""
_OURS: Final = (Code.BAD_TICKET, Code.UNSUPPORTED_VERSION)
"What may be the fault of this computer: its clock, or its version of the program."


class State(Enum):
    """The state of the search."""

    HOME = "home"  # nothing
    SEEKING = "seeking"
    CANCELLING = "cancelling"
    RENEWING = "renewing"  # cancelling, to seek anew


# -- events -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seek:
    """The person wants to meet a stranger."""


@dataclass(frozen=True, slots=True)
class CancelSeek:
    """Stop seeking. The search ends in HOME, even if a match crosses the cancel."""


@dataclass(frozen=True, slots=True)
class SeekAnew:
    """Candidates or settings have changed: cancel the search, if one is on, and seek again. Never refused."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The client has sent the request of this attempt."""

    attempt: int


@dataclass(frozen=True, slots=True)
class SeekAnswered:
    """The answer to `SendSeek`; `code` is None for done, SERVER_UNREACHABLE if the stream broke."""

    attempt: int
    code: Code | None


@dataclass(frozen=True, slots=True)
class CancelAnswered:
    """The answer to `SendCancel`; `code` is None for done."""

    attempt: int
    code: Code | None


@dataclass(frozen=True, slots=True)
class Restored:
    """The session is on again: the server accepts requests."""


@dataclass(frozen=True, slots=True)
class NotRestored:
    """The server cannot restore the session now; it will be asked again."""


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """The session has ended."""


@dataclass(frozen=True, slots=True)
class Found:
    """The server sent a match while `is_open`."""


@dataclass(frozen=True, slots=True)
class Crossed:
    """The server sent a match while not `is_open`; it was declined."""


@dataclass(frozen=True, slots=True)
class SeekAgain:
    """A match fell through. Seek again with the first place in line; `notice` tells the person why."""

    after: str
    notice: Code


Event: TypeAlias = (
    Seek
    | CancelSeek
    | SeekAnew
    | Sent
    | SeekAnswered
    | CancelAnswered
    | Offline
    | Restored
    | NotRestored
    | LoggedOut
    | Found
    | Crossed
    | SeekAgain
    | Tick
)


# -- effects ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SendSeek:
    """Send `seek` with a fresh certificate.

    Prepare the request. If `Unmatched` or another `SendSeek` comes meanwhile, drop it; otherwise
    feed `Sent` and send it. Feed the answer as `SeekAnswered`.
    """

    attempt: int
    after: str = ""
    "The match that fell through, which gives the first place in line; empty if there is none."


@dataclass(frozen=True, slots=True)
class SendCancel:
    """Send `cancel_seek`. Feed the answer as `CancelAnswered`."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Settled:
    """The outcome of the search is known: answer the commands that wait for it.

    The server has accepted, matched, refused or cancelled it, or is out of reach
    and will be asked again. `code` is the reason why a `seek` command was refused.
    """

    code: Code | None = None


@dataclass(frozen=True, slots=True)
class Unmatched:
    """No match comes of the last `SendSeek` any more. A `SendSeek` may follow.

    `told`: whether the server may have told a peer of what was announced.
    """

    told: bool


Effect: TypeAlias = SendSeek | SendCancel | Settled | Unmatched | Emit


class _Request(Enum):
    """How much the server knows of the attempt."""

    NONE = "none"  # nothing, and nothing is being prepared
    PREPARING = "preparing"  # nothing yet
    SENT = "sent"


class Search:
    """The search for a stranger, from `Seek` to the match."""

    def __init__(self) -> None:
        self.state = State.HOME
        self.is_settled = True
        "False from a command until `Settled`."
        self.deadline: float | None = None
        "Monotonic seconds until which to wait for a match that crosses a cancel; None for never."
        self._number = 0
        self._request = _Request.NONE
        self._after = ""
        self._by_hand = False
        "Whether a command `seek` waits: its reply has the code, so there is no notice."
        self._reachable = False
        self._no_shows = 0
        self._refusals = 0

    @property
    def attempt(self) -> int | None:
        """The attempt that was sent or is being prepared; None if there is none."""
        return None if self._request is _Request.NONE else self._number

    @property
    def is_open(self) -> bool:
        """Whether a match that comes now is wanted."""
        return self.state is State.SEEKING and self._request is _Request.SENT

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance by one event.

        Raises:
            Refused: ALREADY_SEEKING, NOT_SEEKING; nothing has changed.
        """
        match self.state, event:
            case State.HOME, Seek():
                self._no_shows = self._refusals = 0
                self._by_hand = True
                self.is_settled = False
                return self._begin("")
            case _, Seek():
                raise Refused(Code.ALREADY_SEEKING)
            case State.HOME, CancelSeek():
                raise Refused(Code.NOT_SEEKING)
            case State.SEEKING, CancelSeek():
                return self._cancel(State.CANCELLING) if self._request is _Request.SENT else self._end()
            case State.RENEWING, CancelSeek():
                self.state = State.CANCELLING
                return []
            case State.SEEKING, SeekAnew() if self._request is _Request.SENT:
                return self._cancel(State.RENEWING)
            case State.SEEKING, SeekAnew() if self._request is _Request.PREPARING:
                return self._begin(self._after)
            case _, Sent(attempt) if attempt == self.attempt:
                self._request = _Request.SENT
                return []
            case _, SeekAnswered(attempt, code) if attempt == self.attempt:
                return self._answered(code)
            case ((State.CANCELLING | State.RENEWING), CancelAnswered(attempt, code)) if (
                attempt == self.attempt
            ):
                if code is not Code.ALREADY_MATCHED:
                    return self._cancelled(told=code is not None)
                self.deadline = now + CROSSING
                return []
            case ((State.CANCELLING | State.RENEWING), Crossed()):
                return self._cancelled(told=True)
            case _, Tick() if self.deadline is not None and now >= self.deadline:
                return self._cancelled(told=True)
            case State.SEEKING, NotRestored():
                return self._settle()
            case State.SEEKING, Found():
                self._request = _Request.NONE
                return self._end()
            case _, SeekAgain(after, notice):
                return self._seek_again(after, notice)
            case _, Offline() | Restored() | LoggedOut():
                return self._session(event)
            case _:
                return []

    def _session(self, event: Offline | Restored | LoggedOut) -> list[Effect]:
        self._reachable = isinstance(event, Restored)
        match self.state, event:
            case State.SEEKING, Restored():
                return self._begin(self._after)
            case ((State.SEEKING | State.RENEWING), Offline()):
                self.state = State.SEEKING
                self.deadline = None
                return [*self._forget(told=True), *self._settle()]
            case (State.CANCELLING, Offline()) | (_, LoggedOut()):
                return self._end()
            case _:
                return []

    def _begin(self, after: str) -> list[Effect]:
        self.state = State.SEEKING
        self.deadline = None
        self._number += 1
        self._after = after
        if not self._reachable:
            return []  # `Restored` begins it again
        self._request = _Request.PREPARING
        self.is_settled = False
        return [SendSeek(self._number, after)]

    def _seek_again(self, after: str, notice: Code) -> list[Effect]:
        self._no_shows += 1
        self._refusals = self._refusals + 1 if notice in _OURS else 0
        if self._refusals >= MAX_REFUSALS:
            return [_notice(notice)]
        if self._no_shows >= MAX_NO_SHOWS:
            return [_notice(Code.NO_PATH)]
        return [_notice(notice), *self._begin(after)]

    def _answered(self, code: Code | None) -> list[Effect]:
        if code is Code.SERVER_UNREACHABLE:
            return self._settle() if self.state is State.SEEKING else []  # sought again after `Restored`
        if code is None:
            self._after = ""  # the first place in line is bought once
            return self._settle() if self.state is State.SEEKING else []
        if self._by_hand or self.state is State.CANCELLING:
            return self._end(code, told=False)
        return [_notice(code), *self._end(code, told=False)]

    def _cancel(self, towards: State) -> list[Effect]:
        self.state = towards
        self.is_settled = False
        return [SendCancel(self._number)]

    def _cancelled(self, *, told: bool) -> list[Effect]:
        if self.state is State.RENEWING:
            return [*self._forget(told=told), *self._begin(self._after)]
        return self._end(told=told)

    def _end(self, code: Code | None = None, *, told: bool = True) -> list[Effect]:
        self.state = State.HOME
        self.deadline = None
        self._after = ""
        return [*self._forget(told=told), *self._settle(code)]

    def _forget(self, *, told: bool) -> list[Effect]:
        """End the attempt, if one is on. What was not sent cannot have been told."""
        request, self._request = self._request, _Request.NONE
        return [] if request is _Request.NONE else [Unmatched(told and request is _Request.SENT)]

    def _settle(self, code: Code | None = None) -> list[Effect]:
        settled, self.is_settled, self._by_hand = self.is_settled, True, False
        return [] if settled else [Settled(code)]


def _notice(code: Code) -> Emit:
    return Emit(api.Notice(code.value, ""))
