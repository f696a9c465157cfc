"""The whole engine of one person: a hostile server, hostile peers, a clumsy network, and a disk that fails.

The engine is driven as the program drives it: what an order brings about is fed only after the order, and the
proof of an introduction is judged at once.
"""

import contextlib
from collections import deque
from dataclasses import dataclass, field

from floater import api
from floater.codes import Code
from floater.core import engine, link
from floater.core.emit import Emit
from floater.core.engine import Engine, News, Wish
from floater.core.meet import orders
from floater.core.meet.settings import MeetingSettings
from floater.core.meet.technique import Allowance
from floater.core.person import encounter, search, session, standing
from floater.core.talk import talk as talking
from floater.core.talk import transfer
from floater.core.talk.talk import TalkConfig
from floater.errors import Refused
from floater.machine import Tick
from floater.wire import talk as wire
from floater.wire.control import EndReason
from tests.fuzz.choose import EDGE_IDS, EDGE_TEXTS, Choices, make_message
from tests.fuzz.machines import PAUSES
from tests.fuzz.meeting import SILENCE, Ways, some_introduction
from tests.simulation.ledger import MOVES

_MAX_FILE = 1 << 20
_OURS_SIZE = 300_000
_BODIES = (b"x", "你好".encode(), b"", b"\xff", bytes(768), bytes(65_537))
_TALKS = ("m1", "m2", "m3")
_OWN, _PEERS = b"o" * 64, (b"c" * 64, b"d" * 64, b"o" * 64)
_NEXT = {
    None: (api.Standing.CONNECTING,),
    api.Standing.CONNECTING: (api.Standing.GREETING, api.Standing.OVER),
    api.Standing.GREETING: (api.Standing.OPEN, api.Standing.OVER),
    api.Standing.OPEN: (api.Standing.OVER,),
}


@dataclass
class _Disk:
    """The files of one talk, and a disk that is full at times."""

    sizes: dict[str, int] = field(default_factory=dict)
    "Of the files that are being received."
    written: dict[str, int] = field(default_factory=dict)
    reports: deque[transfer.FileReport] = field(default_factory=deque)
    offers: set[str] = field(default_factory=set)

    def perform(self, order: transfer.FileOrder, choices: Choices) -> None:
        """Carry an order out; its report comes later."""
        match order:
            case transfer.CreateFile(id_, _, name, size):
                assert id_ in self.offers
                assert "/" not in name
                assert size <= _MAX_FILE
                self.sizes[id_] = size
                self._report(transfer.FileCreated(id_), id_, choices)
            case transfer.WriteBlock(id_, data):
                self.written[id_] = self.written.get(id_, 0) + len(data)
                assert self.written[id_] <= self.sizes[id_]
                self._report(transfer.BlockWritten(id_, self.written[id_]), id_, choices)
            case transfer.FinishFile(id_):
                assert self.written.get(id_, 0) == self.sizes[id_]
                self._report(transfer.FileStored(id_, "/kept"), id_, choices)
            case transfer.ReadBlock(file, first, size):
                assert 0 <= first <= first + size <= _OURS_SIZE
                whole = b"s" * 32 if first + size == _OURS_SIZE else b""
                failed = transfer.ReadFailed(file, Code.FILE_CHANGED)
                read = transfer.BlockRead(file, first, bytes(size), whole)
                self.reports.append(failed if choices.chance(16) else read)

    def _report(self, good: transfer.FileReport, id_: str, choices: Choices) -> None:
        failed = choices.chance(16)
        self.reports.append(transfer.WriteFailed(id_, Code.DISK_FULL) if failed else good)


@dataclass
class _Match:
    ways: Ways
    disk: _Disk = field(default_factory=_Disk)
    unread: set[int] = field(default_factory=set)
    "The links that we do not read for now."


