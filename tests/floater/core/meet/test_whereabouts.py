from ipaddress import ip_address, ip_network

import msgspec
import pytest

from floater.api import PathKind, RelayReason
from floater.core.meet.candidates import Surroundings
from floater.core.meet.technique import HOURLY_SYNS, Allowance, Technique
from floater.core.meet.whereabouts import MAX_GUESSES, Whereabouts
from floater.wire.control import PunchNumber, Role
from floater.wire.endpoint import Candidate, CandidateKind, Endpoint, Scope
from floater.wire.limits import MAX_OPENINGS
from floater.wire.nat import Allocation, Filtering, Mapping, Nat

HOST = "203.0.113.5"
PUBLIC = Candidate(CandidateKind.PUBLIC, HOST, 40_001)
SECOND = Candidate(CandidateKind.PUBLIC, HOST, 40_002, lane=1)
MAPPED = Candidate(CandidateKind.MAPPED, HOST, 40_003)
PINHOLE = Candidate(CandidateKind.MAPPED, "2001:db9::7", 40_001)
OURS = (Endpoint("198.51.100.2", 40_001),)
OURS_6 = (Endpoint("2001:db9::5", 40_001),)
PRIVATE = Candidate(CandidateKind.PRIVATE, "192.168.1.7", 40_001)
HERE = Surroundings(
    server=Scope.PUBLIC,
    port=50_001,
    addresses=frozenset({ip_address("192.168.1.5")}),
    subnets=(ip_network("192.168.1.0/24"),),
    gateways=frozenset({ip_address("192.168.1.1")}),
    public=frozenset({Endpoint(HOST, 50_001)}),
)
CONE = Nat(Mapping.ENDPOINT_INDEPENDENT, Filtering.PORT_DEPENDENT, Allocation.PRESERVED)
STEP = Nat(Mapping.PORT_DEPENDENT, allocation=Allocation.SEQUENTIAL, ports=(5_000, 5_001))
ANY = Nat(Mapping.PORT_DEPENDENT, allocation=Allocation.RANDOM, ports=(5_000, 60_000))


def whereabouts(*candidates: Candidate, nat: Nat = CONE, allowance: Allowance | None = None) -> Whereabouts:
    made = Whereabouts(Role.LEADER, nat, allowance or Allowance())
    assert made.choose(candidates, HERE)
    return made


def test_each_place_is_dialled_from_its_lane() -> None:
    go = whereabouts(PUBLIC, SECOND, PRIVATE).begin(CONE, now=0.0)
    assert set(go.places) == {PUBLIC.endpoint, PRIVATE.endpoint}
    assert go.second == (SECOND.endpoint,)
    assert go.plan is not None
    assert go.plan.technique is Technique.CROSSING


def test_a_router_of_ours_is_a_lie_that_is_told_and_not_dialled() -> None:
    made = Whereabouts(Role.LEADER, CONE, Allowance())
    assert not made.choose((Candidate(CandidateKind.PRIVATE, "192.168.1.1", 40_001), PUBLIC), HERE)
    assert made.go().places == (PUBLIC.endpoint,)


def test_nothing_is_dialled_from_nowhere_but_what_was_named_is_kept() -> None:
    made = whereabouts(PUBLIC)
    assert made.choose((PUBLIC, SECOND), None)
    assert made.candidates == (PUBLIC, SECOND)
    assert made.go().places == made.go().second == ()
    assert not made.hopes(CONE, OURS)
    assert made.why_relay(CONE, OURS, is_punching=True) is RelayReason.NO_PLACES


@pytest.mark.parametrize(
    ("candidates", "ours", "mapped", "hopes"),
    [
        ((PUBLIC, SECOND), CONE, (), True),
        ((PUBLIC, SECOND), ANY, (), False),
        ((PUBLIC, SECOND), ANY, OURS, True),
        ((PUBLIC, SECOND), ANY, OURS_6, False),
        ((PUBLIC, SECOND, MAPPED), ANY, (), True),
        ((PUBLIC, SECOND, PINHOLE), ANY, (), False),  # we have no IPv6
        ((PUBLIC, SECOND, PRIVATE), ANY, (), True),
        ((), CONE, (), False),
    ],
)
def test_there_is_hope_where_a_technique_or_a_router_or_the_own_network_helps(
    candidates: tuple[Candidate, ...], ours: Nat, mapped: tuple[Endpoint, ...], hopes: bool
) -> None:
    made = whereabouts(*candidates, nat=ANY)
    assert made.hopes(ours, mapped) is hopes
    if candidates:
        expected = RelayReason.FAILED if hopes else RelayReason.UNPREDICTABLE
        assert made.why_relay(ours, mapped, is_punching=False) is expected
        under_way = made.why_relay(ours, mapped, is_punching=True)
        assert under_way is (RelayReason.UNDER_WAY if hopes else RelayReason.UNPREDICTABLE)


