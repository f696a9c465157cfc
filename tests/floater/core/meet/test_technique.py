import itertools
import random

import pytest

from floater.core.meet.candidates import is_port_allowed
from floater.core.meet.technique import (
    HOURLY_SYNS,
    MAX_WAVE,
    MAX_WAVES,
    Allowance,
    Plan,
    Technique,
    plan_for,
)
from floater.wire.control import Role
from floater.wire.endpoint import Endpoint
from floater.wire.nat import UNKNOWN_NAT, Allocation, Filtering, Mapping, Nat, Stray

OURS = (Endpoint("203.0.113.5", 40_001), Endpoint("203.0.113.5", 40_002))
THEIRS = (Endpoint("198.51.100.9", 50_001), Endpoint("198.51.100.9", 50_002))
"Where observers saw the punch ports, by lane."
NOWHERE = (None, None)


class Router:
    """How a NAT gives out ports: a fresh one for each flow, or the same for all."""

    def __init__(self, rng: random.Random, kind: Allocation) -> None:
        self._rng = rng
        self._kind = kind
        self._next = rng.randrange(20_000, 40_000)
        self._block = rng.randrange(1_024, 60_000)

    def port(self) -> int:
        match self._kind:
            case Allocation.SEQUENTIAL:
                self._next += 1
                return self._next
            case Allocation.BLOCK:
                return self._block + self._rng.randrange(512)
            case Allocation.RANDOM:
                return self._rng.randrange(1_024, 65_536)
        return OURS[0].port

    def others(self, most: int) -> None:
        """Let others in the house dial out."""
        for _ in range(self._rng.randint(0, most)):
            self.port()

    @property
    def nat(self) -> Nat:
        """What six observers find."""
        if self._kind is Allocation.PRESERVED:
            return Nat(Mapping.ENDPOINT_INDEPENDENT, Filtering.PORT_DEPENDENT, self._kind)
        ports = tuple(self.port() for _ in range(6))
        return Nat(Mapping.PORT_DEPENDENT, Filtering.PORT_DEPENDENT, self._kind, ports=ports)


def meetings(seed: int, one: Allocation, other: Allocation) -> tuple[bool, bool]:
    """Play one punch: does a call fit a hole, of the opener of lane 1, and of the other?"""
    rng = random.Random(seed)
    routers = Router(rng, one), Router(rng, other)
    nats = routers[0].nat, routers[1].nat
    plans = (
        plan_for(nats[0], nats[1], Role.LEADER, THEIRS),
        plan_for(nats[1], nats[0], Role.FOLLOWER, OURS),
    )
    for router in routers:
        router.others(5)
    assert plans[0].opens != plans[1].opens
    opener = 0 if plans[0].opens else 1
    places = OURS, THEIRS
    holes = set[tuple[int, int, int]]()  # (whose, public port of whose it is, of the caller)
    met = [False, False]
    for is_hole, who in ((True, opener), (True, 1 - opener), (False, opener), (False, 1 - opener)):
        plan = plans[who]
        for remote in plan.holes if is_hole else itertools.chain(*plan.calls):
            assert remote.host == places[1 - who][0].host
            source = routers[who].port() if plan.fresh else places[who][is_hole].port
            if is_hole:
                holes.add((who, source, remote.port))
            elif (1 - who, remote.port, source) in holes:
                met[1 - who] = True
    return met[opener], met[1 - opener]


def share(one: Allocation, other: Allocation, games: int = 150) -> float:
    return sum(any(meetings(seed, one, other)) for seed in range(games)) / games


@pytest.mark.search
@pytest.mark.parametrize(("other", "at_least"), [(Allocation.SEQUENTIAL, 1.0), (Allocation.BLOCK, 0.99)])
def test_a_cone_is_met_in_either_order(other: Allocation, at_least: float) -> None:
    for one, two in ((Allocation.PRESERVED, other), (other, Allocation.PRESERVED)):
        games = [meetings(seed, one, two) for seed in range(400)]
        assert sum(is_met for is_met, _ in games) / 400 >= at_least
        assert sum(is_met for _, is_met in games) / 400 >= at_least


