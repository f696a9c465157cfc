"""The meeting, between a hostile server, a hostile peer and a network in which everything goes wrong.

`Ways` carries a meeting's orders out as a network may, in any order and with any outcome, and checks every
order. What comes of an order is chosen by the fuzzer; what was not ordered does not happen, except for what
anyone in the internet can do: connect to an open port.
"""

import ipaddress
from dataclasses import dataclass, field

from floater import api
from floater.codes import Code
from floater.core import link
from floater.core.emit import Emit
from floater.core.meet import orders, technique
from floater.core.meet.candidates import is_port_allowed
from floater.core.meet.introduction import Introduction, Relay, TicketProof
from floater.core.meet.links import MAX_UNUSED
from floater.core.meet.mapped_port import MappingState, Outcome, Protocol
from floater.core.meet.meeting import DEAF, Meeting
from floater.core.meet.port_facts import Network, PortFacts, Told
from floater.core.meet.settings import MeetingSettings
from floater.core.meet.technique import Allowance
from floater.machine import Tick
from floater.wire import talk as wire
from floater.wire.control import Role
from floater.wire.endpoint import Candidate, CandidateKind, Endpoint, Scope, parse_address, scope_of
from floater.wire.limits import MAX_CANDIDATES, MAX_OPENINGS
from floater.wire.nat import Allocation, Filtering, Mapping, Nat, Stray
from tests.fuzz.choose import Choices, make_message
from tests.fuzz.machines import PAUSES

HOSTS = (
    "203.0.113.7", "8.8.8.8", "10.0.0.2", "192.168.1.7", "2001:db8::1", "127.0.0.1", "::1",
    "::ffff:127.0.0.1", "2002:7f00:1::1", "64:ff9b::a00:1", "fe80::1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "10.0.0.1", "xx",
)  # fmt: skip
_PORTS = (40_000, 40_001, 40_300, 1_024, 22, 3_306, 65_535)
_FAULTS = (None, None, Code.BAD_FRAME, Code.BAD_FIELD, Code.FRAME_TOO_LARGE)
_LOSSES = (
    Code.PEER_NO_SHOW,
    Code.RELAY_FULL,
    Code.NO_PATH,
    Code.UNSUPPORTED_VERSION,
    Code.SERVER_UNREACHABLE,
)
_OWN = ipaddress.IPv4Address("10.0.0.9")
_ROUTER = ipaddress.IPv4Address("10.0.0.1")
_SUBNET = ipaddress.IPv4Network("10.0.0.0/24")
SILENCE = 120.0
"Seconds after which a meeting of which nothing is heard must have ended."


def some_nat(choices: Choices) -> Nat:
    """Claim anything about a NAT."""
    return Nat(
        choices.pick(tuple(Mapping)),
        choices.pick(tuple(Filtering)),
        choices.pick(tuple(Allocation)),
        choices.pick(tuple(Stray)),
        tuple(choices.pick(_PORTS) for _ in range(choices.below(7))),
    )


def some_candidates(choices: Choices) -> tuple[Candidate, ...]:
    """Name any places, those of others among them."""
    kinds = tuple(CandidateKind)
    return tuple(
        Candidate(choices.pick(kinds), choices.pick(HOSTS), choices.pick(_PORTS), choices.below(2))
        for _ in range(choices.below(MAX_CANDIDATES + 1))
    )


def some_port(choices: Choices, number: int) -> PortFacts:
    """Make a port of ours, of which this and that is known."""
    ours = 50_000 + 2 * number
    outside = Endpoint("198.51.100.1", ours)
    granted = MappingState(Outcome.GRANTED, Protocol.PCP, outside)
    return PortFacts(
        ports=(ours, ours + 1),
        server=choices.pick((Scope.PUBLIC, Scope.PRIVATE, Scope.LOOPBACK)),
        private=(Endpoint(str(_OWN), ours),),
        network=Network({_OWN: _SUBNET}, frozenset({_ROUTER})),
        router=choices.pick((MappingState(Outcome.ASKING), granted)),
        told=Told(some_nat(choices), choices.pick(((), (outside,)))),
    )


