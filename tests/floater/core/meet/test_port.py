from dataclasses import replace
from ipaddress import ip_address, ip_network

from floater.codes import Code
from floater.core.meet.observe import Asker
from floater.core.meet.port import (
    ANSWER_TIMEOUT,
    AT_LEAST,
    PATIENCE,
    REFRESH,
    Answered,
    Ask,
    AskAgain,
    Bound,
    Close,
    Connected,
    Effect,
    Event,
    Follow,
    Followed,
    Hold,
    Introduced,
    Known,
    Open,
    Placed,
    Port,
    Probed,
    Routed,
    Settled,
    Stale,
    WantMapping,
)
from floater.core.meet.port_facts import Network, PortFacts, Told
from floater.core.meet.port_mapping import ASKING, NOT_ASKED
from floater.errors import LocalProtocolError
from floater.wire.endpoint import Scope
from floater.wire.nat import UNKNOWN_NAT, Filtering, Mapping, Stray
from floater.wire.stun import Probe
from tests.floater.core.meet.test_port_facts import FACTS, GRANTED, MAPPED, ONE, OWN, SIX, TWO, saw
from tests.helpers.playbook import Playbook

ASKED_OF_ONE = (
    Open(0, Asker.SECOND, ONE),
    Open(1, Asker.PUNCH_PORT, ONE),
    Open(2, Asker.PROBED, ONE),
    Open(3, Asker.FRESH, ONE),
    Open(4, Asker.FRESH, ONE),
    Open(5, Asker.FRESH, ONE),
)
"What is asked where there is but one observer."


def port(
    *, by_ipv6: bool = True, listens: bool = True, server: Scope = Scope.PRIVATE
) -> Playbook[Event, Effect]:
    return Playbook(Port(replace(FACTS, server=server), by_ipv6=by_ipv6, listens=listens))


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
        .at(11.4, Followed(2), Close(2), Settled())
        .wakes(10.04 + REFRESH)
    )
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
        .wakes(PATIENCE)
    )


def test_answers_that_come_at_once_are_not_enough_before_others_could_be_reached() -> None:
    (
        port()
        .at(0.0, Ask((ONE,)), *ASKED_OF_ONE)
        .at(0.01, Connected(1))
        .at(0.02, Answered(1, saw(50_001, 40_001)), Hold(1))
        .when_due(AT_LEAST, Known())
        .wakes(PATIENCE)
    )


def test_where_nobody_answers_that_is_known_when_the_last_has_failed() -> None:
    script = port().at(0.0, Ask((ONE,)), *ASKED_OF_ONE).when_due(AT_LEAST)
    for number in range(5):
        script.at(1.0, Answered(number, None), Close(number))
    script.at(2.0, Answered(5, None), Close(5), Known(), Settled()).rests()
    assert facts_of(script).nat.mapping is Mapping.UNKNOWN


def test_without_observers_everything_is_known_at_once() -> None:
    port().at(0.0, Ask(()), Known(), Settled()).rests()


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
        )
        .at(0.1, Answered(2, saw(50_001, 40_001, TWO)), Hold(2))
        .at(0.1, Answered(1, saw(50_001, 40_001)), Close(1))
        .at(0.1, Answered(0, saw(50_002, 40_002)), Hold(0))
        .at(0.1, Answered(5, saw(50_001, 50_001, SIX)), Hold(5))
    )


def test_without_ipv6_no_observer_is_asked_by_it() -> None:
    port(by_ipv6=False).at(0.0, Ask((SIX, ONE)), *ASKED_OF_ONE[:5])
    port(by_ipv6=False).at(0.0, Ask((SIX,)), Known(), Settled())


def test_where_a_listener_makes_the_firewall_ask_nobody_is_made_to_knock() -> None:
    asked = [Open(2, Asker.FRESH, ONE) if open_.question == 2 else open_ for open_ in ASKED_OF_ONE]
    port(listens=False).at(0.0, Ask((ONE,)), *asked).at(0.1, Answered(2, saw(51_000, 40_003)), Close(2))


def test_observers_that_take_too_long_are_left_out() -> None:
    script = (
        port()
        .at(0.0, Ask((ONE,)), *ASKED_OF_ONE)
        .when_due(AT_LEAST)
        .at(0.2, Connected(1))
        .at(1.5, Answered(2, saw(51_000, 40_003)), Follow(2))
        .when_due(PATIENCE, Close(0), Close(1), Close(3), Close(4), Close(5), Known())
        .at(2.1, Answered(1, saw(50_001, 40_001)))
        .at(2.1, Connected(0))
        .when_due(1.5 + PATIENCE, Close(2), Settled())
        .at(3.6, Followed(2))
    )
    script.rests()
    assert facts_of(script).observations == ()


def test_the_router_is_asked_to_let_others_in_from_the_internet() -> None:
    script = port(server=Scope.PUBLIC).at(0.0, Bound(), WantMapping(by_ipv6=False))
    script.at(0.0, Ask((ONE,)), *ASKED_OF_ONE)
    by_ipv6 = [Open(open_.question, open_.asker, SIX) for open_ in ASKED_OF_ONE]
    port(server=Scope.PUBLIC).at(0.0, Ask((SIX,)), *by_ipv6, WantMapping(by_ipv6=True))


def test_a_router_that_the_peers_of_our_server_do_not_come_through_is_not_asked() -> None:
    by_ipv6 = [Open(open_.question, open_.asker, SIX) for open_ in ASKED_OF_ONE]
    port(server=Scope.PRIVATE).at(0.0, Bound()).at(0.0, Ask((SIX,)), *by_ipv6)
    port(server=Scope.LOOPBACK).at(0.0, Bound())


# -- a stream that is held ----------------------------------------------------------------


def held() -> Playbook[Event, Effect]:
    """Stream 1 is held since 0.1, and nothing else is waited for."""
    script = port().at(0.0, Ask((ONE,)), *ASKED_OF_ONE).at(0.1, Answered(1, saw(50_001, 40_001)), Hold(1))
    for number in (0, 2, 3, 4):
        script.at(0.1, Answered(number, None), Close(number))
    return script.at(0.1, Answered(5, None), Close(5), Known(), Settled())


def test_it_is_asked_again_now_and_then_so_that_the_nat_keeps_the_mapping() -> None:
    script = held().when_due(0.1 + REFRESH, AskAgain(1)).at(61.0, Answered(1, saw(50_001, 40_001)))
    script.when_due(61.0 + REFRESH, AskAgain(1)).wakes(61.0 + REFRESH + ANSWER_TIMEOUT)


def test_another_answer_makes_the_port_stale_once() -> None:
    script = held().when_due(0.1 + REFRESH, AskAgain(1)).at(61.0, Answered(1, saw(50_001, 40_009)), Stale())
    script.at(70.0, Answered(1, None), Close(1)).rests()
    assert isinstance(script.machine, Port)
    assert script.machine.is_stale
    assert facts_of(script).observations == (saw(50_001, 40_009),)


def test_its_end_makes_the_port_stale_and_so_does_silence() -> None:
    script = held().at(30.0, Answered(1, None), Close(1), Stale()).at(30.0, Answered(1, None))
    script.rests()
    assert facts_of(script).observations == (saw(50_001, 40_001),)
    held().when_due(0.1 + REFRESH, AskAgain(1)).when_due(0.1 + REFRESH + ANSWER_TIMEOUT, Close(1), Stale())


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