@pytest.mark.search
@pytest.mark.parametrize(
    ("one", "other", "at_least"),
    [
        (Allocation.PRESERVED, Allocation.SEQUENTIAL, 1.0),
        (Allocation.PRESERVED, Allocation.BLOCK, 0.99),
        (Allocation.PRESERVED, Allocation.RANDOM, 0.99),
        (Allocation.SEQUENTIAL, Allocation.SEQUENTIAL, 1.0),
        (Allocation.SEQUENTIAL, Allocation.BLOCK, 0.98),
        (Allocation.BLOCK, Allocation.BLOCK, 0.98),
    ],
)
def test_the_plans_of_both_sides_fit_each_other(one: Allocation, other: Allocation, at_least: float) -> None:
    assert share(one, other) >= at_least
    assert share(other, one) >= at_least


def test_one_wave_of_a_birthday_is_what_the_arithmetic_says() -> None:
    def one_wave(seed: int) -> bool:
        rng = random.Random(seed)
        router = Router(rng, Allocation.RANDOM)
        nat = router.nat
        cone = Nat(Mapping.ENDPOINT_INDEPENDENT)
        holes = plan_for(cone, nat, Role.LEADER, THEIRS).holes
        keys = plan_for(nat, cone, Role.FOLLOWER, OURS).calls[0]
        open_ports = {hole.port for hole in holes}
        assert len(open_ports) > 1_000
        return any(router.port() in open_ports for _ in keys)

    assert 0.96 < sum(map(one_wave, range(400))) / 400 < 0.995


def test_cones_cross_and_what_nobody_can_guess_is_left_to_the_relay() -> None:
    cone = Nat(Mapping.ENDPOINT_INDEPENDENT, Filtering.PORT_DEPENDENT, Allocation.PRESERVED)
    hard = Nat(Mapping.PORT_DEPENDENT, allocation=Allocation.RANDOM, ports=(5_000, 60_000))
    step = Nat(Mapping.PORT_DEPENDENT, allocation=Allocation.SEQUENTIAL, ports=(5_000, 5_001))
    assert plan_for(cone, UNKNOWN_NAT, Role.LEADER, THEIRS) == Plan(Technique.CROSSING, opens=False)
    assert plan_for(hard, hard, Role.FOLLOWER, THEIRS) == Plan(Technique.HOPELESS, opens=True)
    assert plan_for(hard, step, Role.FOLLOWER, THEIRS) == Plan(Technique.HOPELESS, opens=False)


def test_who_lets_anybody_in_needs_no_guess() -> None:
    hard = Nat(Mapping.PORT_DEPENDENT, allocation=Allocation.RANDOM, ports=(5_000, 60_000))
    for filtering in (Filtering.ENDPOINT_INDEPENDENT, Filtering.ADDRESS_DEPENDENT):
        easy = Nat(Mapping.ENDPOINT_INDEPENDENT, filtering)
        assert plan_for(hard, easy, Role.LEADER, THEIRS).technique is Technique.CROSSING
        assert not plan_for(easy, hard, Role.LEADER, THEIRS).syns
        # Of a NAT that takes another port each time it helps nobody that it lets anybody in.
        odd = Nat(Mapping.PORT_DEPENDENT, filtering, Allocation.RANDOM, ports=(5_000, 60_000))
        assert plan_for(odd, hard, Role.LEADER, THEIRS).technique is Technique.HOPELESS


def test_whose_nat_answers_strays_opens_first() -> None:
    for stray in (Stray.RESET, Stray.UNREACHABLE):
        loud, quiet = Nat(Mapping.ENDPOINT_INDEPENDENT, stray=stray), Nat(Mapping.ENDPOINT_INDEPENDENT)
        assert plan_for(loud, quiet, Role.LEADER, THEIRS).opens
        assert not plan_for(quiet, loud, Role.FOLLOWER, OURS).opens
        assert not plan_for(loud, loud, Role.LEADER, THEIRS).opens


def test_without_an_observed_place_there_is_no_burst() -> None:
    cone, hard = Nat(Mapping.ENDPOINT_INDEPENDENT), Nat(Mapping.PORT_DEPENDENT, ports=(5_000, 60_000))
    assert plan_for(cone, hard, Role.LEADER, NOWHERE) == Plan(Technique.BIRTHDAY, opens=True)


