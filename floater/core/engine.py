"""Combine all machines of one person on one server into one machine.

::

             commands, the server's answers and news
                                │
                                ▼
         ┌───────────────── Standing (session, search, encounters) ─────▶ orders to the server
         │ BeginMeeting,        ▲
         │ EndMeeting           │ Met, Greeted, Lost, Over …
         ▼                      │
    for each match:  Meeting ◀──────link.*──────▶ Talk
                       │                           │
                       ▼                           ▼
              orders to the network      orders to the disk, news for the person

`Standing` knows no links and no messages, `Meeting` no texts and files, `Talk` no
server; this machine passes events between them. Every event and effect of a talk
carries its id, so no event of one talk reaches another. The program and the
simulation drive this same machine.
"""

from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from floater import api
from floater.codes import Code
from floater.core import link
from floater.core.emit import Emit
from floater.core.meet import orders as meet
from floater.core.meet.introduction import Introduction
from floater.core.meet.meeting import Meeting
from floater.core.meet.settings import MeetingSettings
from floater.core.meet.technique import Allowance
from floater.core.person import encounter, search, session, standing
from floater.core.person.encounter import ENDS, BeginMeeting, EndMeeting
from floater.core.person.standing import Standing
from floater.core.talk import orders as say
from floater.core.talk import talk as talking
from floater.core.talk.farewell import End, Misbehaved
from floater.core.talk.talk import Talk, TalkConfig
from floater.core.talk.transfer import FileOrder, FileReport
from floater.errors import Refused, RemoteProtocolError
from floater.machine import Tick, earliest
from floater.wire.message_id import author_of

# -- events -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wish:
    """A command of the person in a talk. `talk` is its id; empty for the stranger's talk or the only one."""

    talk: str
    wish: talking.Wish


@dataclass(frozen=True, slots=True)
class News:
    """A report of the network or the disk about a talk. It is ignored once the talk is over."""

    talk: str
    news: meet.Event | FileReport


Event: TypeAlias = Wish | News | standing.Event | Tick


# -- effects ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Open:
    """A match begins: check its proof, give it a punch port, and report `Begin` or `Denied`."""

    introduction: Introduction


@dataclass(frozen=True, slots=True)
class Order:
    """Carry out an order for the links or the files of a talk."""

    talk: str
    order: meet.Order | FileOrder


@dataclass(frozen=True, slots=True)
class Fault:
    """A peer broke the protocol, or says that we did (`is_ours`). Write it to the log."""

    talk: str
    code: Code
    is_ours: bool


@dataclass(frozen=True, slots=True)
class CheckServer:
    """A peer is out of reach: test by `ping` whether the server is, too."""


ServerOrder: TypeAlias = (
    session.SendRestore
    | session.SendLogOut
    | session.KeepToken
    | session.DropToken
    | search.SendSeek
    | search.SendCancel
    | search.Settled
    | search.Unmatched
    | encounter.SendEndMatch
    | CheckServer
)
Effect: TypeAlias = Open | Order | Fault | ServerOrder | Emit


@dataclass(slots=True)
class _Match:
    """The meeting and the talk of one match."""

    meeting: Meeting
    talk: Talk
    is_muted: bool = False
    "Whether the person was told of the end: no event of the talk may follow it."
    deadline: float | None = None
    "The earlier deadline of the two machines, as it was when it was last asked for."


