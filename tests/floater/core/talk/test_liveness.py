from floater.core.link import Alive, Arrived, Check, LinkDown, LinkUp, Suspect, Transmit
from floater.core.talk.liveness import HASTE, KEEP_ALIVE, PONGS_PER_SECOND, Due, Liveness
from floater.machine import Tick
from floater.wire.talk import Ack, LinkPing, LinkPong
from tests.helpers.playbook import Playbook


def ping(number: int) -> Transmit:
    return Transmit(1, LinkPing(number))


def answering() -> Playbook:  # type: ignore[type-arg]  # of any event
    """Link 1 has been asked and has answered after 0.1 s; nothing is due."""
    return (
        Playbook(Liveness())
        .at(0.0, LinkUp(1, 0), ping(1))
        .at(0.1, Arrived(1, LinkPong(1)))
        .wakes(0.1 + KEEP_ALIVE)
    )


def test_without_a_link_there_is_nothing_to_ask() -> None:
    Playbook(Liveness()).at(0.0, Due(True)).at(1.0, Check()).at(5.0, Tick()).rests()


def test_a_new_link_is_asked_and_measured() -> None:
    machine = Liveness()
    Playbook(machine).at(0.0, LinkUp(1, 0), ping(1)).at(0.25, Arrived(1, LinkPong(1)))
    assert machine.rtt == 0.25
    machine.feed(LinkUp(2, 0), now=1.0)
    assert machine.rtt is None


def test_the_shortest_round_trip_counts() -> None:
    book = answering().at(1.0, Check(), ping(2)).at(1.3, Arrived(1, LinkPong(2)), Alive(1))
    assert book.machine.rtt == 0.1  # type: ignore[attr-defined]  # it is a liveness


def test_silence_with_something_due_is_asked_about_then_suspected_once() -> None:
    (
        answering()
        .at(5.0, Due(True))
        .at(5.5, Due(True))
        .when_due(6.0, ping(2))
        .when_due(8.0, Suspect(1))
        .at(9.0, Tick())
        .at(9.0, Check())
        .rests()
    )


def test_whatever_comes_on_the_link_proves_it() -> None:
    (
        answering()
        .at(5.0, Due(True))
        .at(5.9, Arrived(1, Ack(1)))
        .when_due(6.9, ping(2))
        .at(9.0, Arrived(1, Ack(1)))
        .wakes(12.0)
        .at(9.1, Arrived(2, Ack(1)))
        .wakes(12.0)
        .when_due(12.0, Suspect(1))
        .at(12.5, Arrived(1, Ack(1)))
        .when_due(15.5, Suspect(1))
    )


def test_an_idle_link_is_kept_alive() -> None:
    answering().when_due(15.1, ping(2)).at(15.2, Arrived(1, LinkPong(2))).when_due(30.2, ping(3))


def test_a_check_waits_for_half_a_second_only() -> None:
    answering().at(5.0, Check(), ping(2)).at(5.1, Check()).when_due(5.0 + HASTE, Suspect(1))


def test_a_check_of_a_slow_link_waits_for_three_round_trips() -> None:
    (
        Playbook(Liveness())
        .at(0.0, LinkUp(1, 0), ping(1))
        .at(0.4, Arrived(1, LinkPong(1)))
        .at(5.0, Check(), ping(2))
        .when_due(6.2, Suspect(1))
    )


def test_an_answer_to_another_question_is_none() -> None:
    (
        answering()
        .at(1.0, Arrived(1, LinkPong(1)))
        .at(5.0, Check(), ping(2))
        .at(5.1, Arrived(1, LinkPong(1)))
        .at(5.2, Arrived(2, LinkPong(2)))
        .at(5.3, Arrived(1, LinkPong(2)), Alive(1))
    )


def test_a_link_that_is_gone_is_not_asked() -> None:
    answering().at(5.0, Check(), ping(2)).at(5.1, LinkDown(1)).at(6.0, Arrived(1, LinkPong(2))).rests()


def test_questions_are_answered_on_their_link_but_not_without_end() -> None:
    book = answering()
    for number in range(PONGS_PER_SECOND):
        book.at(1.0, Arrived(2, LinkPing(number)), Transmit(2, LinkPong(number)))
    book.at(1.9, Arrived(2, LinkPing(99))).at(2.0, Arrived(2, LinkPing(99)), Transmit(2, LinkPong(99)))
