"""Decide where the person stands, from signed out to talking with a stranger (spec §4.3, §4.5).

::

              logged in / restored             Seek                  matched
    SIGNED_OUT ───────────────────▶ HOME ───────────────▶ SEEKING ─────────────▶ CONNECTING
        ▲                            ▲ ▲                   │  ▲  ▲                │   │
        │ log out, superseded,       │ └───────────────────┘  │  └────────────────┘   │ Met
        │ token no longer good       │  cancelled, refused    │   no show, match      ▼
        └─ from every state          │                        │   ended: seek again  GREETING
                                     │                                                │ Greeted
                                     └──────── hung up, lost, misbehaved ◀── TALKING ◀┘

Beside it runs the session with the server, which may break and heal in every
state without moving the person:

    NONE ──logged in──▶ ON ──Offline──▶ AWAY ──Online──▶ RESTORING ──restored──▶ ON

- While AWAY a talk goes on and a meeting goes on; a search starts again after `restored`.
- A cancel and a match may cross: the person who cancelled comes home, the
  match is ended as `cancelled`, and the other side seeks again by itself.
- What the server must be told of a match's end is owed until it can be said.
- `SeekAnew` cancels the search and begins it again; a match that crosses is
  turned down, so that nobody is met under the old wishes.
- `attempt` numbers each search, so that a late answer to an earlier one is nothing.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from floater import api
from floater.codes import Code
from floater.core.emit import Emit
from floater.errors import Refused
from floater.machine import Tick
from floater.wire import control
from floater.wire.control import EndReason

FAREWELL: Final = 1.0
"Seconds that a talk goes on after the server has said that it is over, so that the peer's last words arrive."
CROSSING: Final = 5.0
"Seconds to wait for a match that the server says is on its way while we cancel."
RESTORE_AGAIN: Final = 5.0
"Seconds until a log-in is restored again after the server was too busy, unless it names a time."
MAX_NO_SHOWS: Final = 5
"Matches in a row that may fall through before we stop: then it is our own network."


# -- events: wishes of the person ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seek:
    """Press 聊一聊."""


@dataclass(frozen=True, slots=True)
class CancelSeek:
    """Stop seeking. Ends in `home`, whatever crosses it."""


@dataclass(frozen=True, slots=True)
class SeekAnew:
    """What a search is made of has changed: if one is on, cancel it and seek again. Never refused."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the talk, or the attempt to meet."""


@dataclass(frozen=True, slots=True)
class LogOut:
    """End the log-in here and forget it."""


@dataclass(frozen=True, slots=True)
class Leave:
    """The program ends; the log-in is kept for its next start."""


# -- events: the server -------------------------------------------------------------------


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
    """The server did not take our token, or (BUSY, TOO_MANY_TRIES) not now."""

    code: Code
    retry_after: float = 0.0


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
class Closed:
    """The server has ended our session for good: LOGGED_IN_ELSEWHERE or SESSION_ENDED."""

    code: Code


# -- events: the meeting and the talk -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Met:
    """A first link to the peer is authenticated and chosen."""

    match_id: str


@dataclass(frozen=True, slots=True)
class NoShow:
    """Nothing was authenticated in time."""

    match_id: str
    code: Code = Code.NO_PATH