def some_introduction(choices: Choices, match_id: str, own: bytes, certificate: bytes) -> Introduction:
    """Introduce a peer as a server does that means no good."""
    return Introduction(
        match_id=match_id,
        role=choices.pick(tuple(Role)),
        name="x",
        own=own,
        certificate=certificate,
        proof=TicketProof(b"", bytes(64), bytes(32)),
        candidates=some_candidates(choices),
        nat=some_nat(choices),
        relay=None if choices.chance(8) else Relay(b"r"),
        hides=choices.chance(8),
    )


@dataclass
class Orders:
    """What a meeting has ordered so far; each order must be possible when it comes."""

    introduction: Introduction
    fresh: set[int] = field(default_factory=set)
    "Streams that are not in authentication yet."
    unproved: set[int] = field(default_factory=set)
    "Streams in authentication."
    trusted: set[int] = field(default_factory=set)
    "Those of them whose other end has proved that it is the peer."
    links: set[int] = field(default_factory=set)
    named: set[Endpoint] = field(default_factory=set)
    "Every place that the server has ever named."
    dials: list[orders.Dial] = field(default_factory=list)
    waves: int = 0
    "Waves that are on their way out."
    listens: bool = False
    at_relay: bool = False
    "Whether we wait at the relay."
    renewals: int = 0
    tellings: int = 0
    openings: int = 0
    chosen: int = 0
    "The number of the last `choose` that we sent."
    used: int = 0
    "The link in use."
    has_met: bool = False
    gave_up: bool = False
    "Whether the meeting said that the peer does not come, or is lost."
    finishing: int = 0
    is_shut: bool = False

    def perform(self, effect: orders.Effect) -> None:
        """Carry an order out, or take news."""
        assert not self.is_shut, f"{effect} after the end"
        match effect:
            case orders.Dial() | orders.Wave() | orders.Listen() | orders.Withdraw():
                self._punch(effect)
            case orders.Authenticate() | orders.CloseStream() | orders.Finish() | orders.CloseAll():
                self._about_stream(effect)
            case orders.JoinRelay():
                assert self.introduction.relay is not None
                assert not self.at_relay
                self.at_relay = True
            case orders.LeaveRelay():
                assert self.at_relay
                self.at_relay = False
            case orders.RenewPort():
                self.renewals += 1
            case orders.TellCandidates(then_punch=then_punch):
                assert not self.introduction.hides
                self.tellings += then_punch
            case orders.TellOpened(punch):
                assert not self.introduction.hides
                self.openings += 1
                assert 0 <= punch < MAX_OPENINGS
                assert self.openings <= MAX_OPENINGS
            case link.Transmit(number, wire.Choose(choice)):
                assert self.introduction.role is Role.LEADER
                assert number in self.trusted | self.links
                assert choice > self.chosen
                self.chosen = choice
            case _:
                self._hear(effect)

    def name(self, candidates: tuple[Candidate, ...]) -> None:
        """Note that the server has named these places."""
        addresses = ((parse_address(each.host), each.port) for each in candidates)
        self.named |= {Endpoint(str(address), port) for address, port in addresses if address is not None}

    def drop(self, stream: int) -> None:
        """Forget a stream or link."""
        for streams in (self.fresh, self.unproved, self.trusted, self.links):
            streams.discard(stream)

    def look(self) -> None:
        """Check that no stranger can make us keep ever more links."""
        assert len(self.links) <= 1 + 2 * MAX_UNUSED

    def _punch(self, order: orders.Dial | orders.Wave | orders.Listen | orders.Withdraw) -> None:
        assert not self.introduction.hides
        match order:
            case orders.Dial(remote, lane):
                assert remote in self.named
                assert is_port_allowed(remote.port)
                assert scope_of(remote.host) is not Scope.FORBIDDEN
                assert lane in (0, 1)
                self.dials.append(order)
            case orders.Wave(remotes):
                self.waves += 1
                assert 0 < len(remotes) <= technique.MAX_WAVE
                hosts = {remote.host for remote in remotes}
                assert len(hosts) == 1
                assert hosts <= {place.host for place in self.named}
                assert all(is_port_allowed(remote.port) for remote in remotes)
            case orders.Listen():
                self.listens = True
            case orders.Withdraw():
                self.listens, self.waves = False, 0
                self.dials.clear()

    def _about_stream(
        self, order: orders.Authenticate | orders.CloseStream | orders.Finish | orders.CloseAll
    ) -> None:
        match order:
            case orders.Authenticate(stream):
                self.fresh.remove(stream)
                self.unproved.add(stream)
            case orders.CloseStream(stream):
                assert stream in self.fresh | self.unproved | self.links
                self.drop(stream)
            case orders.Finish(number):
                assert number in self.links
                self.finishing = number
            case orders.CloseAll():
                self.is_shut = True

    def _hear(self, news: orders.Effect) -> None:
        match news:
            case orders.Met():
                assert not self.has_met
                self.has_met = True
            case link.LinkUp(number):
                assert self.has_met
                assert number in self.links
                self.used = number
            case link.LinkDown(number):
                assert number == self.used
                self.used = 0
            case orders.NoShow():
                assert not self.has_met
                self._give_up()
            case orders.Lost():
                assert self.has_met
                self._give_up()

    def _give_up(self) -> None:
        assert not self.gave_up
        assert not self.used
        self.gave_up = True


