"""Combine one session, one search and any number of encounters into the state of one person.

- Each match is an encounter. At most one is with a stranger, and while it lasts,
  `Seek` is refused. There may be several talks of other kinds at once; they
  neither block a search nor end by it.
- A log-out, by the person or by the server, ends everything. A hang-up ends
  one talk.
- If a match with a stranger ends before the two met, the search goes on by itself.
- `State` is derived: SIGNED_OUT without a log-in; otherwise the standing of the
  stranger's encounter; otherwise SEEKING or HOME. Other talks do not change it.

The order of events for the person: first the cause (`Matched`, `TalkEnded`, a
notice of the search), then `StateChanged`, then `TalkChanged` of every talk whose
standing has changed; a notice of an ended log-in comes last. Orders that begin
something (`SendSeek`, `SendCancel`, `BeginMeeting`, `Settled`) follow the events
about it, and so does `Unmatched`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from floater import api
from floater.codes import Code
from floater.core.emit import Emit
from floater.core.meet.introduction import Introduction
from floater.core.person import encounter, search, session
from floater.core.person.encounter import BeginMeeting, Encounter, EndMeeting, FellThrough, SendEndMatch
from floater.core.person.search import (
    CancelAnswered,
    CancelSeek,
    Search,
    Seek,
    SeekAnew,
    SeekAnswered,
    SendCancel,
    SendSeek,
    Sent,
    Settled,
    Unmatched,
)
from floater.core.person.session import (
    Closed,
    DropToken,
    KeepToken,
    LoggedIn,
    LogInEnded,
    Offline,
    Online,
    Remember,
    RestoreRefused,
    SendLogOut,
    SendRestore,
    Session,
)
from floater.errors import Refused
from floater.machine import Tick, earliest
from floater.wire.control import EndReason
from floater.wire.limits import MAX_MATCHES
from floater.wire.scripts import is_mixed

_STATES: Final = {
    api.Standing.CONNECTING: api.State.CONNECTING,
    api.Standing.GREETING: api.State.GREETING,
    api.Standing.OPEN: api.State.TALKING,
}


@dataclass(frozen=True, slots=True)
class HangUp:
    """End a talk, or the attempt to meet."""

    talk: str = ""
    "The id; empty for the stranger's talk, or the only one."


@dataclass(frozen=True, slots=True)
class LogOut:
    """Log out: end every talk and the search, and forget the log-in."""


@dataclass(frozen=True, slots=True)
class Leave:
    """The program ends: end every talk and the search; the log-in is kept for the next start."""


@dataclass(frozen=True, slots=True)
class Introduced:
    """A peer was introduced, by the server's `matched` or in another way."""

    introduction: Introduction
    kind: api.TalkKind = api.TalkKind.STRANGER


Wish: TypeAlias = Seek | CancelSeek | SeekAnew | HangUp | LogOut | Leave
Event: TypeAlias = (
    Wish
    | Remember
    | Online
    | Offline
    | LoggedIn
    | RestoreRefused
    | Closed
    | Sent
    | SeekAnswered
    | CancelAnswered
    | Introduced
    | encounter.News
    | Tick
)
Effect: TypeAlias = (
    SendRestore
    | SendSeek
    | SendCancel
    | Settled
    | Unmatched
    | SendEndMatch
    | SendLogOut
    | KeepToken
    | DropToken
    | BeginMeeting
    | EndMeeting
    | Emit
)


