"""Whole stories told to the machines by a peer, a server or clients that mean no good."""

import contextlib
from dataclasses import dataclass, field

from floater import api
from floater.codes import Code
from floater.core import link
from floater.core.emit import Emit
from floater.core.meet import network, path, punch, technique
from floater.core.meet.candidates import Surroundings, choose_candidates, is_port_allowed
from floater.core.meet.introduction import Introduction, TicketProof
from floater.core.person import encounter, search, session, standing
from floater.core.talk import talk, transfer
from floater.core.talk.sniff import IMAGE_TYPES, clean_type, is_what_it_says, sniff
from floater.errors import Refused, RemoteProtocolError
from floater.machine import Tick
from floater.wire import control, nat
from floater.wire import talk as wire
from floater.wire.endpoint import Address, Candidate, CandidateKind, Endpoint, Scope, parse_address, scope_of
from floater.wire.limits import MAX_OPEN_OFFERS, MAX_UNACKNOWLEDGED
from floater.wire.message_id import parse_message_id
from server.core import events
from server.core.candidates import forwarded, verified
from server.core.node import Node
from tests.fuzz.choose import EDGE_IDS, EDGE_TEXTS, OURS, THEIRS, Choices, make_message
from tests.helpers.nodes import SettledNode, a_side
from tests.simulation.ledger import MOVES, MatchLedger

PAUSES = (0.0, 0.001, 0.1, 1.0, 3.0, 10.0, 40.0, 700.0)
_HOSTS = (
    "10.0.0.1", "10.0.0.2", "192.168.1.1", "127.0.0.1", "::1", "8.8.8.8", "203.0.113.7", "::ffff:127.0.0.1",
    "2002:7f00:1::1", "64:ff9b::a00:1", "fe80::1", "fe80::1%2", "0.0.0.0", "224.0.0.1", "2001:db8::1", "x",
    "1", "255.255.255.255", "169.254.1.1", "100.64.0.1", "::", "010.0.0.1", "8.8.8.8 ", "[::1]",
)  # fmt: skip
_ADDRESSES = tuple(address for host in _HOSTS if (address := parse_address(host)) is not None)


# -- the talk, against a hostile peer -----------------------------------------------------


@dataclass
class _Listener:
    """A person with a disk, who talks with whoever feeds the bytes."""

    machine: talk.Talk
    accepted: set[str] = field(default_factory=set)
    room: dict[str, int] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    heard: int = 0
    over: int = 0
    files: int = 1
    reports: list[transfer.FileReport] = field(default_factory=list)

    def take(self, effects: list[talk.Effect], choices: Choices) -> None:
        """Do what the talk wants, and look at what it is."""
        for effect in effects:
            assert self.over == 0 or isinstance(effect, link.Transmit), f"{effect} after the end"
            match effect:
                case talk.Over():
                    self.over += 1
                case Emit(api.TextReceived(message_id, text)):
                    assert self.machine.greeted
                    assert self.machine.peer_greeted
                    assert text
                    author, seq = parse_message_id(message_id) or ("", 0)
                    assert author == THEIRS
                    assert seq > self.heard
                    self.heard = seq
                case Emit(api.Offer() as offer):
                    assert self.machine.greeted
                    self.room[offer.transfer_id] = offer.size
                case transfer.CreateFile(id_, _, name, size):
                    assert id_ in self.accepted
                    assert "/" not in name
                    assert size <= _MAX_FILE
                    self.reports.append(self._outcome(transfer.FileCreated(id_), id_, choices))
                case transfer.WriteBlock(id_, data):
                    assert id_ in self.accepted
                    self.written[id_] = self.written.get(id_, 0) + len(data)
                    assert self.written[id_] <= self.room[id_]
                    report = transfer.BlockWritten(id_, self.written[id_])
                    self.reports.append(self._outcome(report, id_, choices))
                case transfer.FinishFile(id_):
                    assert self.written.get(id_, 0) == self.room[id_]
                    self.reports.append(self._outcome(transfer.FileStored(id_, "/kept"), id_, choices))
                case transfer.ReadBlock(file, first, size):
                    if choices.chance(8):
                        self.reports.append(transfer.ReadFailed(file, Code.FILE_CHANGED))
                    else:
                        whole = b"s" * 32 if first + size >= _OURS_SIZE else b""
                        data = bytes(min(size, _OURS_SIZE - first))
                        self.reports.append(transfer.BlockRead(file, first, data, whole))

    @staticmethod
    def _outcome(good: transfer.FileReport, id_: str, choices: Choices) -> transfer.FileReport:
        return transfer.WriteFailed(id_, Code.DISK_FULL) if choices.chance(8) else good


