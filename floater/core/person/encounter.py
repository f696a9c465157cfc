"""Follow one match, of any kind of talk, from its introduction to its end (spec §4.4).

::

    CONNECTING ──Met──▶ GREETING ──Greeted──▶ OPEN
        │                  │                    │
        └──────────────────┴────────────────────┴──▶ OVER   hung up, withdrawn, lost, no show,
                                                            misbehaved, ended by the server

If the server ends a match whose two have met, the talk goes on for `FAREWELL`
seconds, so that the peer's last messages arrive.

The reason of an end has four forms: `api.Ended` for the person, `EndReason` to
and from the server, `Lost` and `NoShow` from the links, and `Over` from the talk.
`ENDS` and `_SERVERS_WORD` translate between them.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from floater import api
from floater.codes import Code
from floater.core.emit import Emit
from floater.core.meet.introduction import Introduction
from floater.machine import Tick
from floater.wire.control import EndReason
from floater.wire.scripts import is_mixed

FAREWELL: Final = 1.0
"Seconds that a talk goes on after the server has said that its match is over."


class End(NamedTuple):
    """How the server and the peer learn of an end of a talk."""

    server: EndReason
    "The reason that the server receives if the two have met."
    hang_up: bool
    "Whether we send `hang_up` to the peer."


ENDS: Final = {
    api.Ended.YOU_HUNG_UP: End(EndReason.HUNG_UP, True),
    api.Ended.PEER_HUNG_UP: End(EndReason.HUNG_UP, False),
    api.Ended.PEER_LOST: End(EndReason.LOST, False),
    api.Ended.PEER_MISBEHAVED: End(EndReason.REFUSED, False),
    api.Ended.LOGGED_IN_ELSEWHERE: End(EndReason.LEFT, True),
    api.Ended.LOGGED_OUT: End(EndReason.HUNG_UP, True),
    api.Ended.SERVER_CLOSED: End(EndReason.LOST, False),
}
_SERVERS_WORD: Final = {
    EndReason.HUNG_UP: api.Ended.PEER_HUNG_UP,
    EndReason.CANCELLED: api.Ended.PEER_HUNG_UP,
    EndReason.REFUSED: api.Ended.PEER_HUNG_UP,
    EndReason.NO_SHOW: api.Ended.PEER_LOST,
    EndReason.LOST: api.Ended.PEER_LOST,
    EndReason.LEFT: api.Ended.PEER_LOST,
}
_SAID: Final = (Code.BAD_TICKET, Code.UNSUPPORTED_VERSION)
"What a person is told if no link came about; any other reason is told as PEER_NO_SHOW."


# -- events -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Met:
    """A first link to the peer is authenticated and chosen."""

    match_id: str


@dataclass(frozen=True, slots=True)
class NoShow:
    """No link was authenticated in time."""

    match_id: str
    code: Code = Code.NO_PATH


@dataclass(frozen=True, slots=True)
class Greeted:
    """Both sides have greeted."""

    match_id: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The peer was away for longer than the grace period."""

    match_id: str
    relayed: bool = False
    "Whether the last link was relayed by the server."


@dataclass(frozen=True, slots=True)
class Over:
    """The talk has ended by a hang-up, or because the peer broke the protocol."""

    match_id: str
    reason: api.Ended


@dataclass(frozen=True, slots=True)
class MatchEnded:
    """The server ended the match, for this reason."""

    match_id: str
    reason: EndReason


News: TypeAlias = Met | NoShow | Greeted | Lost | Over | MatchEnded
"""Events of the meeting, the talk and the server about a match."""
Event: TypeAlias = News | Tick


# -- effects ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BeginMeeting:
    """Begin to meet this peer: make a `Meeting` and a `Talk`."""

    introduction: Introduction


@dataclass(frozen=True, slots=True)
class EndMeeting:
    """End the talk with the peer: settle what is open in it, and close every link.

    Send `hang_up` first if `ENDS` says so and a link is up.
    """

    match_id: str
    reason: api.Ended


@dataclass(frozen=True, slots=True)
class SendEndMatch:
    """Send `end_match` to the server. Its answer is ignored."""

    match_id: str
    reason: EndReason


@dataclass(frozen=True, slots=True)
class FellThrough:
    """The match with a stranger ended before the two met; `Standing` seeks again. `code` is the notice."""

    match_id: str
    code: Code


Effect: TypeAlias = EndMeeting | SendEndMatch | FellThrough | Emit