@dataclass(frozen=True, slots=True)
class Greeted:
    """Both have greeted."""

    match_id: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The peer was away for longer than the grace period. `relayed`: the last path led through the server."""

    match_id: str
    relayed: bool = False


@dataclass(frozen=True, slots=True)
class Over:
    """The talk itself has come to its end: a hang-up, or a peer that misbehaved."""

    match_id: str
    reason: api.Ended


Event: TypeAlias = (
    Seek
    | CancelSeek
    | SeekAnew
    | HangUp
    | LogOut
    | Leave
    | Remember
    | Online
    | Offline
    | LoggedIn
    | RestoreRefused
    | SeekAnswered
    | CancelAnswered
    | Closed
    | control.Matched
    | control.MatchEnded
    | Met
    | NoShow
    | Greeted
    | Lost
    | Over
    | Tick
)


# -- effects ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SendRestore:
    """Ask the server to know us again; answered by `LoggedIn` or `RestoreRefused`."""

    token: str
    match_id: str


@dataclass(frozen=True, slots=True)
class SendSeek:
    """Ask for a stranger, with a fresh certificate; answered by `SeekAnswered`."""

    attempt: int
    after: str = ""


@dataclass(frozen=True, slots=True)
class SendCancel:
    """Ask to seek no more; answered by `CancelAnswered`."""

    attempt: int


@dataclass(frozen=True, slots=True)
class SendEndMatch:
    """Tell the server that a match is over for us. The answer does not matter."""

    match_id: str
    reason: EndReason


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
class BeginMeeting:
    """Meet this peer: find a path and make ready to talk."""

    matched: control.Matched


@dataclass(frozen=True, slots=True)
class EndMeeting:
    """Let go of the peer: tell it by `hang_up` if a link stands, settle what is undone, close every link."""

    match_id: str
    reason: api.Ended


Effect: TypeAlias = (
    SendRestore
    | SendSeek
    | SendCancel
    | SendEndMatch
    | SendLogOut
    | KeepToken
    | DropToken
    | BeginMeeting
    | EndMeeting
    | Emit
)


class _Session(Enum):
    """How we stand with the server."""

    NONE = "none"  # not logged in, and nothing to restore
    AWAY = "away"  # a token, but no stream
    RESTORING = "restoring"
    ON = "on"


_TO_SERVER: Final = {
    api.Ended.YOU_HUNG_UP: EndReason.HUNG_UP,
    api.Ended.PEER_HUNG_UP: EndReason.HUNG_UP,
    api.Ended.PEER_LOST: EndReason.LOST,
    api.Ended.PEER_MISBEHAVED: EndReason.REFUSED,
    api.Ended.LOGGED_IN_ELSEWHERE: EndReason.LEFT,
    api.Ended.LOGGED_OUT: EndReason.HUNG_UP,
    api.Ended.SERVER_CLOSED: EndReason.LOST,
}
_HUNG_UP: Final = (EndReason.HUNG_UP, EndReason.CANCELLED, EndReason.REFUSED)
_NOT_NOW: Final = (Code.BUSY, Code.TOO_MANY_TRIES, Code.TIMED_OUT, Code.INTERNAL, Code.STORAGE_FAILED)


class Stranger:
    """One person at one client, and the stranger they seek, meet and leave."""

    def __init__(self) -> None:
        self.state = api.State.SIGNED_OUT
        self.username: str | None = None
        self.online = False
        self.matched: control.Matched | None = None
        self._session = _Session.NONE
        self._token = ""
        self._restore_at: float | None = None
        self.attempt = 0
        self._by_hand = False
        self._cancelling = False
        self._anew = False
        self._after = ""
        self._no_shows = 0
        self._crossing_until: float | None = None
        self._met_at = 0.0
        self._farewell: tuple[float, api.Ended] | None = None
        self._owed: list[SendEndMatch] = []

    @property
    def deadline(self) -> float | None:
        """Monotonic seconds at which to feed `Tick`; None for never."""
        times = (self._restore_at, self._crossing_until, self._farewell and self._farewell[0])
        return min((time for time in times if time is not None), default=None)

    @property
    def logged_in(self) -> bool:
        """Whether the server knows us on the stream that stands now."""
        return self._session is _Session.ON

    @property
    def is_cancelling(self) -> bool:
        """Whether a cancel is under way."""
        return self._cancelling

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance by one event.

        Raises:
            Refused: a wish that cannot be had now; nothing has changed.
        """
        match event:
            case Seek() | CancelSeek() | HangUp() | LogOut() | Leave():
                return self._wish(event, now)
            case SeekAnew():
                return self._seek_anew()
            case Met() | NoShow() | Greeted() | Lost() | Over():
                if self.matched is None or event.match_id != self.matched.match_id:
                    return []  # news of a match that is over already
                return self._news_of_match(event, now)
            case control.Matched():
                return self._matched(event)
            case control.MatchEnded():
                return self._match_ended(event, now)
            case SeekAnswered() | CancelAnswered():
                return self._answered(event, now) if event.attempt == self.attempt else []
            case Tick():
                return self._tick(now)
            case _:
                return self._session_news(event, now)

    # -- wishes ---------------------------------------------------------------------------

    def _wish(self, wish: Seek | CancelSeek | HangUp | LogOut | Leave, now: float) -> list[Effect]:
        match self.state, wish:
            case api.State.SIGNED_OUT, Leave():
                return []
            case api.State.SIGNED_OUT, LogOut() if self._session is not _Session.NONE:
                return self._sign_out(api.Ended.LOGGED_OUT, now)  # a log-in that was still being restored
            case api.State.SIGNED_OUT, _:
                raise Refused(Code.NOT_LOGGED_IN)
            case _, LogOut():
                return self._sign_out(api.Ended.LOGGED_OUT, now)
            case api.State.HOME, Seek():
                if self._session is _Session.AWAY:
                    raise Refused(Code.SERVER_UNREACHABLE)
                self._no_shows = 0  # while RESTORING, the search is sent as soon as that is done
                return self._seek("", by_hand=True)
            case api.State.SEEKING, Seek():
                raise Refused(Code.ALREADY_SEEKING)
            case api.State.CONNECTING, Seek():
                raise Refused(Code.ALREADY_MATCHED)
            case _, Seek():
                raise Refused(Code.IN_A_TALK)
            case api.State.SEEKING, CancelSeek() | Leave():
                return self._cancel()
            case api.State.CONNECTING, CancelSeek():
                return [
                    *self._leave_match(EndReason.CANCELLED, api.Ended.YOU_HUNG_UP),
                    *self._come_home(),
                ]
            case api.State.CONNECTING, HangUp() | Leave():
                effects = self._leave_match(EndReason.CANCELLED, api.Ended.YOU_HUNG_UP)
                ended = Emit(api.TalkEnded(api.Ended.YOU_HUNG_UP, 0.0))
                return [*effects, ended, *self._come_home()]
            case ((api.State.GREETING | api.State.TALKING), HangUp() | Leave()):
                return self._end_talk(api.Ended.YOU_HUNG_UP, now)
            case ((api.State.GREETING | api.State.TALKING), CancelSeek()):
                raise Refused(Code.IN_A_TALK)
            case _, CancelSeek():
                raise Refused(Code.NOT_SEEKING)
            case _, HangUp():
                raise Refused(Code.NO_TALK)
            case _:
                return []

    def _cancel(self) -> list[Effect]:
        if self._session is not _Session.ON:
            return self._come_home()  # the search ended with the stream
        self._anew = False
        if self._cancelling:
            return []
        self._cancelling = True
        return [SendCancel(self.attempt)]

    def _seek_anew(self) -> list[Effect]:
        if self.state is not api.State.SEEKING or self._session is not _Session.ON or self._cancelling:
            return []  # the next search is made of the new wishes anyway
        self._cancelling = self._anew = True
        return [SendCancel(self.attempt)]

    def _cancelled(self) -> list[Effect]:
        return self._seek(self._after) if self._anew else self._come_home()

    # -- the session ----------------------------------------------------------------------

    def _session_news(self, event: Event, now: float) -> list[Effect]:
        match event:
            case Remember(token) if self._session is _Session.NONE:
                self._token = token
                self._session = _Session.AWAY
                return self._restore() if self.online else []
            case Online():
                self.online = True
                return self._restore() if self._session is _Session.AWAY else []
            case Offline():
                self.online = False
                self._restore_at = None
                if self._session is not _Session.NONE:
                    self._session = _Session.AWAY
                if not self._anew:
                    return self._come_home() if self._cancelling else []
                self._forget_search()  # begun again after `restored`
                return []
            case LoggedIn(username, token):
                return self._logged_in(username, token)
            case RestoreRefused(code, retry_after) if self._session is _Session.RESTORING:
                if code not in _NOT_NOW:
                    return [*self._sign_out(api.Ended.LOGGED_OUT, now), _notice(code)]
                self._session = _Session.AWAY
                self._restore_at = now + (retry_after or RESTORE_AGAIN)
                return []
            case Closed(code) if self._session is not _Session.NONE:
                elsewhere = code is Code.LOGGED_IN_ELSEWHERE
                reason = api.Ended.LOGGED_IN_ELSEWHERE if elsewhere else api.Ended.LOGGED_OUT
                self._session = _Session.AWAY  # nothing that we send now would arrive
                return [*self._sign_out(reason, now), _notice(code)]
            case _:
                return []

    def _restore(self) -> list[Effect]:
        self._session = _Session.RESTORING
        self._restore_at = None
        return [SendRestore(self._token, self.matched.match_id if self.matched else "")]

    def _logged_in(self, username: str, token: str) -> list[Effect]:
        self.username = username
        effects: list[Effect] = []
        if token:
            self._token = token
            effects.append(KeepToken(token))
        if self._session is _Session.ON:
            return effects  # a new name
        self._session = _Session.ON if self.online else _Session.AWAY  # the stream may have broken since
        if self.online:
            effects += self._owed
            self._owed = []
        if self.state is api.State.SIGNED_OUT:
            return effects + self._enter(api.State.HOME)
        if self.state is api.State.SEEKING:
            return effects + self._seek(self._after)
        return effects

    def _sign_out(self, reason: api.Ended, now: float) -> list[Effect]:
        effects: list[Effect] = []
        match self.state:
            case api.State.CONNECTING:
                effects += self._leave_match(EndReason.CANCELLED, reason)
                effects.append(Emit(api.TalkEnded(reason, 0.0)))
            case api.State.GREETING | api.State.TALKING:
                effects += self._over(reason, now)
        if self._session is _Session.ON and reason is api.Ended.LOGGED_OUT:
            effects.append(SendLogOut())
        self._session = _Session.NONE
        self._token = ""
        self._restore_at = None
        self._owed = []
        self._forget_search()
        self.username = None
        return [*effects, DropToken(), *self._enter(api.State.SIGNED_OUT)]

    # -- the search -----------------------------------------------------------------------

    def _seek(self, after: str, *, by_hand: bool = False) -> list[Effect]:
        self.attempt += 1
        self._by_hand = by_hand
        self._cancelling = self._anew = False
        self._crossing_until = None
        self._after = after
        effects: list[Effect] = list(self._enter(api.State.SEEKING))
        if self._session is _Session.ON:
            effects.append(SendSeek(self.attempt, after))
        return effects

    def _answered(self, event: SeekAnswered | CancelAnswered, now: float) -> list[Effect]:
        if self.state is not api.State.SEEKING:
            return []
        match event:
            case SeekAnswered(code=None):
                self._after = ""  # the first place in line is bought once
                return []
            case SeekAnswered(code=code):
                if code is Code.SERVER_UNREACHABLE:
                    return []  # sought again after `restored`
                if self._by_hand or self._cancelling:
                    return self._come_home()  # the command's own reply says why
                return [_notice(code or Code.INTERNAL), *self._come_home()]
            case CancelAnswered(code=Code.ALREADY_MATCHED):
                self._crossing_until = now + CROSSING
                return []
            case _:
                return self._cancelled()

    def _matched(self, matched: control.Matched) -> list[Effect]:
        if self.state is not api.State.SEEKING or self._cancelling:
            crossed = self._cancelled() if self.state is api.State.SEEKING else []
            return [SendEndMatch(matched.match_id, EndReason.CANCELLED), *crossed]
        self.matched = matched
        self._after = ""
        return [
            Emit(api.Matched(matched.match_id, api.PeerName(matched.peer.username))),
            *self._enter(api.State.CONNECTING),
            BeginMeeting(matched),
        ]

    def _come_home(self) -> list[Effect]:
        self._forget_search()
        return self._enter(api.State.HOME)

    def _forget_search(self) -> None:
        self._cancelling = self._anew = False
        self._crossing_until = None
        self._after = ""

    # -- the match ------------------------------------------------------------------------

    def _news_of_match(self, event: Met | NoShow | Greeted | Lost | Over, now: float) -> list[Effect]:
        match self.state, event:
            case api.State.CONNECTING, Met():
                self._met_at = now
                self._no_shows = 0
                return self._enter(api.State.GREETING)
            case api.State.CONNECTING, NoShow(_, code):
                notice = code if code is Code.BAD_TICKET else Code.PEER_NO_SHOW
                return self._seek_another(EndReason.NO_SHOW, notice)
            case api.State.CONNECTING, Lost():
                return self._seek_another(EndReason.LOST, Code.PEER_NO_SHOW)
            case api.State.GREETING, Greeted():
                return self._enter(api.State.TALKING)
            case ((api.State.GREETING | api.State.TALKING), (Lost() | NoShow())):
                relayed = isinstance(event, Lost) and event.relayed and not self.online
                return self._end_talk(api.Ended.SERVER_CLOSED if relayed else api.Ended.PEER_LOST, now)
            case ((api.State.GREETING | api.State.TALKING), Over(_, reason)):
                return self._end_talk(reason, now)
            case _:
                return []

    def _match_ended(self, ended: control.MatchEnded, now: float) -> list[Effect]:
        if self.matched is None or ended.match_id != self.matched.match_id:
            return []
        if self.state is api.State.CONNECTING:
            no_show = ended.reason is EndReason.NO_SHOW
            return self._seek_another(None, Code.PEER_NO_SHOW if no_show else Code.PEER_CANCELLED)
        if self._farewell is None:
            hung_up = ended.reason in _HUNG_UP
            self._farewell = (now + FAREWELL, api.Ended.PEER_HUNG_UP if hung_up else api.Ended.PEER_LOST)
        return []

    def _seek_another(self, reason: EndReason | None, notice: Code) -> list[Effect]:
        assert self.matched is not None
        after = self.matched.match_id
        effects = self._leave_match(reason, api.Ended.PEER_LOST)
        self._no_shows += 1
        if self._no_shows >= MAX_NO_SHOWS:
            return [*effects, _notice(Code.NO_PATH), *self._come_home()]
        return [*effects, _notice(notice), *self._seek(after)]

    def _end_talk(self, reason: api.Ended, now: float) -> list[Effect]:
        return [*self._over(reason, now), *self._come_home()]

    def _over(self, reason: api.Ended, now: float) -> list[Effect]:
        lasted = round(now - self._met_at, 3)
        return [*self._leave_match(_TO_SERVER[reason], reason), Emit(api.TalkEnded(reason, lasted))]

    def _leave_match(self, reason: EndReason | None, why: api.Ended) -> list[Effect]:
        assert self.matched is not None
        match_id = self.matched.match_id
        self.matched = None
        self._farewell = None
        effects: list[Effect] = [EndMeeting(match_id, why)]
        if reason is not None:
            word = SendEndMatch(match_id, reason)
            if self._session is _Session.ON:
                effects.append(word)
            else:
                self._owed.append(word)
        return effects

    # -- time -----------------------------------------------------------------------------

    def _tick(self, now: float) -> list[Effect]:
        if self._farewell is not None and now >= self._farewell[0]:
            return self._end_talk(self._farewell[1], now)
        if self._crossing_until is not None and now >= self._crossing_until:
            return self._cancelled()
        if self._restore_at is not None and now >= self._restore_at and self.online:
            return self._restore()
        return []

    def _enter(self, state: api.State) -> list[Effect]:
        if state is self.state:
            return []
        self.state = state
        return [Emit(api.StateChanged(state))]


def _notice(code: Code) -> Emit:
    return Emit(api.Notice(code.value, ""))