def test_a_match_has_so_many_punches_with_waves() -> None:
    made = whereabouts(PUBLIC, SECOND)
    assert made.guesses(STEP)
    assert not made.guesses(CONE)
    plans = [made.begin(STEP, now=float(at)).plan for at in range(MAX_GUESSES + 2)]
    syns = [plan.syns for plan in plans if plan is not None]
    assert len(syns) == len(plans)
    assert all(syns[:MAX_GUESSES])
    assert not any(syns[MAX_GUESSES:])
    assert made.technique is Technique.PREDICTION


def test_the_peer_is_told_of_so_many_punches() -> None:
    made = whereabouts(PUBLIC, SECOND)
    told = []
    for at in range(MAX_OPENINGS + 2):
        made.begin(CONE, now=float(at))
        told.append(made.opening)
    assert told == [*range(MAX_OPENINGS), None, None]
    assert msgspec.convert(told[:MAX_OPENINGS], list[PunchNumber]) == told[:MAX_OPENINGS]
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(MAX_OPENINGS, PunchNumber)


def test_a_punch_without_waves_uses_none_of_them_up() -> None:
    made = whereabouts(PUBLIC, SECOND)
    for at in range(MAX_GUESSES):
        made.begin(CONE, now=float(at))
    plan = made.begin(STEP, now=9.0).plan
    assert plan is not None
    assert plan.syns


def test_matches_share_what_an_hour_allows() -> None:
    allowance = Allowance()
    made = 0
    while True:
        plan = whereabouts(PUBLIC, SECOND, nat=ANY, allowance=allowance).begin(CONE, now=0.0).plan
        assert plan is not None
        if not plan.syns:
            break
        made += plan.syns
    assert 0.9 * HOURLY_SYNS < made <= HOURLY_SYNS


def test_a_way_is_named_after_what_found_it() -> None:
    made = whereabouts(PUBLIC, SECOND, MAPPED, PRIVATE)
    elsewhere = Endpoint(HOST, 50_999)
    assert made.name(PRIVATE.endpoint, 0) == (PathKind.LAN, "private")
    assert made.name(PUBLIC.endpoint, 0) == (PathKind.DIRECT, "public")
    assert made.name(SECOND.endpoint, 0) == (PathKind.DIRECT, "opener")
    assert made.name(elsewhere, 0) == (PathKind.DIRECT, "incoming")
    assert made.name(PUBLIC.endpoint, 1) == (PathKind.DIRECT, "opener"), (
        "as the peer says, who comes from lane 1"
    )
    assert made.name(MAPPED.endpoint, 1) == (PathKind.DIRECT, "mapped")
    assert made.kinds() == {PathKind.LAN, PathKind.DIRECT}
    made.begin(STEP, now=0.0)
    for place in (PUBLIC.endpoint, SECOND.endpoint, elsewhere):
        assert made.name(place, 0) == (PathKind.DIRECT, "prediction")
    assert made.name(MAPPED.endpoint, 0) == (PathKind.DIRECT, "mapped")
    assert made.name(Endpoint("198.51.100.1", 50_999), 0) == (PathKind.DIRECT, "incoming")
    assert made.name(Endpoint("127.0.0.1", 40_001), 0) == (PathKind.LAN, "private")


def test_a_router_in_our_network_is_not_the_peer_itself() -> None:
    made = whereabouts(Candidate(CandidateKind.PUBLIC, "192.168.1.9", 40_001))
    assert made.name(Endpoint("192.168.1.9", 40_001), 0)[0] is PathKind.DIRECT
    made.nat = Nat(Mapping.OPEN)
    assert made.name(Endpoint("192.168.1.9", 40_001), 0)[0] is PathKind.LAN
