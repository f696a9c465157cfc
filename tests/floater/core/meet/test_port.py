from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from floater.codes import Code
from floater.core.meet.observe import Asker, Observation
from floater.core.meet.port import (
    AT_LEAST,
    Answered,
    Ask,
    Close,
    Connected,
    Effect,
    Event,
    Follow,
    Hold,
    Introduced,
    Known,
    Network,
    Open,
    Placed,
    Port,
    PortFacts,
    Probed,
    Routed,
    Stale,
    Told,
    WantPinhole,
    private_places,
)
from floater.core.meet.port_mapping import ASKING, NOT_ASKED, MappingState, Outcome
from floater.errors import LocalProtocolError
from floater.wire.endpoint import Candidate, CandidateKind, Endpoint, Scope
from floater.wire.limits import MAX_CANDIDATES, MAX_PRIVATE_CANDIDATES
from floater.wire.nat import UNKNOWN_NAT, Filtering, Mapping, Stray
from floater.wire.stun import Probe
from tests.helpers.playbook import Playbook

OWN, PUBLIC = "192.168.1.5", "203.0.113.5"
OWN_6, PUBLIC_6 = "fd00::5", "2001:db9::5"
ONE, TWO, SIX = Endpoint("198.51.100.1", 443), Endpoint("198.51.100.2", 3478), Endpoint("2001:db9::1", 443)
FACTS = PortFacts(ports=(50_001, 50_002), private=(Endpoint(OWN, 50_001),))
MAPPED = Endpoint(PUBLIC, 60_000)
GRANTED = MappingState(Outcome.GRANTED, None, MAPPED)
ASKED_OF_ONE = (
    Open(0, Asker.SECOND, ONE),
    Open(1, Asker.PUNCH_PORT, ONE),
    Open(2, Asker.PROBED, ONE),
    Open(3, Asker.FRESH, ONE),
    Open(4, Asker.FRESH, ONE),
    Open(5, Asker.FRESH, ONE),
)
"What is asked where there is but one observer."


def saw(local: int, mapped: int, observer: Endpoint = ONE) -> Observation:
    """What an observer says of a flow of ours."""
    six = ":" in observer.host
    return Observation(
        Endpoint(OWN_6 if six else OWN, local), observer, Endpoint(PUBLIC_6 if six else PUBLIC, mapped)
    )


def port(*, by_ipv6: bool = True, listens: bool = True) -> Playbook[Event, Effect]:
    return Playbook(Port(FACTS, by_ipv6=by_ipv6, listens=listens))


def facts_of(script: Playbook[Event, Effect]) -> PortFacts:
    assert isinstance(script.machine, Port)
    return script.machine.facts


# -- asking -------------------------------------------------------------------------------


def test_enough_is_known_when_all_have_answered_that_were_reached_by_then() -> None:
    script = (
        port()
        .at(10.0, Ask((ONE,)), *ASKED_OF_ONE)
        .at(10.02, Connected(1))
        .at(10.02, Connected(0))
        .at(10.04, Answered(1, saw(50_001, 40_001)), Hold(1))
        .when_due(10.0 + AT_LEAST)
        .at(10.2, Answered(0, saw(50_002, 40_002)), Hold(0), Known())
        .at(10.3, Connected(2))
        .at(10.4, Answered(2, saw(51_000, 40_003)), Follow(2))
        .at(10.5, Answered(3, saw(51_001, 40_004)), Close(3))
        .at(10.6, Answered(4, None), Close(4))
        .at(11.0, Answered(5, None), Close(5))
    )
    script.rests()
    facts = facts_of(script)
    assert [seen.mapped.port for seen in facts.seen] == [40_002, 40_001, 40_003, 40_004], (
        "as they were dialled"
    )
    assert facts.observations == (saw(50_001, 40_001),)
    assert facts.asked == 1