class Standing:
    """One person at one client: log-in, search and matches."""

    def __init__(self) -> None:
        self._session = Session()
        self._search = Search()
        self._encounters: dict[str, Encounter] = {}
        self._told = api.State.SIGNED_OUT

    # -- state ----------------------------------------------------------------------------

    @property
    def state(self) -> api.State:
        """The state that the person is shown."""
        if self._session.username is None:
            return api.State.SIGNED_OUT
        if (stranger := self.stranger) is not None:
            return _STATES[stranger.standing]
        return api.State.HOME if self._search.state is search.State.HOME else api.State.SEEKING

    @property
    def username(self) -> str | None:
        """None while signed out."""
        return self._session.username

    @property
    def online(self) -> bool:
        """Whether a stream to the server is open."""
        return self._session.online

    @property
    def logged_in(self) -> bool:
        """Whether the server has accepted the log-in on the present stream."""
        return self._session.is_on

    @property
    def attempt(self) -> int | None:
        """The attempt whose `SendSeek` is still wanted; None if there is none."""
        return self._search.attempt

    @property
    def is_settled(self) -> bool:
        """Whether the outcome of the search is known; if not, `Settled` will follow."""
        return self._search.is_settled

    @property
    def encounters(self) -> tuple[Encounter, ...]:
        """Every match that is not over, oldest first."""
        return tuple(one for one in self._encounters.values() if not one.is_over)

    @property
    def stranger(self) -> Encounter | None:
        """The encounter with a stranger, if one is on."""
        for one in self._encounters.values():
            if one.kind is api.TalkKind.STRANGER and not one.is_over:
                return one
        return None

    @property
    def deadline(self) -> float | None:
        """Monotonic seconds at which to feed `Tick`; None for never."""
        encounters = (one.deadline for one in self._encounters.values())
        return earliest(self._session.deadline, self._search.deadline, *encounters)

    def which(self, talk: str = "") -> Encounter:
        """Return the encounter that a command names.

        Args:
            talk: its id; empty for the stranger's talk, or the only one.

        Raises:
            Refused: NO_TALK; WHICH_TALK if `talk` is empty and there are several.
        """
        if talk:
            named = self._encounters.get(talk)
            if named is None or named.is_over:
                raise Refused(Code.NO_TALK)
            return named
        if (stranger := self.stranger) is not None:
            return stranger
        on = self.encounters
        if not on:
            raise Refused(Code.NO_TALK)
        if len(on) > 1:
            raise Refused(Code.WHICH_TALK)
        return on[0]

    # -- events ---------------------------------------------------------------------------

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance by one event.

        Raises:
            Refused: the command is not possible now; nothing has changed.
        """
        return [*self._take(event, now), *self._moved()]

    def _take(self, event: Event, now: float) -> list[Effect]:
        match event:
            case Seek() | CancelSeek() | HangUp() | LogOut() | Leave():
                return self._wish(event, now)
            case SeekAnew() | Sent() | SeekAnswered() | CancelAnswered():
                return self._feed_search(event, now)
            case Introduced(introduction, kind):
                return self._introduced(introduction, kind, now)
            case Tick():
                effects: list[Effect] = []
                for one in self.encounters:
                    effects += self._heed(one, one.feed(event, now=now), now)
                return [*effects, *self._feed_search(event, now), *self._feed_session(event, now)]
            case Remember() | Online() | Offline() | LoggedIn() | RestoreRefused() | Closed():
                return self._feed_session(event, now)
            case _:
                return self._news(event, now)

    # -- commands -------------------------------------------------------------------------

    def _wish(self, wish: Seek | CancelSeek | HangUp | LogOut | Leave, now: float) -> list[Effect]:
        match self.state, wish:
            case api.State.SIGNED_OUT, Leave():
                return []
            case api.State.SIGNED_OUT, LogOut() if self._session.state is not session.State.NONE:
                return self._log_out(api.Ended.LOGGED_OUT, now)  # the log-in was still being restored
            case api.State.SIGNED_OUT, _:
                raise Refused(Code.NOT_LOGGED_IN)
            case _, LogOut():
                return self._log_out(api.Ended.LOGGED_OUT, now)
            case _, Leave():
                effects = self._end_all(api.Ended.YOU_HUNG_UP, now)
                seeks = self._search.state is not search.State.HOME
                return [*effects, *self._feed_search(CancelSeek(), now)] if seeks else effects
            case _, HangUp(talk):
                one = self.which(talk)
                return self._heed(one, one.end(api.Ended.YOU_HUNG_UP, now=now), now)
            case api.State.HOME, Seek() if self._session.state is session.State.AWAY:
                raise Refused(Code.SERVER_UNREACHABLE)
            case api.State.CONNECTING, Seek():
                raise Refused(Code.ALREADY_MATCHED)
            case api.State.CONNECTING, CancelSeek():
                one = self.which()
                return self._heed(one, one.withdraw(), now)
            case ((api.State.GREETING | api.State.TALKING), _):
                raise Refused(Code.IN_A_TALK)
            case _:
                return self._feed_search(wish, now)

    def _log_out(self, reason: api.Ended, now: float) -> list[Effect]:
        ended = self._end_all(reason, now)
        forgotten = self._session.log_out(reason)
        settled = self._feed_search(search.LoggedOut(), now)
        return [*ended, *forgotten, *settled]

    def _end_all(self, reason: api.Ended, now: float) -> list[Effect]:
        effects: list[Effect] = []
        for one in self.encounters:
            effects += self._heed(one, one.end(reason, now=now), now)
        return effects

    # -- the parts ------------------------------------------------------------------------

    def _feed_session(self, event: session.Event, now: float) -> list[Effect]:
        was_on = self._session.is_on
        effects: list[Effect] = []
        for effect in self._session.feed(event, now=now):
            if isinstance(effect, LogInEnded):
                notice = Emit(api.Notice(effect.code.value, ""))
                effects += [*self._log_out(effect.reason, now), notice]
            else:
                effects.append(effect)
        if isinstance(event, Offline):
            effects += self._feed_search(event, now)
        elif self._session.is_on and not was_on:
            effects += self._feed_search(search.Restored(), now)
        elif isinstance(event, RestoreRefused):
            effects += self._feed_search(search.NotRestored(), now)
        return effects

    def _feed_search(self, event: search.Event, now: float) -> list[Effect]:
        effects = self._search.feed(event, now=now)
        told = [effect for effect in effects if isinstance(effect, Emit)]
        orders = [effect for effect in effects if not isinstance(effect, Emit)]
        return [*told, *self._moved(), *orders]

    def _introduced(self, introduction: Introduction, kind: api.TalkKind, now: float) -> list[Effect]:
        talk = introduction.match_id
        if talk in self._encounters:
            return []
        if kind is api.TalkKind.STRANGER:
            if not self._search.is_open:
                declined = self._session.match_over(talk, EndReason.CANCELLED)
                return [*declined, *self._feed_search(search.Crossed(), now)]
            settled = self._search.feed(search.Found(), now=now)
            peer = api.PeerName(introduction.name, is_mixed(introduction.name))
            matched = Emit(api.Matched(talk, peer, talk=talk))
            return [matched, *self._begin(introduction, kind), *settled]
        others = sum(one.kind is not api.TalkKind.STRANGER for one in self.encounters)
        if self._session.username is None or others >= MAX_MATCHES - 1:  # one is kept for a stranger
            return [*self._session.match_over(talk, EndReason.CANCELLED)]
        return self._begin(introduction, kind)

    def _begin(self, introduction: Introduction, kind: api.TalkKind) -> list[Effect]:
        self._encounters[introduction.match_id] = Encounter(introduction, kind)
        self._session.match_began(introduction.match_id, stranger=kind is api.TalkKind.STRANGER)
        return [*self._moved(), BeginMeeting(introduction)]

    def _news(self, event: encounter.News, now: float) -> list[Effect]:
        one = self._encounters.get(event.match_id)
        if one is None:
            return []  # the match is over already
        if isinstance(event, encounter.Lost) and self._session.online:
            event = encounter.Lost(event.match_id)  # the server is reachable, so it is not the cause
        return self._heed(one, one.feed(event, now=now), now)

    def _heed(self, one: Encounter, effects: Iterable[encounter.Effect], now: float) -> list[Effect]:
        heeded: list[Effect] = []
        for effect in effects:
            match effect:
                case SendEndMatch(match_id, reason):
                    heeded += self._session.match_over(match_id, reason)
                case FellThrough(match_id, code):
                    heeded += self._feed_search(search.SeekAgain(match_id, code), now)
                case _:
                    heeded.append(effect)
        if one.is_over:
            self._session.match_over(one.match_id, None)
        return heeded

    def _moved(self) -> list[Effect]:
        """Return events for a state and for standings that have changed since the last call."""
        effects: list[Effect] = []
        if (state := self.state) is not self._told:
            self._told = state
            effects.append(Emit(api.StateChanged(state)))
        for one in self._encounters.values():
            effects += one.changed()
        self._encounters = {one.match_id: one for one in self.encounters}
        return effects