_OURS_SIZE = 300_000
_MAX_FILE = 1 << 20


def talk_sequence(data: bytes) -> None:
    """Any messages in any order, between wishes of ours: obeyed, refused, or RemoteProtocolError."""
    choices = Choices(data)
    machine = talk.Talk(OURS, THEIRS, talk.TalkConfig(max_file=_MAX_FILE))
    us = _Listener(machine)
    now, links = 0.0, 1
    us.take(machine.feed(link.LinkUp(1, 0), now=now), choices)
    if choices.chance(2):
        us.take(machine.feed(api.Greet("zh"), now=now), choices)
    while choices.left and not us.over:
        now += choices.pick(PAUSES)
        if machine.deadline is not None and machine.deadline <= now:
            us.take(machine.feed(Tick(), now=now), choices)
        match choices.below(8):
            case 0:
                _wish(machine, us, choices, now)
            case 1:
                links += 1
                _peer(machine, us, link.LinkUp(links, choices.below(8)), choices, now)
            case 2 if choices.chance(2):
                us.take(machine.feed(link.LinkDown(links), now=now), choices)
            case 3 if us.reports:
                us.take(machine.feed(us.reports.pop(0), now=now), choices)
            case 4:
                us.take(machine.feed(link.Writable(links), now=now), choices)
            case _:
                _say(machine, us, choices, links, now)
        while us.reports and choices.chance(2) and not us.over:
            us.take(machine.feed(us.reports.pop(0), now=now), choices)
        _look_at(machine)
    if us.over:
        assert machine.deadline is None
        assert machine.feed(link.Arrived(1, wire.Typing(True)), now=now) == []


def _say(machine: talk.Talk, us: _Listener, choices: Choices, links: int, now: float) -> None:
    """Let the peer say something, mostly with the number that is due."""
    cls = choices.pick(wire.TalkMessage.__args__)
    known: dict[str, object] = {}
    if issubclass(cls, wire.Numbered):
        known = {"seq": machine.received + 1, "received": 0}
        if choices.chance(16):
            known = {"received": choices.below(6)}
    if cls in (wire.Text, wire.Offer) or choices.chance(4):
        body = choices.pick(
            (b"x", "你好".encode(), b"", b"\xff", bytes(768), bytes(65_537), bytes(1_048_576))
        )
    else:
        body = bytes(choices.below(300_000)) if cls is wire.Part else b""
    message = make_message(cls, choices, **known)
    if message is not None:
        on = links if not choices.chance(8) else 1
        _peer(machine, us, link.Arrived(on, message, body), choices, now)


def _peer(
    machine: talk.Talk, us: _Listener, event: link.Arrived | link.LinkUp, choices: Choices, now: float
) -> None:
    try:
        us.take(machine.feed(event, now=now), choices)
    except RemoteProtocolError as error:
        us.take(machine.feed(talk.Misbehaved(error.code), now=now), choices)
        assert us.over == 1


def _wish(machine: talk.Talk, us: _Listener, choices: Choices, now: float) -> None:
    ids = (*us.room, machine.last_id, EDGE_IDS[0], EDGE_IDS[1], "X")
    id_ = choices.pick(ids)
    wishes: tuple[talk.Wish, ...] = (
        api.Greet(choices.pick(EDGE_TEXTS)),
        api.SendText(choices.pick(EDGE_TEXTS)),
        api.Retry(id_),
        api.Typing(choices.chance(2)),
        talk.OfferFile(us.files, "a.bin", "text/plain", _OURS_SIZE),
        talk.AcceptTo(id_, "/tmp"),
        talk.AcceptTo(id_, "/tmp"),
        api.Decline(id_),
        api.Pause(id_),
        api.Resume(id_),
        api.Cancel(id_),
        api.HangUp(),
    )
    wish = choices.pick(wishes)
    if isinstance(wish, talk.AcceptTo):
        us.accepted.add(id_)
    us.files += 1
    with contextlib.suppress(Refused):
        us.take(machine.feed(wish, now=now), choices)