def test_one_observed_place_is_enough_for_one_order() -> None:
    cone = Nat(Mapping.ENDPOINT_INDEPENDENT, Filtering.PORT_DEPENDENT, Allocation.PRESERVED)
    step = Nat(Mapping.PORT_DEPENDENT, allocation=Allocation.SEQUENTIAL, ports=(5_000, 5_001))
    both = plan_for(step, cone, Role.LEADER, THEIRS)
    assert set(both.holes) == {THEIRS[0]}
    assert set(itertools.chain(*both.calls)) == {THEIRS[1]}
    lane_0, lane_1 = ((THEIRS[0], None), (None, THEIRS[1]))
    elsewhere = (Endpoint("198.51.100.10", 50_001), THEIRS[1])
    assert plan_for(step, cone, Role.LEADER, lane_0) == Plan(
        Technique.PREDICTION, opens=False, holes=both.holes, fresh=True
    )
    for seen in (lane_1, elsewhere):
        assert plan_for(step, cone, Role.LEADER, seen) == Plan(
            Technique.PREDICTION, opens=False, calls=both.calls, fresh=True
        )
    assert plan_for(cone, step, Role.LEADER, lane_0) == plan_for(cone, step, Role.LEADER, THEIRS)


def every_nat() -> list[Nat]:
    ports: list[tuple[int, ...]] = [
        (),
        (1,),
        (65_535,) * 6,
        (1, 2, 3, 4, 5, 6),
        (65_530, 65_533, 65_535, 1, 4),
    ]
    ports += [(40_000, 40_100, 40_017, 40_300), (1, 65_535), (22, 80, 443, 1_024)]
    return [
        Nat(mapping, filtering, allocation, Stray.UNKNOWN, seen)
        for mapping, filtering, allocation, seen in itertools.product(
            Mapping, (Filtering.UNKNOWN, Filtering.ADDRESS_DEPENDENT), Allocation, ports
        )
    ]


def test_whatever_is_claimed_no_cap_is_exceeded_and_no_other_address_is_hit() -> None:
    nats = every_nat()
    rng = random.Random(7)
    for theirs in nats:
        plan = plan_for(rng.choice(nats), theirs, rng.choice(list(Role)), THEIRS)
        assert len(plan.calls) <= MAX_WAVES
        for wave in (plan.holes, *plan.calls):
            assert len(wave) <= MAX_WAVE
            assert all(place.host == THEIRS[1].host and is_port_allowed(place.port) for place in wave)
        # A round trip may be so short that the first calls go out with the holes.
        assert len(plan.holes) + len(plan.calls[0] if plan.calls else ()) <= MAX_WAVE


def test_the_two_sides_agree_on_technique_and_roles() -> None:
    rng = random.Random(3)
    nats = every_nat()
    for one, other in zip(nats, rng.sample(nats, len(nats)), strict=True):
        ours = plan_for(one, other, Role.LEADER, THEIRS)
        theirs = plan_for(other, one, Role.FOLLOWER, OURS)
        assert ours.technique is theirs.technique
        assert ours.opens is not theirs.opens
        unseen = plan_for(other, one, Role.FOLLOWER, NOWHERE)
        assert (unseen.technique, unseen.opens, unseen.syns) == (theirs.technique, theirs.opens, 0)


def test_an_hour_allows_so_many_syns_however_they_are_asked_for() -> None:
    rng, allowance, now = random.Random(5), Allowance(), 0.0
    spent: list[tuple[float, int]] = []
    for _ in range(5_000):
        now += rng.expovariate(0.1)
        wanted = rng.choice((64, 1_024, 3_072))
        if allowance.spend(wanted, now=now):
            spent.append((now, wanted))
        within = sum(syns for at, syns in spent[-200:] if at > now - 3_600.0)
        assert within <= 2 * HOURLY_SYNS, "a full store and what flows in during the hour"
    assert sum(syns for _, syns in spent) <= HOURLY_SYNS * (1 + now / 3_600.0)
    assert sum(syns for _, syns in spent) > 0.9 * HOURLY_SYNS * now / 3_600.0
