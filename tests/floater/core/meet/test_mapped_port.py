from floater.core.meet.candidates import is_port_allowed
from floater.core.meet.mapped_port import (
    ASKING,
    ATTEMPTS,
    FIRST_PAUSE,
    NOT_ASKED,
    OTHER_PORTS,
    Map,
    Outcome,
    Port,
    Protocol,
    State,
    Tell,
    Unmap,
)

NONCE = b"nonce of 12."
PCP, PMP = Protocol.PCP, Protocol.NAT_PMP


def wanted() -> Port:
    return Port(40_001, NONCE, 7_200.0, 40_001)


def test_a_question_is_repeated_after_pauses_that_double_until_it_is_given_up() -> None:
    port = wanted()
    question = Map(PCP, 40_001, NONCE, 40_001, 7_200.0)
    assert port.ask(PCP, 10) == question
    assert (port.is_asked(PCP), port.is_asked(PMP), port.due) == (True, False, 10 + FIRST_PAUSE)
    for attempt in range(1, ATTEMPTS):
        assert not port.has_given_up
        assert port.ask_on(20) == question
        assert port.due == 20 + FIRST_PAUSE * 2**attempt
    assert port.has_given_up
    port.wait()
    assert (port.state, port.due, port.is_asked(PCP)) == (State.WAITING, None, False)


def test_a_mapping_that_is_held_is_asked_for_again_halfway_and_not_given_up() -> None:
    port = wanted()
    port.ask(PCP, 0)
    port.hold(100, 10)
    assert (port.state, port.due, port.lapses) == (State.HELD, 60, 110)
    port.ask(PCP, 60)
    for _ in range(ATTEMPTS):
        port.ask_on(61)
    assert not port.has_given_up
    port.tried.add(PCP)
    port.others = OTHER_PORTS
    assert not port.asks_for_others
    port.begin()
    assert (port.state, port.due, port.lapses, port.tried) == (State.WAITING, None, None, set())
    assert port.asks_for_others


def test_a_mapping_is_given_back_in_the_protocol_that_granted_it() -> None:
    port = wanted()
    port.ask(PMP, 0)
    port.hold(100, 0)
    back = Unmap(PMP, 40_001, NONCE, 40_001)
    assert port.leave(5) == port.ask_on(6) == back
    assert (port.is_leaving(PMP), port.is_leaving(PCP), port.lapses) == (True, False, None)


def test_the_nonce_says_which_other_ports_are_wished_for() -> None:
    port, again = wanted(), wanted()
    wished = []
    while port.asks_for_others:
        port.take_other()
        again.take_other()
        assert again.external == port.external
        wished.append(port.external)
    assert len(wished) == len(set(wished)) == OTHER_PORTS
    assert all(is_port_allowed(external) for external in wished)


def test_a_standing_is_told_when_it_changes() -> None:
    port = wanted()
    assert port.tell(ASKING) == []
    assert port.tell(NOT_ASKED) == [Tell(40_001, NOT_ASKED)]
    assert port.tell(NOT_ASKED) == []
    assert port.standing.outcome is Outcome.NOT_ASKED