def _look_at(machine: talk.Talk) -> None:
    """A peer cannot make us hold more than was agreed, nor keep the clock from going on."""
    conversation = machine._conversation
    assert len(conversation._outbox) <= MAX_UNACKNOWLEDGED
    assert len(machine._transfers._incoming._transfers) <= MAX_OPEN_OFFERS
    assert machine.deadline is None or machine.deadline == machine.deadline


# -- the punch, planned by what a peer claims ------------------------------------------------


def punch_sequence(data: bytes) -> None:
    """Any claim of a NAT and any news of streams: the caps hold, and nobody is dialled who was not named."""
    choices = Choices(data)
    ports = tuple(choices.pick((1, 22, 1_024, 3_306, 40_000, 40_001, 40_300, 65_535)) for _ in range(6))
    ours, theirs = (
        nat.Nat(
            choices.pick(tuple(nat.Mapping)),
            choices.pick(tuple(nat.Filtering)),
            choices.pick(tuple(nat.Allocation)),
            choices.pick(tuple(nat.Stray)),
            ports[: choices.below(7)],
        )
        for _ in range(2)
    )
    named = [Endpoint(f"203.0.113.{at}", 40_000 + at) for at in range(4)]
    seen = [named[3] if choices.chance(2) else None for _ in range(2)]
    plan = technique.plan_for(ours, theirs, choices.pick(tuple(control.Role)), seen)
    machine, now, number, waves = punch.Punch(), 0.0, 0, 0
    queue: list[punch.Event] = [punch.Go(tuple(named[:2]), tuple(named[2:]), plan)]
    while choices.left or queue:
        now += choices.pick(PAUSES)
        number += 1
        place, lane = choices.pick(tuple(named)), choices.below(2)
        event = queue.pop() if queue else _punch_news(choices, number, place, lane)
        if isinstance(event, punch.Failed) and (lane, place) not in machine._places:
            continue
        for effect in [*machine.feed(event, now=now), *_ticks(machine, now)]:
            match effect:
                case punch.Dial(remote, way):
                    assert remote in named[2:] or (remote in named[:2] and (way == 0 or effect.low))
                case punch.Wave(remotes):
                    waves += 1
                    assert waves <= 1 + technique.MAX_WAVES
                    assert len(remotes) <= technique.MAX_WAVE
                    assert {remote.host for remote in remotes} <= {named[3].host}
                    assert all(is_port_allowed(remote.port) for remote in remotes)
        assert len(machine._streams) <= punch.MAX_STREAMS


def _ticks(machine: punch.Punch, now: float) -> list[punch.Effect]:
    effects: list[punch.Effect] = []
    for _ in range(500):
        if machine.deadline is None or machine.deadline > now:
            return effects
        effects += machine.feed(Tick(), now=now)
    raise AssertionError("time stands still")


def _punch_news(choices: Choices, number: int, place: Endpoint, lane: int) -> punch.Event:
    some, spread = choices.below(number + 1), choices.byte() / 256
    return choices.pick(
        (
            punch.Connected(number, place, lane),
            punch.Failed(place, spread, lane),
            punch.Sent(),
            punch.PeerOpened(),
            punch.Rejected(some, spread),
            punch.Authenticated(some) if choices.chance(3) else punch.PeerOpened(),
            punch.Halt() if choices.chance(8) else punch.Sent(),
        )
    )


# -- the path ----------------------------------------------------------------------------