class _Person:
    """One person, and everything around the engine."""

    def __init__(self, choices: Choices) -> None:
        self.machine = Engine(MeetingSettings(), TalkConfig(max_file=_MAX_FILE), Allowance())
        self.now = 0.0
        self.matches: dict[str, _Match] = {}
        "Those whose links are not closed yet."
        self.state = api.State.SIGNED_OUT
        self.talks: dict[str, api.Standing] = {}
        self.ended: set[str] = set()
        "Talks whose end was told, and that are not over yet."
        self._choices = choices
        self._files = 0

    # -- driving --------------------------------------------------------------------------

    def feed(self, event: engine.Event) -> None:
        """Feed an event, carry out what follows, and judge the proofs of the matches that begin."""
        begun: list[str] = []
        for effect in self.machine.feed(event, now=self.now):
            match effect:
                case engine.Open(introduction):
                    assert introduction.match_id not in self.matches
                    self.matches[introduction.match_id] = _Match(Ways(introduction))
                    begun.append(introduction.match_id)
                case engine.Order(talk, order):
                    self._perform(talk, order)
                case Emit(told):
                    self._hear(told)
        for talk in begun:
            self.feed(News(talk, self.matches[talk].ways.begin(self._choices)))
        self._look()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + seconds
        for _ in range(20_000):
            due = self.machine.deadline
            if due is None or due > until:
                self.now = until
                return
            self.now = max(self.now, due)
            self.feed(Tick())
        raise AssertionError("time stands still")

    def _perform(self, talk: str, order: orders.Order | transfer.FileOrder) -> None:
        match = self.matches[talk]
        if isinstance(order, transfer.FileOrder):
            match.disk.perform(order, self._choices)
        elif isinstance(order, link.PauseReading):
            match.unread.add(order.link)
        elif isinstance(order, link.ResumeReading):
            match.unread.discard(order.link)
        else:
            if isinstance(order, link.Transmit) and not isinstance(order.message, wire.Choose):
                assert order.link in match.ways.links
            match.ways.perform(order)
            if match.ways.is_shut:
                del self.matches[talk]

    def _hear(self, event: api.Event) -> None:
        match event:
            case api.StateChanged(after):
                assert after is api.State.SIGNED_OUT or (self.state.value, after.value) in MOVES
                self.state = after
            case api.TalkChanged(standing=stands, talk=talk):
                assert stands in _NEXT[self.talks.pop(talk, None)]
                if stands is not api.Standing.OVER:
                    self.talks[talk] = stands
                self.ended.discard(talk)
            case api.Matched():
                pass
            case api.TalkEvent(talk=talk):
                assert talk in self.talks
                assert talk not in self.ended
                if isinstance(event, api.TextReceived | api.Offer):
                    assert self.talks[talk] is api.Standing.OPEN
                if isinstance(event, api.Offer):
                    self.matches[talk].disk.offers.add(event.transfer_id)
                if isinstance(event, api.TalkEnded):
                    self.ended.add(talk)

    def _look(self) -> None:
        assert self.state is self.machine.standing.state
        assert not self.ended
        kinds = [one.kind for one in self.machine.standing.encounters]
        assert kinds.count(api.TalkKind.STRANGER) <= 1
        assert self.machine._matches.keys() == self.matches.keys()
        for match in self.matches.values():
            match.ways.look()

    # -- what happens ---------------------------------------------------------------------

    def live(self) -> None:
        """Let one more thing happen."""
        choices = self._choices
        talk = choices.pick(tuple(self.matches) or ("m1",))
        match = self.matches.get(talk)
        kind = choices.below(16)
        if kind == 0:
            self._wish(self._command(choices, talk))
        elif kind <= 3 or match is None:
            self.feed(self._from_server(choices, talk))
        elif kind <= 5:
            self._wish(Wish(talk, self._word(choices, match)))
        elif kind <= 7 and match.disk.reports:
            self.feed(News(talk, match.disk.reports.popleft()))
        elif kind <= 12 and match.ways.links:
            self._say(choices, talk, match)
        else:
            self._happen(choices, talk, match.ways)

    def _happen(self, choices: Choices, talk: str, ways: Ways) -> None:
        if ways.finishing:
            event: orders.Event = orders.Gone(ways.finishing)
        elif choices.chance(32):
            event = ways.late(choices)
        else:
            event = ways.news(choices)
        if not isinstance(event, Tick):
            self.feed(News(talk, event))

    def _wish(self, wish: engine.Event) -> None:
        with contextlib.suppress(Refused):
            self.feed(wish)

    def _say(self, choices: Choices, talk: str, match: _Match) -> None:
        """Let the peer say something on one of its links, mostly with the number that is due."""
        number = choices.pick(sorted(match.ways.links))
        if number in match.unread or match.ways.finishing:
            return
        cls = choices.pick(wire.TalkMessage.__args__)
        known: dict[str, object] = {}
        if issubclass(cls, wire.Numbered):
            known = {"seq": self.machine.received(talk) + 1, "received": 0}
            if choices.chance(16):
                known = {"received": choices.below(6)}
        has_body = cls in (wire.Text, wire.Offer, wire.Part) or choices.chance(8)
        message = make_message(cls, choices, **known)
        if message is not None:
            body = choices.pick(_BODIES) if has_body else b""
            self.feed(News(talk, link.Arrived(number, message, body)))

    def _word(self, choices: Choices, match: _Match) -> talking.Wish:
        self._files += 1
        id_ = choices.pick((*match.disk.offers, *EDGE_IDS[:2]))
        wishes: tuple[talking.Wish, ...] = (
            api.Greet("zh"),
            api.Greet("zh"),
            api.SendText(choices.pick(EDGE_TEXTS)),
            api.Retry(id_),
            api.Typing(choices.chance(2)),
            talking.OfferFile(self._files, "a.bin", "text/plain", _OURS_SIZE),
            talking.AcceptTo(id_, "/tmp"),
            api.Decline(id_),
            api.Pause(id_),
            api.Resume(id_),
            api.Cancel(id_),
        )
        return choices.pick(wishes)

    @staticmethod
    def _command(choices: Choices, talk: str) -> standing.Event:
        return choices.pick(
            (
                search.Seek(),
                search.CancelSeek(),
                standing.HangUp(choices.pick(("", talk))),
                standing.LogOut() if choices.chance(4) else search.Seek(),
                standing.Leave() if choices.chance(4) else search.Seek(),
            )
        )

    def _from_server(self, choices: Choices, talk: str) -> standing.Event:
        code = choices.pick(tuple(Code))
        attempt = (self.machine.standing.attempt or 0) - choices.below(2)
        introduced = some_introduction(choices, choices.pick(_TALKS), _OWN, choices.pick(_PEERS))
        others = choices.pick(tuple(api.TalkKind)) if choices.chance(2) else api.TalkKind.STRANGER
        return choices.pick(
            (
                standing.Introduced(introduced, others),
                session.Online(),
                session.LoggedIn("ann", choices.pick(("", "t"))),
                search.Sent(attempt),
                standing.Introduced(introduced, others),
                search.SeekAnswered(attempt, choices.pick((None, code))),
                search.CancelAnswered(attempt, choices.pick((None, code))),
                search.SeekAnew(),
                session.Offline(),
                session.RestoreRefused(code, choices.pick((0.0, 1.0, 86_400.0))),
                session.Closed(code) if choices.chance(4) else session.Online(),
                encounter.MatchEnded(talk, choices.pick(tuple(EndReason))),
            )
        )


def engine_sequence(data: bytes) -> None:
    """Any news of the world: the person is never stuck, talks end once, and all that was opened is closed."""
    choices = Choices(data)
    person = _Person(choices)
    for event in (session.Online(), session.LoggedIn("ann", "t"), search.Seek(), search.Sent(1)):
        with contextlib.suppress(Refused):
            person.feed(event)
    while choices.left:
        person.wait(choices.pick(PAUSES[:6]))
        person.live()
    person.wait(SILENCE)
    assert person.state is not api.State.CONNECTING
    with contextlib.suppress(Refused):
        person.feed(standing.LogOut())
    person.wait(3.0)  # a hang-up waits for its acknowledgement
    for talk, match in list(person.matches.items()):
        person.feed(News(talk, orders.Gone(match.ways.finishing)))
    assert not person.matches
    assert not person.talks
    assert person.machine.deadline is None


SEEDS = [
    bytes([0, 4, 0, 0, 0, n, 3, *[0, 0, 0, 0, 1, 2, n] * 4, *[0, 1, 15, 6, n, 3, 1, 2] * 24])
    for n in range(6)
]