def test_it_is_waited_for_the_first_answer_however_long_that_takes() -> None:
    (
        port()
        .at(0.0, Ask((ONE,)), *ASKED_OF_ONE)
        .at(0.02, Connected(0))
        .when_due(AT_LEAST)
        .at(0.9, Connected(1))
        .at(1.0, Answered(0, saw(50_002, 40_002)), Hold(0))
        .at(1.1, Answered(1, saw(50_001, 40_001)), Hold(1), Known())
        .rests()
    )


def test_answers_that_come_at_once_are_not_enough_before_others_could_be_reached() -> None:
    (
        port()
        .at(0.0, Ask((ONE,)), *ASKED_OF_ONE)
        .at(0.01, Connected(1))
        .at(0.02, Answered(1, saw(50_001, 40_001)), Hold(1))
        .when_due(AT_LEAST, Known())
        .rests()
    )


def test_where_nobody_answers_that_is_known_when_the_last_has_failed() -> None:
    script = port().at(0.0, Ask((ONE,)), *ASKED_OF_ONE).when_due(AT_LEAST)
    for number in range(5):
        script.at(1.0, Answered(number, None), Close(number))
    script.at(2.0, Answered(5, None), Close(5), Known()).rests()
    assert facts_of(script).nat.mapping is Mapping.UNKNOWN


def test_without_observers_everything_is_known_at_once() -> None:
    port().at(0.0, Ask(()), Known()).rests()


def test_one_stream_is_held_for_each_lane_and_family() -> None:
    (
        port()
        .at(
            0.0,
            Ask((SIX, TWO, ONE)),
            Open(0, Asker.SECOND, ONE),
            Open(1, Asker.PUNCH_PORT, ONE),
            Open(2, Asker.PUNCH_PORT, TWO),
            Open(3, Asker.PROBED, ONE),
            Open(4, Asker.FRESH, TWO),
            Open(5, Asker.PUNCH_PORT, SIX),
            WantPinhole(),
        )
        .at(0.1, Answered(2, saw(50_001, 40_001, TWO)), Hold(2))
        .at(0.1, Answered(1, saw(50_001, 40_001)), Close(1))
        .at(0.1, Answered(0, saw(50_002, 40_002)), Hold(0))
        .at(0.1, Answered(5, saw(50_001, 50_001, SIX)), Hold(5))
    )


def test_without_ipv6_no_observer_is_asked_by_it() -> None:
    port(by_ipv6=False).at(0.0, Ask((SIX, ONE)), *ASKED_OF_ONE[:5])
    port(by_ipv6=False).at(0.0, Ask((SIX,)), Known())


def test_where_a_listener_makes_the_firewall_ask_nobody_is_made_to_knock() -> None:
    asked = [Open(2, Asker.FRESH, ONE) if open_.question == 2 else open_ for open_ in ASKED_OF_ONE]
    port(listens=False).at(0.0, Ask((ONE,)), *asked).at(0.1, Answered(2, saw(51_000, 40_003)), Close(2))


def test_another_answer_or_none_on_a_held_stream_makes_the_port_stale_once() -> None:
    first = saw(50_001, 40_001)
    for later in (saw(50_001, 40_009), None):
        script = (
            port()
            .at(0.0, Ask((ONE,)), *ASKED_OF_ONE)
            .at(0.1, Answered(1, first), Hold(1))
            .at(60.0, Answered(1, first))
            .at(120.0, Answered(1, later), Stale())
            .at(130.0, Answered(1, None))
        )
        assert isinstance(script.machine, Port)
        assert script.machine.is_stale
        assert facts_of(script).observations == (later or first,)


def test_it_asks_once() -> None:
    port().at(0.0, Ask((ONE,)), *ASKED_OF_ONE).refused(1.0, Ask((ONE,)), Code.INTERNAL, LocalProtocolError)


# -- what is known ------------------------------------------------------------------------