def path_sequence(data: bytes) -> None:
    """Any news of links, in any order: at most one link in use, and an end after the end."""
    choices = Choices(data)
    machine = path.Path(choices.pick(tuple(control.Role)))
    now, number, used, over = 0.0, 0, 0, False
    ready: set[int] = set()
    queue: list[path.Event] = [path.Begin(choices.chance(2), choices.chance(2), choices.chance(2))]
    while choices.left or queue:
        now += choices.pick(PAUSES)
        event = queue.pop() if queue else _link_news(choices, number)
        if isinstance(event, path.Ready):
            number += 1
            event = path.Ready(number, event.kind, "x", 0)
            ready.add(number)
        for effect in machine.feed(event, now=now):
            assert not over or isinstance(effect, path.Discard), effect
            match effect:
                case link.LinkUp(in_use):
                    assert in_use in ready
                    used = in_use
                case link.LinkDown(gone):
                    assert gone == used
                    used = 0
                case path.Discard(gone):
                    ready.discard(gone)
                case path.Lost() | path.NoShow():
                    over = True
        if isinstance(event, path.Gone):
            ready.discard(event.link)
        for _ in range(50):
            if machine.deadline is None or machine.deadline > now:
                break
            for effect in machine.feed(Tick(), now=now):
                over = over or isinstance(effect, path.Lost | path.NoShow)
                if isinstance(effect, path.Discard):
                    ready.discard(effect.link)
                if isinstance(effect, link.LinkUp | link.LinkDown):
                    used = effect.link if isinstance(effect, link.LinkUp) else 0
        else:
            raise AssertionError("time stands still")


def _link_news(choices: Choices, number: int) -> path.Event:
    some = choices.below(number + 2)
    events: tuple[path.Event, ...] = (
        path.Ready(0, choices.pick(tuple(api.PathKind)), "x", 0),
        path.Ready(0, choices.pick(tuple(api.PathKind)), "x", 0),
        path.Trusted(some),
        path.Told(some, choices.pick((1, 2, 3, 2**31))),
        path.Gone(some),
        path.Doubted(some),
        path.RelayLost(Code.RELAY_FULL, choices.byte() / 256),
        path.PunchOver(),
        path.Moved(),
        link.Alive(some),
        path.NetworkChanged(frozenset((some, choices.below(number + 2)))),
        path.Renewed(),
        Tick(),
        path.Moved(),
    )
    return choices.pick(events)


# -- the network, as the system tells of it ------------------------------------------------


def network_sequence(data: bytes) -> None:
    """Any looks and any news: what is gone is told once, and nothing that was not there; looking goes on."""
    choices = Choices(data)
    machine, now, slept, there = network.Network(), 0.0, 0.0, frozenset[Address]()
    while choices.left:
        now += choices.pick(PAUSES)
        slept += choices.pick(PAUSES) if choices.chance(8) else 0.0
        place = choices.pick(_ADDRESSES)
        events: tuple[network.Event, ...] = (
            network.Seen(
                frozenset(choices.pick(_ADDRESSES) for _ in range(choices.below(4))),
                frozenset(choices.pick(_ADDRESSES) for _ in range(choices.below(2))),
                slept,
            ),
            network.Flickered(place),
            network.Flickered(None),
            Tick(),
        )
        event = choices.pick(events)
        if isinstance(event, Tick) and machine.deadline is not None:
            now = max(now, machine.deadline)
        effects = machine.feed(event, now=now)
        before, there = there, event.places if isinstance(event, network.Seen) else there
        for effect in effects:
            if isinstance(effect, network.Changed):
                assert effect.gone <= before
                if isinstance(event, network.Seen):
                    assert effect.gone == before - there
                there -= effect.gone
        assert len(effects) <= 2
        if isinstance(event, Tick) and machine.deadline is not None:
            assert effects
            assert machine.deadline > now or not isinstance(effects[0], network.Look)


# -- where the person stands, against a hostile server --------------------------------------