class Encounter:
    """One match at this client.

    Args:
        introduction: who the peer is.
        kind: of the talk. If a match with a stranger ends before the two met,
            `Standing` seeks again; a talk of any other kind then ends.
    """

    def __init__(self, introduction: Introduction, kind: api.TalkKind = api.TalkKind.STRANGER) -> None:
        self.introduction = introduction
        self.kind = kind
        self.standing = api.Standing.CONNECTING
        self._told: api.Standing | None = None
        self._met_at = 0.0
        self._farewell: tuple[float, api.Ended] | None = None

    @property
    def match_id(self) -> str:
        """The id of the match and of its talk."""
        return self.introduction.match_id

    @property
    def is_over(self) -> bool:
        """Whether the match is over at this client."""
        return self.standing is api.Standing.OVER

    @property
    def deadline(self) -> float | None:
        """Monotonic seconds at which to feed `Tick`; None for never."""
        return self._farewell and self._farewell[0]

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance by one event, which must be about this match."""
        match self.standing, event:
            case api.Standing.CONNECTING, Met():
                self._met_at = now
                self.standing = api.Standing.GREETING
                return []
            case api.Standing.CONNECTING, NoShow(_, code):
                notice = code if code in _SAID else Code.PEER_NO_SHOW
                return self._fall_through(EndReason.NO_SHOW, notice)
            case api.Standing.CONNECTING, Lost():
                return self._fall_through(EndReason.LOST, Code.PEER_NO_SHOW)
            case api.Standing.CONNECTING, Over(
                _, reason
            ):  # the peer misbehaved on a link that was not chosen
                return self._fall_through(ENDS[reason].server, Code.PEER_NO_SHOW)
            case api.Standing.CONNECTING, MatchEnded(_, reason):
                no_show = reason is EndReason.NO_SHOW
                return self._fall_through(None, Code.PEER_NO_SHOW if no_show else Code.PEER_CANCELLED)
            case api.Standing.GREETING, Greeted():
                self.standing = api.Standing.OPEN
                return []
            case ((api.Standing.GREETING | api.Standing.OPEN), NoShow()):
                return self.end(api.Ended.PEER_LOST, now=now)
            case ((api.Standing.GREETING | api.Standing.OPEN), Lost(_, relayed)):
                return self.end(api.Ended.SERVER_CLOSED if relayed else api.Ended.PEER_LOST, now=now)
            case ((api.Standing.GREETING | api.Standing.OPEN), Over(_, reason)):
                return self.end(reason, now=now)
            case ((api.Standing.GREETING | api.Standing.OPEN), MatchEnded(_, reason)):
                self._farewell = self._farewell or (now + FAREWELL, _SERVERS_WORD[reason])
                return []
            case _, Tick() if self._farewell is not None and now >= self._farewell[0]:
                return self.end(self._farewell[1], now=now)
            case _:
                return []

    def end(self, reason: api.Ended, *, now: float) -> list[Effect]:
        """End the talk, or the attempt to meet, and tell the person. The match must not be over yet."""
        if self.standing is api.Standing.CONNECTING:
            word, lasted = EndReason.CANCELLED, 0.0
        else:
            word, lasted = ENDS[reason].server, round(now - self._met_at, 3)
        return [*self._leave(word, reason), self._ended(reason, lasted)]

    def withdraw(self) -> list[Effect]:
        """End the attempt to meet without an event: the person has cancelled the search."""
        return self._leave(EndReason.CANCELLED, api.Ended.YOU_HUNG_UP)

    def changed(self) -> list[Emit]:
        """Return `TalkChanged` if the standing has changed since the last call."""
        if self.standing is self._told:
            return []
        self._told = self.standing
        name, talk = self.introduction.name, self.match_id
        return [Emit(api.TalkChanged(self.kind, name, self.standing, is_mixed(name), talk=talk))]

    def _fall_through(self, word: EndReason | None, notice: Code) -> list[Effect]:
        effects = self._leave(word, api.Ended.PEER_LOST)
        if self.kind is api.TalkKind.STRANGER:
            return [*effects, FellThrough(self.match_id, notice)]
        return [*effects, self._ended(api.Ended.PEER_LOST, 0.0)]

    def _leave(self, word: EndReason | None, why: api.Ended) -> list[Effect]:
        self.standing = api.Standing.OVER
        self._farewell = None
        effects: list[Effect] = [EndMeeting(self.match_id, why)]
        return effects if word is None else [*effects, SendEndMatch(self.match_id, word)]

    def _ended(self, reason: api.Ended, lasted: float) -> Emit:
        return Emit(api.TalkEnded(reason, lasted, talk=self.match_id))
