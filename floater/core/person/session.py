"""Keep the log-in on one server, and report the end of matches to it (spec §4.3).

::

    NONE ──logged in──▶ ON ──Offline──▶ AWAY ──Online──▶ RESTORING ──restored──▶ ON
      ▲  └─Remember──────────────────────▲ └──not now: again after a while──┐│
      │                                  └──────────────────────────────────┘│
      └── log out, superseded, token no longer good: from every state ───────┘

The stream may break and return while the person seeks or talks. `restore` names
the matches that go on at this client. If a match ends while the session is off,
`end_match` is sent when the session is on again.
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
"Seconds from BUSY and the like to the next `restore`, unless the server names a time."

_NOT_NOW: Final = (Code.BUSY, Code.TOO_MANY_TRIES, Code.TIMED_OUT, Code.INTERNAL, Code.STORAGE_FAILED)


class State(Enum):
    """The state of the log-in."""

    NONE = "none"  # not logged in, and no token to restore
    AWAY = "away"  # a token, but no stream
    RESTORING = "restoring"
    ON = "on"


# -- events -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Remember:
    """The token of an earlier run was found on disk."""

    token: str


@dataclass(frozen=True, slots=True)
class Online:
    """A stream to the server is open."""


@dataclass(frozen=True, slots=True)
class Offline:
    """The stream to the server has ended."""


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The server has accepted the log-in. `token` is empty if the old one stays valid."""

    username: str
    token: str = ""


@dataclass(frozen=True, slots=True)
class RestoreRefused:
    """The server refused the token, or (BUSY, TOO_MANY_TRIES, …) cannot check it now.

    `retry_after` is in seconds; 0 if the server names no time.
    """

    code: Code
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True)
class Closed:
    """The server has ended the session: LOGGED_IN_ELSEWHERE or SESSION_ENDED."""

    code: Code


Event: TypeAlias = Remember | Online | Offline | LoggedIn | RestoreRefused | Closed | Tick


# -- effects ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SendRestore:
    """Send `restore`. Feed the answer as `LoggedIn` or `RestoreRefused`."""

    token: str
    match_ids: tuple[str, ...] = ()
    "The matches that go on at this client, one with a stranger first; at most `MAX_MATCHES`."
    stranger: bool = True
    "The first of them, if there is one, is with a stranger."


@dataclass(frozen=True, slots=True)
class SendLogOut:
    """Send `log_out`, which invalidates the token. The answer is ignored."""


@dataclass(frozen=True, slots=True)
class KeepToken:
    """Store the token for the next start."""

    token: str


@dataclass(frozen=True, slots=True)
class DropToken:
    """Forget the stored token."""


@dataclass(frozen=True, slots=True)
class LogInEnded:
    """The server does not accept the log-in any more. `Standing` ends everything, then calls `log_out`."""

    reason: api.Ended
    code: Code


Effect: TypeAlias = SendRestore | SendEndMatch | SendLogOut | KeepToken | DropToken | LogInEnded


class Session:
    """One log-in, which outlives broken streams and restarts of either side."""

    def __init__(self) -> None:
        self.state = State.NONE
        self.online = False
        "Whether the server is reached."
        self.username: str | None = None
        "None while signed out, and while the log-in of an earlier run is not restored yet."
        self.deadline: float | None = None
        "Monotonic seconds of the next `restore`; None for never."
        self._token = ""
        self._matches: list[str] = []
        self._stranger = ""  # the newest match with a stranger
        self._owed: list[SendEndMatch] = []

    @property
    def is_on(self) -> bool:
        """Whether the server has accepted the log-in on the present stream."""
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
            case State.NONE, LoggedIn(token=""):
                return []  # the answer to a `restore` that a log-out has overtaken: there is no token to keep
            case _, LoggedIn(username, token):
                return self._logged_in(username, token)
            case State.RESTORING, RestoreRefused(code, retry_after) if code in _NOT_NOW:
                self.state = State.AWAY
                self.deadline = now + (retry_after or RESTORE_AGAIN)
                return []
            case State.RESTORING, RestoreRefused(code):
                self.state = State.AWAY  # there is no log-in to end at the server
                return [LogInEnded(api.Ended.LOGGED_OUT, code)]
            case ((State.AWAY | State.RESTORING | State.ON), Closed(code)):
                self.state = State.AWAY  # a request sent now would not arrive
                elsewhere = code is Code.LOGGED_IN_ELSEWHERE
                reason = api.Ended.LOGGED_IN_ELSEWHERE if elsewhere else api.Ended.LOGGED_OUT
                return [LogInEnded(reason, code)]
            case _, Tick() if self.deadline is not None and now >= self.deadline:
                return self._restore()
            case _:
                return []

    def match_began(self, match_id: str, *, stranger: bool = False) -> None:
        """Add a match that goes on at this client: `restore` will name it, one with a stranger first."""
        if stranger:
            self._stranger = match_id
            self._matches.insert(0, match_id)
        else:
            self._matches.append(match_id)

    def match_over(self, match_id: str, reason: EndReason | None) -> list[SendEndMatch]:
        """Remove a match; return the `SendEndMatch` for it, now or when the session is on again.

        Args:
            match_id: may be unknown: a match that was declined never began.
            reason: None if the server itself ended the match, which needs no message.
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
        """Forget the log-in. Only a log-out by the person is sent to the server.

        It is sent after a `restore` without an answer, too: the server carries both out, in this order.
        """
        tells = self.state in (State.ON, State.RESTORING) and reason is api.Ended.LOGGED_OUT
        self.state = State.NONE
        self.username = None
        self.deadline = None
        self._token = ""
        self._owed = []
        return [SendLogOut(), DropToken()] if tells else [DropToken()]

    def _restore(self) -> list[Effect]:
        self.state = State.RESTORING
        self.deadline = None
        names = tuple(self._matches[:MAX_MATCHES])
        return [SendRestore(self._token, names, stranger=not names or names[0] == self._stranger)]

    def _logged_in(self, username: str, token: str) -> list[Effect]:
        self.username = username
        effects: list[Effect] = []
        if token:
            self._token = token
            effects.append(KeepToken(token))
        self.deadline = None
        if not self.online:
            self.state = State.AWAY  # the stream has broken in the meantime
            return effects
        self.state = State.ON
        owed, self._owed = self._owed, []
        return [*effects, *owed]
