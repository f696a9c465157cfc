"""Keep the log-in on one server, and tell the server what becomes of our matches (spec §4.3).

::

    NONE ──logged in──▶ ON ──Offline──▶ AWAY ──Online──▶ RESTORING ──restored──▶ ON
      ▲  └─Remember──────────────────────▲ └──not now: again after a while──┐│
      │                                  └──────────────────────────────────┘│
      └── log out, superseded, token no longer good: from every state ───────┘

A session may break and heal while the person seeks or talks. `restore` names
the matches that go on at this client. The end of a match that happened while
the session was broken is owed, and told when the session is on again.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from floater import api
from floater.codes import Code
from floater.core.person.encounter import SendEndMatch
from floater.machine import Tick
from floater.wire.control import EndReason
from floater.wire.limits import MAX_MATCHES

RESTORE_AGAIN: Final = 5.0
"Seconds until a log-in is restored again after the server was too busy, unless the server names a time."

_NOT_NOW: Final = (Code.BUSY, Code.TOO_MANY_TRIES, Code.TIMED_OUT, Code.INTERNAL, Code.STORAGE_FAILED)


class State(Enum):
    """How we stand with the server."""

    NONE = "none"  # not logged in, and no token to restore
    AWAY = "away"  # a token, but no stream
    RESTORING = "restoring"
    ON = "on"


# -- events -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Remember:
    """A token of an earlier run was found."""

    token: str


@dataclass(frozen=True, slots=True)
class Online:
    """The server is reached."""


@dataclass(frozen=True, slots=True)
class Offline:
    """The stream to the server has ended."""


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The server knows us now. `token` is empty where the one we have stays good."""

    username: str
    token: str = ""


@dataclass(frozen=True, slots=True)
class RestoreRefused:
    """The server did not take our token, or (BUSY, TOO_MANY_TRIES, …) cannot take it now.

    `retry_after` is in seconds; 0 where the server names no time.
    """

    code: Code
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True)
class Closed:
    """The server has ended our session for good: LOGGED_IN_ELSEWHERE or SESSION_ENDED."""

    code: Code


Event: TypeAlias = Remember | Online | Offline | LoggedIn | RestoreRefused | Closed | Tick


# -- effects ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SendRestore:
    """Ask the server to know us again; answered by `LoggedIn` or `RestoreRefused`."""

    token: str
    match_ids: tuple[str, ...] = ()
    "The matches that go on at this client, oldest first; at most `MAX_MATCHES`."


@dataclass(frozen=True, slots=True)
class SendLogOut:
    """Make the token worthless. The answer does not matter."""


@dataclass(frozen=True, slots=True)
class KeepToken:
    """Store the token for the next start."""

    token: str


@dataclass(frozen=True, slots=True)
class DropToken:
    """Forget the stored token."""


@dataclass(frozen=True, slots=True)
class LogInEnded:
    """The server does not take our log-in any more. `Standing` ends everything, then calls `log_out`."""

    reason: api.Ended
    code: Code


Effect: TypeAlias = SendRestore | SendEndMatch | SendLogOut | KeepToken | DropToken | LogInEnded


class Session:
    """One log-in, kept over broken streams and restarts of either side."""

    def __init__(self) -> None:
        self.state = State.NONE
        self.online = False
        "Whether the server is reached."
        self.username: str | None = None
        "None while signed out, also while a remembered log-in was not restored yet."
        self.deadline: float | None = None
        "Monotonic seconds at which to restore again; None for never."
        self._token = ""
        self._matches: list[str] = []
        self._owed: list[SendEndMatch] = []

    @property
    def is_on(self) -> bool:
        """Whether the server knows us on the stream that stands now."""
        return self.state is State.ON

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance by one event."""
        match self.state, event:
            case State.NONE, Remember(token):
                self._token = token
                self.state = State.AWAY
                return self._restore() if self.online else []
            case _, Online():
                self.online = True
                return self._restore() if self.state is State.AWAY else []
            case _, Offline():
                self.online = False
                self.deadline = None
                if self.state is not State.NONE:
                    self.state = State.AWAY
                return []
            case _, LoggedIn(username, token):
                return self._logged_in(username, token)
            case State.RESTORING, RestoreRefused(code, retry_after) if code in _NOT_NOW:
                self.state = State.AWAY
                self.deadline = now + (retry_after or RESTORE_AGAIN)
                return []
            case State.RESTORING, RestoreRefused(code):
                return [LogInEnded(api.Ended.LOGGED_OUT, code)]
            case ((State.AWAY | State.RESTORING | State.ON), Closed(code)):
                self.state = State.AWAY  # nothing that we send now would arrive
                elsewhere = code is Code.LOGGED_IN_ELSEWHERE
                reason = api.Ended.LOGGED_IN_ELSEWHERE if elsewhere else api.Ended.LOGGED_OUT
                return [LogInEnded(reason, code)]
            case _, Tick() if self.deadline is not None and now >= self.deadline:
                return self._restore()
            case _:
                return []

    def match_began(self, match_id: str) -> None:
        """A match goes on at this client from now on; `restore` names it."""
        self._matches.append(match_id)

    def match_over(self, match_id: str, reason: EndReason | None) -> list[SendEndMatch]:
        """A match is over here. Tell the server why, now or when the session is on again.

        Args:
            match_id: it need not have begun; a match that is turned down never does.
            reason: None where the server has said so itself.
        """
        if match_id in self._matches:
            self._matches.remove(match_id)
        if reason is None or self.state is State.NONE:
            return []
        word = SendEndMatch(match_id, reason)
        if self.state is State.ON:
            return [word]
        self._owed.append(word)
        return []

    def log_out(self, reason: api.Ended) -> list[SendLogOut | DropToken]:
        """Forget the log-in; the server hears of it only where the person wished it."""
        tells = self.state is State.ON and reason is api.Ended.LOGGED_OUT
        self.state = State.NONE
        self.username = None
        self.deadline = None
        self._token = ""
        self._owed = []
        return [SendLogOut(), DropToken()] if tells else [DropToken()]

    def _restore(self) -> list[Effect]:
        self.state = State.RESTORING
        self.deadline = None
        return [SendRestore(self._token, tuple(self._matches[:MAX_MATCHES]))]

    def _logged_in(self, username: str, token: str) -> list[Effect]:
        self.username = username
        effects: list[Effect] = []
        if token:
            self._token = token
            effects.append(KeepToken(token))
        self.deadline = None
        if not self.online:
            self.state = State.AWAY  # the stream has broken since
            return effects
        self.state = State.ON
        owed, self._owed = self._owed, []
        return [*effects, *owed]