def standing_sequence(data: bytes) -> None:
    """Anything a server may say, at any time: no impossible move, and never two meetings with strangers."""
    choices = Choices(data)
    machine = standing.Standing()
    now, state = 0.0, api.State.SIGNED_OUT
    meetings: dict[str, api.TalkKind] = {}
    talks: dict[str, api.Standing] = {}
    while choices.left:
        now += choices.pick(PAUSES)
        event = _server_news(choices, machine.attempt or 0)
        if machine.deadline is not None and machine.deadline <= now:
            event = Tick()
        try:
            effects = machine.feed(event, now=now)
        except Refused:
            assert isinstance(event, search.Seek | search.CancelSeek | standing.HangUp | standing.LogOut)
            assert machine.state is state
            continue
        waits = False
        for effect in effects:
            match effect:
                case encounter.BeginMeeting(introduction):
                    assert introduction.match_id not in meetings
                    assert talks[introduction.match_id] is api.Standing.CONNECTING
                    meetings[introduction.match_id] = machine.which(introduction.match_id).kind
                case encounter.EndMeeting(match_id):
                    del meetings[match_id]
                case search.SendSeek(attempt) | search.SendCancel(attempt):
                    assert attempt == machine.attempt
                    waits = True
                case search.Settled():
                    assert not waits
                case Emit(api.StateChanged(after)):
                    assert after is api.State.SIGNED_OUT or (state.value, after.value) in MOVES
                    state = after
                case Emit(api.TalkChanged(standing=stands, talk=talk)):
                    assert (talks.pop(talk, None), stands) in _TALK_MOVES
                    if stands is not api.Standing.OVER:
                        talks[talk] = stands
        in_match = state in (api.State.CONNECTING, api.State.GREETING, api.State.TALKING)
        assert list(meetings.values()).count(api.TalkKind.STRANGER) == in_match
        assert talks.keys() == meetings.keys()
        assert state is machine.state
        assert not (waits and machine.is_settled)
        assert len(machine._session._owed) <= 1 + len(data)


_TALK_MOVES = {
    (None, api.Standing.CONNECTING),
    (api.Standing.CONNECTING, api.Standing.GREETING),
    (api.Standing.GREETING, api.Standing.OPEN),
    (api.Standing.CONNECTING, api.Standing.OVER),
    (api.Standing.GREETING, api.Standing.OVER),
    (api.Standing.OPEN, api.Standing.OVER),
}


def _server_news(choices: Choices, attempt: int) -> standing.Event:
    match_id = choices.pick(("m1", "m2", "m3"))
    code = choices.pick(tuple(Code))
    introduced = Introduction(
        match_id=match_id,
        role=control.Role.LEADER,
        name="x",
        own=b"o" * 64,
        certificate=bytes(64),
        proof=TicketProof(b"", bytes(64), bytes(32)),
    )
    others = choices.pick(tuple(api.TalkKind)) if choices.chance(4) else api.TalkKind.STRANGER
    return choices.pick(
        (
            search.Seek(),
            search.Sent(attempt),
            search.CancelSeek(),
            search.SeekAnew(),
            standing.HangUp(choices.pick(("", match_id))),
            standing.LogOut() if choices.chance(4) else search.Seek(),
            standing.Leave() if choices.chance(4) else search.Seek(),
            session.Remember("t"),
            session.Online(),
            session.Offline(),
            session.LoggedIn("ann", choices.pick(("", "t"))),
            session.RestoreRefused(code, choices.pick((0.0, 1.0, 86_400.0))),
            search.SeekAnswered(attempt - choices.below(2), choices.pick((None, code))),
            search.CancelAnswered(attempt - choices.below(2), choices.pick((None, code))),
            session.Closed(code) if choices.chance(4) else search.Sent(attempt),
            standing.Introduced(introduced),
            standing.Introduced(introduced, others),
            encounter.MatchEnded(match_id, choices.pick(tuple(control.EndReason))),
            encounter.Met(match_id),
            encounter.NoShow(match_id, code),
            encounter.Greeted(match_id),
            encounter.Lost(match_id, relayed=choices.chance(2)),
            encounter.Over(match_id, choices.pick(tuple(api.Ended))),
            Tick(),
        )
    )


# -- a node, with hostile clients ---------------------------------------------------------


@dataclass
class _Clock:
    now: float = 0.0


