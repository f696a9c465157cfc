from dataclasses import replace

from floater.api import PathKind, RelayReason
from floater.core.meet.port_facts import PortFacts
from floater.core.meet.port_mapping import MappingState, Outcome
from floater.core.meet.punch import Dial, Listen, Withdraw
from floater.core.meet.puncher import Puncher
from floater.core.meet.settings import MeetingSettings
from floater.core.meet.technique import Allowance
from floater.machine import Tick
from floater.wire.control import Role
from floater.wire.endpoint import Candidate, CandidateKind, Endpoint
from floater.wire.nat import Allocation, Mapping, Nat

PLACE, OTHER = Endpoint("203.0.113.5", 40_001), Endpoint("203.0.113.5", 40_005)
CONE = Nat(Mapping.ENDPOINT_INDEPENDENT)
ANY = Nat(Mapping.PORT_DEPENDENT, allocation=Allocation.RANDOM, ports=(5_000, 60_000))
PORT = PortFacts(ports=(50_001, 50_002)).introduced()
LET_IN = replace(PORT, router=MappingState(Outcome.GRANTED, None, Endpoint("198.51.100.2", 60_000)))


def public(*places: Endpoint) -> list[Candidate]:
    return [Candidate(CandidateKind.PUBLIC, *place) for place in places]


def puncher(port: PortFacts | None = PORT, nat: Nat = CONE) -> Puncher:
    made = Puncher(Role.LEADER, nat, MeetingSettings(punch_budget=4.0, timeout=15.0), Allowance(), 0.0)
    if port is not None:
        made.use(port, now=0.0)
    assert made.choose(public(PLACE))
    return made


def test_one_punch_at_a_time_is_on_until_its_budget_is_spent_or_it_is_halted() -> None:
    made = puncher()
    assert made.halt(now=0.0) == made.feed(Tick(), now=0.0) == []
    assert made.kinds == set()
    assert made.start(now=1.0) == [Listen(), Dial(PLACE)]
    assert made.is_punching
    assert made.deadline == 5.0
    assert made.kinds == {PathKind.DIRECT}
    assert made.start(now=2.0) == [Withdraw(), Listen(), Dial(PLACE)]
    made.choose(public(PLACE, OTHER))
    assert made.add(now=2.5) == [Dial(OTHER)]
    assert made.halt(now=3.0) == [Withdraw()]
    assert made.kinds == set()
    assert made.add(now=3.5) == []


def test_without_a_port_there_is_no_hope_and_nothing_is_known() -> None:
    made = puncher(None)
    assert (made.hopes, made.guesses, made.has_news(now=0.0)) == (False, False, False)
    assert made.why_relay is RelayReason.NO_PLACES
    made.update(PORT)
    assert (made.port, made.kinds) == (None, set())


def test_why_a_link_leads_over_the_relay_follows_what_is_tried() -> None:
    made = puncher()
    assert (made.hopes, made.guesses) == (True, False)
    reasons = [made.why_relay]
    made.start(now=0.0)
    assert [*reasons, made.why_relay] == [RelayReason.FAILED, RelayReason.UNDER_WAY]
    made.where.nat = ANY
    assert (made.hopes, made.guesses) == (True, True)
    hopeless = puncher(replace(PORT, told=replace(PORT.told, nat=ANY)), ANY)
    assert (hopeless.hopes, hopeless.guesses) == (False, False)
    assert hopeless.why_relay is RelayReason.UNPREDICTABLE


def test_what_a_router_grants_is_news_until_it_is_told_and_for_a_while_only() -> None:
    made = puncher()
    made.update(replace(LET_IN, ports=(50_003, 50_004)))
    assert not made.has_news(now=1.0), "it is another port's"
    made.update(LET_IN.introduced())
    assert made.has_news(now=15.0), "what was told of the port in use is known here"
    assert not made.has_news(now=15.1)
    assert made.introduce().told.mapped == LET_IN.mapped
    assert not made.has_news(now=1.0)