@dataclass
class Ways(Orders):
    """Everything that can happen between two who are to meet, after what was ordered."""

    streams: int = 0
    "The number of the last stream."
    ports: int = 0

    def __post_init__(self) -> None:
        self.name(self.introduction.candidates)

    def begin(self, choices: Choices) -> orders.Event:
        """Judge the proof."""
        if choices.chance(16):
            return orders.Denied(Code.BAD_TICKET)
        return orders.Begin(None if choices.chance(8) else some_port(choices, 0))

    def news(self, choices: Choices) -> orders.Event:
        """Choose what happens next; `Tick` where the choice fell on what cannot happen."""
        kind = choices.below(8)
        if kind == 0:
            return self._from_server(choices)
        if kind == 1:
            return self._from_system(choices)
        if kind == 2 and self.links:
            return self._on_link(choices, choices.pick(sorted(self.links)))
        if kind <= 5 and self.unproved:
            return self._on_stream(choices, choices.pick(sorted(self.unproved)))
        return self._on_the_way(choices)

    def late(self, choices: Choices) -> orders.Event:
        """Tell something of a stream that is closed: it crossed the order that closed it."""
        number = choices.below(self.streams + 2)
        if number in self.fresh | self.unproved | self.links:
            return Tick()
        events: tuple[orders.Event, ...] = (
            link.Arrived(number, wire.Choose(1 + choices.below(8))),
            orders.Gone(number),
            orders.Trusted(number),
            orders.Ready(number, 0),
            orders.Untrusted(number, choices.pick(_LOSSES), 0.5),
            link.Suspect(number),
            link.Alive(number),
        )
        return choices.pick(events)

    def _from_server(self, choices: Choices) -> orders.Event:
        if choices.chance(2):
            return orders.PeerOpened()
        candidates = some_candidates(choices)
        self.name(candidates)
        return orders.PeerCandidates(candidates, some_nat(choices))

    def _from_system(self, choices: Choices) -> orders.Event:
        match choices.below(4):
            case 0:
                return orders.NetworkChanged(frozenset({_OWN}) if choices.chance(2) else frozenset())
            case 1:
                return orders.PortChanged(some_port(choices, choices.below(self.ports + 1)))
            case 2 if self.renewals:
                self.renewals -= 1
                if choices.chance(4):
                    return orders.Renewed(None)
                self.ports += 1
                return orders.Renewed(some_port(choices, self.ports))
            case 3 if self.tellings:
                self.tellings -= 1
                return orders.CandidatesTold()
        return Tick()

    def _on_stream(self, choices: Choices, number: int) -> orders.Event:
        match choices.below(4):
            case 0 if number not in self.trusted:
                self.trusted.add(number)
                return orders.Trusted(number)
            case 3:
                self.drop(number)
                return orders.Untrusted(number, choices.pick(_LOSSES), choices.byte() / 256)
        self.drop(number)
        self.links.add(number)
        local = _OWN if choices.chance(2) else None
        return orders.Ready(number, choices.below(4), choices.pick((None, 0.0, 0.08)), local)

    def _on_link(self, choices: Choices, number: int) -> orders.Event:
        match choices.below(4):
            case 0:
                self.links.discard(number)
                return orders.Gone(number, choices.pick(_FAULTS))
            case 1:
                return link.Writable(number)
        message = make_message(choices.pick(wire.LinkMessage.__args__), choices)
        if message is None:
            return link.Arrived(number, wire.Choose(1 + choices.below(8)))
        return link.Arrived(number, message)

    def _on_the_way(self, choices: Choices) -> orders.Event:
        kind = choices.below(4)
        if kind == 0 and self.at_relay:
            self.at_relay = False
            if choices.chance(3):
                return orders.RelayLost(choices.pick(_LOSSES), choices.byte() / 256)
            return orders.RelayJoined(self._connect(), "relay")
        if kind == 1 and self.dials:
            dial = self.dials.pop(choices.below(len(self.dials)))
            if choices.chance(2):
                return orders.Failed(dial.remote, choices.byte() / 256, dial.lane)
            return orders.Connected(self._connect(), dial.remote, dial.lane)
        if kind == 2 and self.waves:
            self.waves -= 1
            return orders.Sent()
        if self.listens:
            remote = Endpoint(choices.pick(HOSTS), choices.pick(_PORTS))
            return orders.Connected(self._connect(), remote, choices.below(2))
        return Tick()

    def _connect(self) -> int:
        self.streams += 1
        self.fresh.add(self.streams)
        return self.streams