class Engine:
    """One person at one client on one server.

    Args:
        settings: of every meeting.
        config: of every talk.
        allowance: SYNs of waves that all meetings together may send.
        deaf: seconds of a punch without a listener; see `Meeting`.
    """

    def __init__(
        self, settings: MeetingSettings, config: TalkConfig, allowance: Allowance, *, deaf: float = 0.0
    ) -> None:
        self.standing = Standing()
        self._settings = settings
        self._config = config
        self._allowance = allowance
        self._deaf = deaf
        self._matches: dict[str, _Match] = {}
        "By talk id, with those that are over but whose links are not closed yet."
        self._later: list[News] = []
        "Events for meetings, fed after all effects of the current event."
        self._fed: set[str] = set()
        "The talks that took an event since the deadline was last asked for."

    @property
    def deadline(self) -> float | None:
        """Monotonic seconds at which to feed `Tick`; None for never."""
        while self._fed:  # no other talk has another deadline than before
            if (match := self._matches.get(self._fed.pop())) is not None:
                match.deadline = earliest(match.meeting.deadline, match.talk.deadline)
        return earliest(self.standing.deadline, *(match.deadline for match in self._matches.values()))

    def talk(self, named: str = "") -> Talk:
        """Return the talk that a command names, once a link to its peer was up.

        Args:
            named: its id; empty for the stranger's talk, or the only one.

        Raises:
            Refused: NO_TALK, WHICH_TALK.
        """
        return self._matches[self._met(named)].talk

    def received(self, talk: str) -> int:
        """Return the highest `seq` of the peer that was processed in a talk; 0 once it is closed."""
        match = self._matches.get(talk)
        return 0 if match is None else match.talk.received

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance all machines by one event.

        Raises:
            Refused: the command is not possible now; nothing has changed.
        """
        effects = self._take(event, now)
        while self._later:
            effects += self._take(self._later.pop(0), now)
        return effects

    def _take(self, event: Event, now: float) -> list[Effect]:
        match event:
            case Wish(named, wish):
                return self._talk(self._met(named), wish, now)
            case News(talk, news) if talk not in self._matches:
                return []
            case News(talk, news):
                if isinstance(news, FileReport):
                    return self._talk(talk, news, now)
                return self._meet(talk, news, now)
            case Tick():
                return self._tick(now)
            case standing.Introduced(introduction) if not self._can_meet(introduction):
                return []
            case _:
                return self._stand(event, now)

    def _met(self, named: str) -> str:
        one = self.standing.which(named)
        if one.standing is api.Standing.CONNECTING:
            raise Refused(Code.NO_TALK)
        return one.match_id

    def _tick(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        for talk, match in list(self._matches.items()):
            if _is_due(match.meeting.deadline, now):
                effects += self._meet(talk, Tick(), now)
            if _is_due(match.talk.deadline, now):
                effects += self._talk(talk, Tick(), now)
        if _is_due(self.standing.deadline, now):
            effects += self._stand(Tick(), now)
        return effects

    # -- the machines, and what each sends to the others ----------------------------------

    def _stand(self, event: standing.Event, now: float) -> list[Effect]:
        effects: list[Effect] = []
        for effect in self.standing.feed(event, now=now):
            match effect:
                case BeginMeeting(introduction):
                    self._matches[introduction.match_id] = self._match_of(introduction)
                    effects.append(Open(introduction))
                case EndMeeting(talk, reason):
                    effects += self._end(talk, reason, now)
                case _:
                    effects.append(effect)
        return effects

    def _meet(self, talk: str, event: meet.Event, now: float) -> list[Effect]:
        effects: list[Effect] = []
        self._fed.add(talk)
        for effect in self._matches[talk].meeting.feed(event, now=now):
            match effect:
                case link.Arrived() | link.Writable() | link.LinkUp() | link.LinkDown() | link.Check():
                    effects += self._talk(talk, effect, now)
                case Emit(told):
                    effects += self._tell(talk, told)
                case meet.Met():
                    effects += self._stand(encounter.Met(talk), now)
                case meet.NoShow(code):
                    effects += self._stand(encounter.NoShow(talk, code), now)
                case meet.Lost(relayed):
                    effects += self._stand(encounter.Lost(talk, relayed), now)
                case meet.Misbehaved(code):
                    effects += self._talk(talk, Misbehaved(code), now)
                case meet.CloseAll():
                    effects.append(Order(talk, effect))
                    del self._matches[talk]
                case _:
                    effects.append(Order(talk, effect))
        return effects

    def _talk(self, talk: str, event: talking.Event, now: float) -> list[Effect]:
        self._fed.add(talk)
        machine = self._matches[talk].talk
        try:
            inner = machine.feed(event, now=now)
        except RemoteProtocolError as error:
            inner = machine.feed(Misbehaved(error.code), now=now)
        effects: list[Effect] = []
        for effect in inner:
            match effect:
                case Emit(told):
                    effects += self._tell(talk, told)
                case link.Suspect() | link.Alive():
                    self._later.append(News(talk, effect))
                case say.Greeted():
                    effects += self._stand(encounter.Greeted(talk), now)
                case say.Over(reason, fault):
                    if fault is not None:
                        effects.append(Fault(talk, fault, is_ours=reason is api.Ended.PEER_HUNG_UP))
                    effects += self._stand(encounter.Over(talk, reason), now)
                    self._later.append(News(talk, meet.Close()))
                case _:
                    effects.append(Order(talk, effect))
        return effects

    def _end(self, talk: str, reason: api.Ended, now: float) -> list[Effect]:
        """End the talk with the peer. Emit now what is open in it; mute it afterwards."""
        match = self._matches[talk]
        effects: list[Effect] = []
        if not match.talk.is_over:
            effects += self._talk(talk, api.HangUp() if ENDS[reason].hang_up else End(reason), now)
        match.is_muted = True
        return effects

    def _tell(self, talk: str, event: api.Event) -> list[Effect]:
        if self._matches[talk].is_muted:
            return []
        if isinstance(event, api.TalkEvent):
            event = msgspec.structs.replace(event, talk=talk)
        told = Emit(event)
        return [told, CheckServer()] if isinstance(event, api.PeerAway) else [told]

    def _can_meet(self, introduction: Introduction) -> bool:
        """Say whether this is a match that we do not have yet, with anyone but ourselves.

        A talk that is over keeps its id until its links are closed.
        """
        is_us = author_of(introduction.certificate) == author_of(introduction.own)
        return not is_us and introduction.match_id not in self._matches

    def _match_of(self, introduction: Introduction) -> _Match:
        return _Match(
            Meeting(introduction, settings=self._settings, allowance=self._allowance, deaf=self._deaf),
            Talk(author_of(introduction.own), author_of(introduction.certificate), self._config),
        )


def _is_due(deadline: float | None, now: float) -> bool:
    return deadline is not None and now >= deadline