def test_facts_follow_strangers_the_router_and_the_network() -> None:
    network = Network({ip_address(OWN): ip_network("192.168.1.0/24")}, frozenset({ip_address("192.168.1.1")}))
    script = (
        port()
        .at(0.0, Probed({Probe.OTHER_ADDRESS: Stray.ACCEPTED}))
        .at(0.1, Routed(GRANTED, NOT_ASKED))
        .at(0.2, Placed(network))
    )
    facts = facts_of(script)
    assert facts.nat.filtering is Filtering.ENDPOINT_INDEPENDENT
    assert facts.mapped == (MAPPED,)
    assert facts.surroundings.addresses == {ip_address(OWN)}
    assert facts.surroundings.subnets == (ip_network("192.168.1.0/24"),)
    assert facts.surroundings.gateways == network.gateways
    assert facts.surroundings.port == 50_001
    assert facts.told == Told(UNKNOWN_NAT, ())
    assert facts.has_news


def test_what_was_told_stays_when_more_is_learnt() -> None:
    script = port().at(0.0, Introduced())
    assert not facts_of(script).has_news
    before = facts_of(script).told
    script.at(1.0, Routed(GRANTED, ASKING))
    assert facts_of(script).told == before
    assert facts_of(script).has_news
    script.at(2.0, Introduced())
    assert not facts_of(script).has_news
    assert facts_of(script).told.mapped == (MAPPED,)


# -- what is told -------------------------------------------------------------------------


def test_places_are_told_from_the_surest_to_the_nearest_once_each() -> None:
    facts = replace(
        FACTS,
        private=(Endpoint(OWN, 50_001), Endpoint(PUBLIC, 40_001)),
        router=GRANTED,
        firewall=MappingState(Outcome.GRANTED, None, Endpoint(PUBLIC_6, 50_001)),
        seen=(
            saw(50_002, 40_002),
            saw(50_001, 40_001),
            saw(50_001, 40_001, TWO),
            saw(50_001, 50_001, SIX),
            saw(51_000, 40_009),
        ),
    )
    assert facts.public == (Endpoint(PUBLIC, 40_001), Endpoint(PUBLIC_6, 50_001))
    assert facts.candidates == (
        Candidate(CandidateKind.MAPPED, PUBLIC, 60_000),
        Candidate(CandidateKind.MAPPED, PUBLIC_6, 50_001),
        Candidate(CandidateKind.PUBLIC, PUBLIC, 40_001),
        Candidate(CandidateKind.PUBLIC, PUBLIC, 40_002, lane=1),
        Candidate(CandidateKind.PRIVATE, OWN, 50_001),
    )
    assert facts.surroundings.public == {
        MAPPED,
        Endpoint(PUBLIC_6, 50_001),
        Endpoint(PUBLIC, 40_001),
        Endpoint(PUBLIC, 40_002),
    }


def test_no_more_places_are_told_than_a_message_holds() -> None:
    private = tuple(Endpoint(f"192.168.1.{number}", 50_001) for number in range(10, 30))
    seen = tuple(saw(50_001, 40_000 + number) for number in range(20))
    kinds = [place.kind for place in replace(FACTS, private=private, seen=seen).candidates]
    assert len(kinds) == MAX_CANDIDATES
    assert kinds.count(CandidateKind.PRIVATE) == MAX_PRIVATE_CANDIDATES


ADDRESSES = [
    ip_address(text) for text in ("fd00::5", "10.0.0.7", "127.0.0.1", "::1", "192.168.1.5", "8.8.4.4")
]


@pytest.mark.parametrize(
    ("server", "told"),
    [
        (Scope.PUBLIC, ["192.168.1.5", "10.0.0.7", "fd00::5"]),
        (Scope.PRIVATE, ["192.168.1.5", "10.0.0.7", "fd00::5"]),
        (Scope.LOOPBACK, ["192.168.1.5", "10.0.0.7", "127.0.0.1", "fd00::5"]),
    ],
)
def test_private_addresses_are_told_the_one_first_that_faces_the_server(
    server: Scope, told: list[str]
) -> None:
    places = private_places(50_001, ADDRESSES, facing=ip_address("192.168.1.5"), server=server)
    assert places == tuple(Endpoint(host, 50_001) for host in told)