def meeting_sequence(data: bytes) -> None:
    """Any news of server, peer and network: the orders stay possible, and silence ends in an end."""
    choices = Choices(data)
    ways = Ways(some_introduction(choices, "m1", b"o" * 64, b"c" * 64))
    deaf = choices.pick((0.0, DEAF))
    machine = Meeting(ways.introduction, settings=MeetingSettings(), allowance=Allowance(), deaf=deaf)
    now = _feed(machine, ways, ways.begin(choices), 0.0)
    while choices.left and not ways.gave_up:
        now = _wait(machine, ways, now, now + choices.pick(PAUSES))
        if choices.chance(32):
            event = ways.late(choices)
        elif ways.used and choices.chance(8):
            event = link.Suspect(ways.used) if choices.chance(2) else link.Alive(ways.used)
        else:
            event = ways.news(choices)
        if not isinstance(event, Tick):
            _feed(machine, ways, event, now)
        ways.look()
    now = _wait(machine, ways, now, now + SILENCE)
    assert ways.used or ways.gave_up
    _end(machine, ways, now)


def _feed(machine: Meeting, ways: Ways, event: orders.Event, now: float) -> float:
    for effect in machine.feed(event, now=now):
        if isinstance(effect, Emit):
            assert isinstance(effect.event, api.Notice | api.TalkEvent)
        ways.perform(effect)
    return now


def _wait(machine: Meeting, ways: Ways, now: float, until: float) -> float:
    """Let time pass."""
    for _ in range(5_000):
        due = machine.deadline
        if due is None or due > until:
            return until
        now = _feed(machine, ways, Tick(), max(now, due))
    raise AssertionError("time stands still")


def _end(machine: Meeting, ways: Ways, now: float) -> None:
    """Close the meeting; everything of it is closed, and nothing follows."""
    _feed(machine, ways, orders.Close(), now)
    if ways.finishing:
        assert ways.finishing == ways.used
        _feed(machine, ways, orders.Gone(ways.finishing), now)
    assert ways.is_shut
    assert machine.deadline is None
    for event in (orders.PeerOpened(), orders.Close(), Tick(), link.Alive(ways.used)):
        assert machine.feed(event, now=now) == []


SEEDS = [bytes([0, n % 2, *[n + 1, 2, 3, 40, 1] * 12, *[0, 1, 2, 3, 4, 5, 6, 7] * 20]) for n in range(6)]
