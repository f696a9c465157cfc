"""Scripts for the whole meeting. What path and punch decide for themselves is tested beside them."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from floater import api
from floater.api import PathKind, RelayReason
from floater.codes import Code
from floater.core.emit import Emit
from floater.core.link import Alive, Arrived, Check, LinkDown, LinkUp, Suspect, Transmit, Writable
from floater.core.meet.introduction import Introduction, Relay, TicketProof
from floater.core.meet.meeting import LAST_WORDS, Meeting
from floater.core.meet.observe import Observation
from floater.core.meet.orders import (
    Authenticate,
    Begin,
    CandidatesTold,
    Close,
    CloseAll,
    CloseStream,
    Connected,
    Denied,
    Dial,
    Effect,
    Event,
    Failed,
    Finish,
    Gone,
    JoinRelay,
    LeaveRelay,
    Listen,
    LookAround,
    Lost,
    Met,
    Misbehaved,
    NetworkChanged,
    NoShow,
    PeerCandidates,
    PeerOpened,
    PortChanged,
    Ready,
    RelayJoined,
    RelayLost,
    Renewed,
    RenewPort,
    Sent,
    TellCandidates,
    TellOpened,
    Trusted,
    Untrusted,
    UsePort,
    Wave,
    Withdraw,
)
from floater.core.meet.port_facts import Network, PortFacts
from floater.core.meet.port_mapping import ASKING, MappingState, Outcome
from floater.core.meet.settings import MeetingSettings
from floater.core.meet.technique import Allowance
from floater.errors import LocalProtocolError
from floater.machine import Tick
from floater.wire.control import Role
from floater.wire.endpoint import Candidate, CandidateKind, Endpoint
from floater.wire.limits import MAX_OPENINGS
from floater.wire.nat import UNKNOWN_NAT, Allocation, Mapping, Nat
from floater.wire.talk import Choose, PeerHello, Text
from tests.helpers.playbook import Playbook

Script = Playbook[Event, Effect]

OWN, OUTSIDE, OBSERVER = "192.168.1.5", "198.51.100.2", Endpoint("198.51.100.99", 443)
PORT = PortFacts(
    ports=(50_001, 50_002),
    private=(Endpoint(OWN, 50_001),),
    network=Network({ip_address(OWN): ip_network("192.168.1.0/24")}),
    seen=(Observation(Endpoint(OWN, 50_001), OBSERVER, Endpoint(OUTSIDE, 40_001)),),
).introduced()
FRESH = replace(PORT, ports=(50_003, 50_004), private=(Endpoint(OWN, 50_003),), seen=())
GRANTED = MappingState(Outcome.GRANTED, None, Endpoint(OUTSIDE, 60_000))

PLACE = Endpoint("203.0.113.5", 40_001)
PUBLIC = Candidate(CandidateKind.PUBLIC, *PLACE)
SECOND = Candidate(CandidateKind.PUBLIC, PLACE.host, 40_002, lane=1)
ELSEWHERE = Candidate(CandidateKind.PUBLIC, PLACE.host, 45_000)
LIE = Candidate(CandidateKind.PUBLIC, "169.254.169.254", 40_000)
CONE = Nat(Mapping.ENDPOINT_INDEPENDENT)
NOTICE = Emit(api.Notice("bad_candidate", ""))
PATIENT = MeetingSettings(head_start=0.6, timeout=15.0, grace=30.0, punch_budget=4.0)
WORDS = api.NatWords("unknown", "unknown", "unknown", "unknown")
CONE_WORDS = api.NatWords("endpoint_independent", "unknown", "unknown", "unknown")


def introduction(
    *candidates: Candidate,
    role: Role = Role.LEADER,
    hides: bool = False,
    relay: Relay | None = Relay(b"token"),  # noqa: B008  # a frozen value
    nat: Nat = CONE,
) -> Introduction:
    return Introduction(
        match_id="m",
        role=role,
        name="stranger",
        own=b"o" * 64,
        certificate=bytes(64),
        proof=TicketProof(b"ticket", bytes(64), bytes(32)),
        candidates=candidates,
        nat=nat,
        relay=relay,
        hides=hides,
    )


def meeting(of: Introduction, allowance: Allowance | None = None) -> Script:
    return Playbook(Meeting(of, settings=PATIENT, allowance=allowance or Allowance(), deaf=0.0))


def trying(*kinds: PathKind, technique: str = "crossing") -> Emit:
    return Emit(api.Trying(list(kinds), technique))


def receipt(stood: float, proved: float, syns: int, why: RelayReason | None = None) -> api.Receipt:
    return api.Receipt(stood, proved, "crossing", syns, WORDS, CONE_WORDS, why)


def racing(role: Role = Role.LEADER) -> Script:
    """Dialling the one public place of the peer since 100.0."""
    return meeting(introduction(PUBLIC, role=role)).at(
        100.0, Begin(PORT), Listen(), Dial(PLACE), trying(PathKind.DIRECT)
    )


def direct() -> Script:
    """Talking over link 1, a direct one, since 100.2; we lead."""
    return (
        racing()
        .at(100.1, Connected(1, PLACE), Authenticate(1))
        .at(100.15, Trusted(1), Transmit(1, Choose(1)))
        .at(
            100.2,
            Ready(1, received=7, rtt=0.0511, local=ip_address(OWN)),
            Met(),
            LinkUp(1, 7),
            Emit(api.Path(PathKind.DIRECT, 200.0, 51.1, "public", receipt(100.0, 200.0, 1))),
            Withdraw(),
        )
    )


def relayed() -> Script:
    """Talking over link 1, by the relay, since 101.0, while the place is still being dialled."""
    return (
        racing()
        .at(100.6, Tick(), JoinRelay(), trying(PathKind.DIRECT, PathKind.RELAY))
        .at(100.9, RelayJoined(1, "relay-tls"), Authenticate(1))
        .at(
            101.0,
            Ready(1, 0),
            Transmit(1, Choose(1)),
            Met(),
            LinkUp(1, 0),
            Emit(
                api.Path(
                    PathKind.RELAY,
                    1_000.0,
                    None,
                    "relay-tls",
                    receipt(900.0, 1_000.0, 1, RelayReason.UNDER_WAY),
                )
            ),
        )
    )


# -- the first link -----------------------------------------------------------------------


def test_a_dialled_place_becomes_the_link_in_use() -> None:
    direct().rests()


def test_the_follower_waits_for_the_leader_s_choice() -> None:
    (
        racing(Role.FOLLOWER)
        .at(100.1, Connected(1, PLACE), Authenticate(1))
        .at(100.15, Trusted(1))
        .at(100.2, Ready(1, 3))
        .at(
            100.25,
            Arrived(1, Choose(1)),
            Met(),
            LinkUp(1, 3),
            Emit(api.Path(PathKind.DIRECT, 250.0, None, "public", receipt(100.0, 200.0, 1))),
            Withdraw(),
        )
    )


def test_a_stream_that_leads_to_somebody_else_is_closed_and_the_place_dialled_again() -> None:
    (
        racing()
        .at(100.1, Connected(1, PLACE), Authenticate(1))
        .at(100.2, Untrusted(1, Code.PEER_NOT_TRUSTED, 0.0))
        .at(100.3, Failed(Endpoint("203.0.113.9", 1), 0.5))
        .at(100.6, Tick(), JoinRelay(), trying(PathKind.DIRECT, PathKind.RELAY))
        .when_due(100.7, Dial(PLACE))
    )


def test_the_relay_joins_later_and_its_receipt_says_what_became_of_the_punch() -> None:
    (
        relayed()
        .at(102.0, Failed(PLACE, 0.0))
        .when_due(102.0025, Dial(PLACE))
        .when_due(
            104.0,
            Withdraw(),
            Emit(api.ReceiptChanged(receipt(900.0, 1_000.0, 2, RelayReason.FAILED))),
        )
        .when_due(109.0, RenewPort())
    )


def test_a_better_link_replaces_the_relay() -> None:
    (
        relayed()
        .at(101.5, Connected(2, PLACE), Authenticate(2))
        .at(
            101.6,
            Ready(2, 1, 0.02),
            Transmit(2, Choose(2)),
            LinkUp(2, 1),
            Emit(api.Path(PathKind.DIRECT, 1_600.0, 20.0, "public", receipt(1_500.0, 1_600.0, 1))),
            Withdraw(),
        )
        .when_due(103.6, CloseStream(1))
        .rests()
    )


def test_a_link_by_a_hidden_introduction_leads_over_the_relay_and_tells_of_no_nat() -> None:
    of = introduction(PUBLIC, hides=True)
    way = api.Receipt(200.0, 300.0, "crossing", 0, None, None, RelayReason.HIDDEN)
    (
        meeting(of)
        .at(0.0, Begin(PORT), NOTICE, JoinRelay(), trying(PathKind.RELAY))
        .at(0.1, PortChanged(replace(PORT, router=GRANTED)))
        .at(0.1, Renewed(FRESH))
        .at(0.2, RelayJoined(1, "relay"), Authenticate(1))
        .at(
            0.3,
            Ready(1, 0),
            Transmit(1, Choose(1)),
            Met(),
            LinkUp(1, 0),
            Emit(api.Path(PathKind.RELAY, 300.0, None, "relay", way)),
        )
        .at(1.0, NetworkChanged(frozenset()), Check())
        .rests()
    )


def test_without_a_port_nothing_is_dialled() -> None:
    why = api.Receipt(100.0, 100.0, "crossing", 0, None, CONE_WORDS, RelayReason.NO_PLACES)
    (
        meeting(introduction(PUBLIC))
        .at(0.0, Begin(None), JoinRelay(), trying(PathKind.RELAY))
        .at(0.05, PortChanged(PORT))
        .at(0.1, RelayJoined(1, "relay"), Authenticate(1))
        .at(
            0.1,
            Ready(1, 0),
            Transmit(1, Choose(1)),
            Met(),
            LinkUp(1, 0),
            Emit(api.Path(PathKind.RELAY, 100.0, None, "relay", why)),
        )
    )


def test_without_a_relay_it_is_punched_for_alone_until_time_is_over() -> None:
    (
        meeting(introduction(PUBLIC, relay=None))
        .at(0.0, Begin(PORT), Listen(), Dial(PLACE), trying(PathKind.DIRECT))
        .when_due(0.6)
        .at(4.0, Tick(), Withdraw(), trying())
        .at(15.0, Tick(), NoShow(Code.NO_PATH))
        .rests()
    )


# -- the relay ----------------------------------------------------------------------------


def test_whoever_is_late_at_the_relay_is_shown_out() -> None:
    direct().at(100.3, RelayJoined(2, "relay"), CloseStream(2))


@pytest.mark.parametrize("is_joined", [False, True])
def test_the_relay_is_left_when_a_direct_link_is_chosen(is_joined: bool) -> None:
    script = racing().at(100.6, Tick(), JoinRelay(), trying(PathKind.DIRECT, PathKind.RELAY))
    if is_joined:
        script.at(100.7, RelayJoined(2, "relay"), Authenticate(2))
    (
        script.at(100.8, Connected(1, PLACE), Authenticate(1))
        .at(
            100.9,
            Ready(1, 0),
            Transmit(1, Choose(1)),
            Met(),
            LinkUp(1, 0),
            Emit(api.Path(PathKind.DIRECT, 900.0, None, "public", receipt(800.0, 900.0, 1))),
            Withdraw(),
            CloseStream(2) if is_joined else LeaveRelay(),
        )
        .at(101.0, Ready(2, 0))
        .rests()
    )


def test_a_relay_that_is_lost_or_leads_to_somebody_else_is_tried_again() -> None:
    (
        meeting(introduction())
        .at(0.0, Begin(PORT), Listen(), trying(), JoinRelay(), trying(PathKind.RELAY))
        .at(0.1, RelayLost(Code.RELAY_FULL, 0.0))
        .when_due(0.6, JoinRelay())
        .at(0.7, RelayJoined(1, "relay"), Authenticate(1))
        .at(0.8, Untrusted(1, Code.PEER_NOT_TRUSTED, 0.5))
        .when_due(1.8, JoinRelay())
        .when_due(4.0, Withdraw())
        .when_due(15.0, LeaveRelay(), NoShow(Code.PEER_NO_SHOW))
        .rests()
    )


# -- links in use -------------------------------------------------------------------------


def test_a_lost_link_is_looked_for_in_every_way_and_comes_back() -> None:
    (
        direct()
        .at(
            110.0,
            Gone(1),
            LinkDown(1),
            Emit(api.PeerAway(30.0)),
            Listen(),
            Dial(PLACE),
            JoinRelay(),
            RenewPort(),
        )
        .at(110.1, Connected(2, PLACE), Authenticate(2))
        .at(
            110.2,
            Ready(2, 9, 0.05),
            Transmit(2, Choose(2)),
            LinkUp(2, 9),
            Emit(api.PeerBack()),
            Emit(api.Path(PathKind.DIRECT, 10_200.0, 50.0, "public", receipt(10_100.0, 10_200.0, 2))),
            Withdraw(),
            LeaveRelay(),
        )
    )


@pytest.mark.parametrize("is_relayed", [False, True])
def test_a_peer_that_stays_away_is_lost(is_relayed: bool) -> None:
    script = relayed() if is_relayed else direct()
    dials = () if is_relayed else (Listen(), Dial(PLACE))
    (
        script.at(
            102.0,
            Suspect(1),
            CloseStream(1),
            LinkDown(1),
            Emit(api.PeerAway(30.0)),
            *dials,
            JoinRelay(),
            RenewPort(),
        )
        .at(102.1, Gone(1))
        .at(102.2, Renewed(None), Withdraw(), Listen(), Dial(PLACE))
    )
    machine = script.machine
    effects = []
    while machine.deadline is not None:
        effects += machine.feed(Tick(), now=machine.deadline)
    assert effects[-1] == Lost(is_relayed)


def test_messages_pass_and_those_of_a_closed_link_do_not() -> None:
    text = Arrived(1, Text(seq=1, received=0), b"hello")
    (
        direct()
        .at(101.0, text, text)
        .at(101.0, Writable(1), Writable(1))
        .at(101.0, replace(text, link=2))
        .at(101.0, Writable(2))
        .at(101.0, Arrived(2, Choose(9)))
        .at(101.0, Trusted(2))
        .at(101.0, Ready(2, 0))
        .at(101.0, Untrusted(2, Code.NO_PATH, 0.0))
        .at(101.0, Gone(2, Code.BAD_FIELD))
    )


AWAY = (
    LinkDown(1),
    Emit(api.PeerAway(30.0)),
    Listen(),
    Dial(PLACE),
    JoinRelay(),
    RenewPort(),
)


def test_after_what_is_good_but_unexpected_the_link_stands_so_that_the_peer_is_told() -> None:
    direct().at(101.0, Arrived(1, Choose(2)), Misbehaved(Code.UNEXPECTED))
    direct().at(101.0, Arrived(1, PeerHello((1,), b"{}", b"s" * 64, 0)), Misbehaved(Code.UNEXPECTED))
    direct().at(101.0, Arrived(7, PeerHello((1,), b"{}", b"s" * 64, 0)))


def test_a_fault_in_a_frame_is_the_same_misbehaviour() -> None:
    direct().at(101.0, Gone(1, Code.FRAME_TOO_LARGE), Misbehaved(Code.FRAME_TOO_LARGE), *AWAY)


# -- places -------------------------------------------------------------------------------


def test_news_of_the_peer_s_places_shakes_the_link_and_starts_a_punch() -> None:
    place = ELSEWHERE.endpoint
    (
        direct()
        .at(
            110.0,
            PeerCandidates((ELSEWHERE,), UNKNOWN_NAT),
            Check(),
            JoinRelay(),
            Listen(),
            Dial(place),
        )
        .at(110.1, PeerCandidates((ELSEWHERE,), UNKNOWN_NAT))
        .at(110.2, Alive(1), Withdraw(), LeaveRelay())
        .rests()
    )


def test_news_of_places_adds_them_to_the_punch_that_is_on_and_a_lie_is_noticed() -> None:
    (
        racing()
        .at(100.1, PeerCandidates((PUBLIC, ELSEWHERE, LIE), CONE), NOTICE, Dial(ELSEWHERE.endpoint))
        .at(100.2, PeerCandidates((LIE,), CONE), trying())
    )


def test_the_relay_s_receipt_follows_what_is_learnt_of_the_peer() -> None:
    later = replace_words(receipt(900.0, 1_000.0, 1, RelayReason.NO_PLACES), "unknown")
    relayed().at(101.5, PeerCandidates((), UNKNOWN_NAT), Check(), Emit(api.ReceiptChanged(later)))


def replace_words(before: api.Receipt, mapping: str) -> api.Receipt:
    peer = api.NatWords(mapping, "unknown", "unknown", "unknown")
    return api.Receipt(
        before.stood_ms, before.proved_ms, "crossing", before.syns, WORDS, peer, before.why_relay
    )


def test_openings_are_told_and_the_peer_s_make_us_call_but_not_for_ever() -> None:
    script = meeting(introduction(PUBLIC, SECOND)).at(
        0.0,
        Begin(PORT),
        Listen(),
        Dial(PLACE),
        Dial(PLACE, 1, low=True),
        TellOpened(0),
        trying(PathKind.DIRECT),
    )
    script.at(0.1, PeerOpened(), Dial(SECOND.endpoint, 1))
    script.at(0.2, Sent())
    machine = script.machine
    openings: list[Effect] = []
    for number in range(1, MAX_OPENINGS + 3):
        effects = machine.feed(Renewed(None), now=float(number))
        openings += [effect for effect in effects if isinstance(effect, TellOpened)]
    assert openings == [TellOpened(number) for number in range(1, MAX_OPENINGS)]


def test_the_syns_of_waves_are_counted() -> None:
    step = Nat(Mapping.PORT_DEPENDENT, allocation=Allocation.SEQUENTIAL, ports=(5_000, 5_001, 5_002))
    script = meeting(introduction(PUBLIC, role=Role.FOLLOWER, nat=step))
    effects = script.machine.feed(Begin(PORT), now=0.0)
    syns = sum(len(effect.remotes) for effect in effects if isinstance(effect, Wave))
    assert syns > 0
    script.at(0.1, Connected(1, PLACE), Authenticate(1)).at(0.2, Ready(1, 0))
    told = script.machine.feed(Arrived(1, Choose(1)), now=0.3)
    paths = [effect.event for effect in told if isinstance(effect, Emit)]
    assert isinstance(paths[0], api.Path)
    assert paths[0].receipt is not None
    assert paths[0].receipt.syns == syns + 1
    assert paths[0].how == "prediction"


# -- our own port and network -------------------------------------------------------------


def test_links_on_an_address_that_is_gone_are_left() -> None:
    (
        direct()
        .at(
            110.0,
            NetworkChanged(frozenset({ip_address("192.0.2.1")})),
            LookAround(),
            Check(),
            JoinRelay(),
            Listen(),
            Dial(PLACE),
            RenewPort(),
        )
        .at(110.1, Alive(1), Withdraw(), LeaveRelay())
        .at(
            111.0,
            NetworkChanged(frozenset({ip_address(OWN)})),
            LookAround(),
            CloseStream(1),
            LinkDown(1),
            Emit(api.PeerAway(30.0)),
            Listen(),
            Dial(PLACE),
            JoinRelay(),
            RenewPort(),
        )
    )


def test_a_fresh_port_is_punched_from_and_told_while_the_peer_is_looked_for() -> None:
    away = direct().at(110.0, Gone(1), *AWAY)
    away.at(
        111.0,
        Renewed(FRESH),
        Withdraw(),
        UsePort(),
        Listen(),
        Dial(PLACE),
        TellCandidates(FRESH.candidates, FRESH.nat),
    )
    away.at(112.0, PortChanged(replace(PORT, router=GRANTED)))  # of the port that was


def test_a_fresh_port_that_comes_too_late_is_kept_in_silence() -> None:
    direct().at(110.0, Renewed(FRESH), UsePort()).rests()


def test_without_another_port_the_old_one_is_punched_from_again() -> None:
    direct().at(110.0, Gone(1), *AWAY).at(111.0, Renewed(None), Withdraw(), Listen(), Dial(PLACE))


LET_IN = replace(PORT, router=GRANTED)
LET_IN_CANDIDATES = TellCandidates(LET_IN.candidates, LET_IN.nat, then_punch=True)


def test_a_router_that_lets_others_in_late_is_told_once_and_met_by_a_punch() -> None:
    (
        racing()
        .at(100.1, PortChanged(replace(PORT, router=ASKING)))
        .at(100.3, PortChanged(LET_IN), LET_IN_CANDIDATES)
        .at(100.4, PortChanged(LET_IN))
        .at(100.6, Tick(), JoinRelay(), trying(PathKind.DIRECT, PathKind.RELAY))
        .at(104.0, Tick(), Withdraw(), trying(PathKind.RELAY))
        .at(104.5, CandidatesTold(), Listen(), Dial(PLACE), trying(PathKind.DIRECT, PathKind.RELAY))
    )


def test_a_router_that_let_others_in_since_the_search_is_told_at_once() -> None:
    meeting(introduction(PUBLIC)).at(
        0.0, Begin(LET_IN), Listen(), Dial(PLACE), trying(PathKind.DIRECT), LET_IN_CANDIDATES
    )


def test_what_the_router_grants_later_changes_nothing_where_a_direct_link_is_in_use_or_after_long() -> None:
    direct().at(100.3, PortChanged(LET_IN)).at(100.4, CandidatesTold()).rests()
    (
        relayed()
        .at(
            104.0,
            Tick(),
            Withdraw(),
            Emit(api.ReceiptChanged(receipt(900.0, 1_000.0, 1, RelayReason.FAILED))),
        )
        .at(109.0, Tick(), RenewPort())
        .at(115.1, PortChanged(LET_IN))
    )


# -- the end ------------------------------------------------------------------------------


def test_closing_finishes_the_link_in_use_first_and_tells_nothing_more() -> None:
    (
        direct()
        .at(101.0, Close(), Finish(1, LAST_WORDS))
        .at(101.1, Close())
        .at(101.2, Arrived(1, Text(seq=1, received=0), b"x"))
        .at(101.3, Gone(2))
        .at(101.4, Gone(1), CloseAll())
        .at(101.5, Close())
        .at(101.6, NetworkChanged(frozenset()))
        .rests()
    )


def test_closing_without_a_link_closes_everything_at_once() -> None:
    meeting(introduction()).at(0.0, Close(), CloseAll()).rests()
    racing().at(100.1, Close(), CloseAll()).rests()


def test_nothing_is_dialled_where_the_proof_does_not_hold() -> None:
    (
        meeting(introduction(PUBLIC))
        .at(0.0, Denied(Code.BAD_TICKET), NoShow(Code.BAD_TICKET))
        .at(0.1, CandidatesTold())
        .at(0.1, PeerCandidates((ELSEWHERE,), CONE))
        .at(0.1, Renewed(FRESH))
        .at(0.2, Close(), CloseAll())
        .rests()
    )


def test_the_meeting_ends_where_no_version_is_common() -> None:
    (
        racing()
        .at(100.1, Connected(1, PLACE), Authenticate(1))
        .at(100.2, Untrusted(1, Code.UNSUPPORTED_VERSION, 0.0), NoShow(Code.UNSUPPORTED_VERSION))
        .at(100.3, Connected(2, PLACE))
        .at(100.4, Close(), CloseAll())
        .rests()
    )


def test_a_stream_of_another_version_ends_no_meeting_a_second_time() -> None:
    (
        meeting(introduction())
        .at(0.0, Begin(PORT), Listen(), trying(), JoinRelay(), trying(PathKind.RELAY))
        .at(0.1, Connected(1, PLACE), Authenticate(1))
        .when_due(4.0, Withdraw())
        .when_due(15.0, LeaveRelay(), NoShow(Code.PEER_NO_SHOW))
        .at(15.1, Untrusted(1, Code.UNSUPPORTED_VERSION, 0.0))
        .at(15.2, Close(), CloseAll())
        .rests()
    )


def test_it_begins_once() -> None:
    racing().refused(101.0, Begin(PORT), Code.INTERNAL, LocalProtocolError)
    racing().refused(101.0, Denied(Code.BAD_TICKET), Code.INTERNAL, LocalProtocolError)
    meeting(introduction()).refused(0.0, PeerOpened(), Code.INTERNAL, LocalProtocolError)
