from floater.core.meet.candidates import is_port_allowed
from floater.core.meet.mapped_port import (
    ASKING,
    ATTEMPTS,
    FIRST_PAUSE,
    OTHER_PORTS,
    Map,
    MappingState,
    Outcome,
    Port,
    Protocol,
    State,
    Tell,
    Unmap,
)

NONCE = bytes(range(12))
PCP, PMP = Protocol.PCP, Protocol.NAT_PMP


def port() -> Port:
    return Port(40_001, NONCE, 600.0, external=40_001)


def test_a_question_is_repeated_with_growing_pauses_until_it_is_given_up() -> None:
    asked, now = port(), 0.0
    assert asked.ask(PCP, now) == Map(PCP, 40_001, NONCE, 40_001, 600.0)
    for times in range(1, ATTEMPTS):
        assert asked.due == now + FIRST_PAUSE * 2.0 ** (times - 1)
        assert not asked.has_given_up
        now = asked.due
        assert asked.ask_on(now) == Map(PCP, 40_001, NONCE, 40_001, 600.0)
    assert asked.has_given_up
    assert (asked.is_asked(PCP), asked.is_asked(PMP), asked.is_leaving(PCP)) == (True, False, False)


def test_what_is_held_is_asked_for_again_after_half_of_its_time_and_never_given_up() -> None:
    held = port()
    held.ask(PCP, 0.0)
    held.hold(100.0, now=1.0)
    assert (held.state, held.due, held.lapses) == (State.HELD, 51.0, 101.0)
    held.ask(PCP, 51.0)
    for _ in range(ATTEMPTS):
        held.ask_on(60.0)
    assert not held.has_given_up


def test_a_mapping_is_removed_by_the_protocol_that_made_it() -> None:
    left = port()
    left.ask(PMP, 0.0)
    left.hold(100.0, now=0.0)
    left.external = 40_009
    assert left.leave(10.0) == left.ask_on(11.0) == Unmap(PMP, 40_001, NONCE, 40_009)
    assert (left.is_leaving(PMP), left.is_leaving(PCP), left.lapses) == (True, False, None)


def test_other_external_ports_are_determined_by_the_nonce_and_always_allowed() -> None:
    first, again, wished = port(), port(), []
    while first.asks_for_others:
        first.take_other()
        again.take_other()
        wished.append(first.external)
        assert first.external == again.external
    assert len(wished) == OTHER_PORTS
    assert all(is_port_allowed(external) for external in wished)
    assert len(set(wished)) == OTHER_PORTS


def test_a_new_beginning_forgets_what_came_of_asking() -> None:
    begun = port()
    begun.ask(PCP, 0.0)
    begun.hold(100.0, now=0.0)
    begun.tried.add(PMP)
    begun.take_other()
    begun.begin()
    assert (begun.state, begun.due, begun.lapses, begun.others, begun.tried) == (
        State.WAITING, None, None, 0, set()
    )  # fmt: skip
    begun.ask(PCP, 1.0)
    begun.wait()
    assert (begun.state, begun.due) == (State.WAITING, None)


def test_the_state_of_a_mapping_is_told_only_when_it_changes() -> None:
    told = port()
    refused = MappingState(Outcome.REFUSED)
    assert told.tell(ASKING) == []
    assert told.tell(refused) == [Tell(40_001, refused)]
    assert told.tell(refused) == []