def node_sequence(data: bytes) -> None:
    """Anything that clients may ask, in any order, of any match: the book-keeper has no complaint."""
    choices = Choices(data)
    node, clock = Node(absence_limit=600.0), _Clock()
    machine = SettledNode(node)
    ledger = MatchLedger(clock, node, set())
    here: set[int] = set()
    names = ["m1", "m2", ""]
    wishes = 0
    while choices.left:
        clock.now += choices.pick(PAUSES)
        for _ in range(200):
            if machine.deadline is None or machine.deadline > clock.now:
                break
            ledger.check(Tick(), machine.feed(Tick(), now=clock.now))
        else:
            raise AssertionError("time stands still")
        user, name = choices.below(5), names[-1 - choices.below(min(8, len(names)))]
        request = events.Request(user, 1, 1)
        event: events.Event
        match choices.below(8):
            case 0:
                event = events.Returned(user, (), "")
            case 1:
                named = (name,) * choices.below(3) if name else ()
                event = events.Returned(user, named, "203.0.113.1", name)
            case 2:
                event = events.Dropped(user)
            case 3:
                event = events.Left(user)
            case 4:
                event = events.CancelSeek(request)
            case 5:
                event = events.EndMatch(request, name, choices.pick(tuple(control.EndReason)))
            case _:
                wishes += 1
                pick, name = choices.byte() / 256, f"w{wishes}"
                event = events.Seek(request, a_side(), pick, name, choices.pick(names))
                names.append(name)
        if isinstance(event, events.Returned):
            here.add(user)
        elif user not in here:
            continue  # the gateway lets only those who are logged in ask for anything
        elif isinstance(event, events.Dropped | events.Left):
            here.discard(user)
        ledger.check(event, machine.feed(event, now=clock.now))


# -- places, types ------------------------------------------------------------------------


def places(data: bytes) -> None:
    """Candidates of a liar: neither the server forwards nor the client dials what only a liar names."""
    choices = Choices(data)
    named = tuple(
        Candidate(
            choices.pick(tuple(CandidateKind)),
            choices.pick(_HOSTS) if choices.chance(2) else choices.take(45).decode("utf-8", "replace"),
            choices.pick((1, 22, 80, 1024, 3306, 5000, 40_000, 65_535)),
        )
        for _ in range(choices.below(12))
    )
    host, to_host = choices.pick(_HOSTS[:7]), choices.pick(_HOSTS[:7])
    seen = frozenset({Endpoint(host, 40_000)})
    kept = verified(named, host=host, seen=seen)
    for candidate in kept:
        assert scope_of(candidate.host) is not Scope.FORBIDDEN
        assert candidate.port >= 1024
    for candidate in forwarded(kept, host=host, to_host=to_host, forward_private=False):
        if scope_of(candidate.host) is Scope.PRIVATE and host != to_host:
            assert candidate.endpoint in seen or candidate.host == host
    router = parse_address("10.0.0.1")
    assert router is not None
    around = Surroundings(
        server=choices.pick((Scope.PUBLIC, Scope.PRIVATE, Scope.LOOPBACK)),
        port=40_000,
        addresses=frozenset(),
        subnets=(),
        gateways=frozenset({router}),
    )
    for candidate in choose_candidates(named, around).dial:
        address = parse_address(candidate.host)
        assert address is not None
        assert address != router
        assert not address.is_multicast
        assert not address.is_unspecified
        if around.server is Scope.PUBLIC:
            assert scope_of(candidate.host) is Scope.PUBLIC


def sniffing(data: bytes) -> None:
    """The first bytes of a file and what its sender calls it: what is shown as an image begins like one."""
    choices = Choices(data)
    name = clean_type(choices.take(40).decode("utf-8", "replace"))
    head = choices.rest()
    found = sniff(head)
    assert clean_type(name) == name
    assert name.isascii()
    assert name.count("/") == 1
    if name in IMAGE_TYPES:
        assert is_what_it_says(name, head) == (found == name)


SEEDS: dict[str, list[bytes]] = {
    "talk_sequence": [bytes([1, 1]) + bytes([n, 7, n]) * 30 for n in range(6)],
    "punch_sequence": [bytes([n, 7 * n % 256, 1, 0, 3, 5]) * 16 for n in range(8)],
    "path_sequence": [bytes([n, 1, 0, 1]) * 20 for n in range(6)],
    "network_sequence": [bytes([2, 1, n, 2, n, 1, n, 2, 3]) * 12 for n in range(6)],
    "standing_sequence": [
        b"".join(bytes([1, 0, 0, 1, 0, 1, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, step]) for step in steps)
        for steps in ((8, 10, 0, 1, 15, 18, 20, 22), (8, 10, 0, 1, 2, 15), (8, 10, 0, 1, 15, 18, 9, 8, 10, 5))
    ],
    "node_sequence": [
        bytes([3, n, 0, 0, 1, n + 1, 0, 0, 1, n, 0, 6, 9, 0, 1, n + 1, 0, 7, 9, 0]) for n in range(4)
    ],
}
