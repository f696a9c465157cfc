import pytest

from floater.codes import Code
from floater.core.link import Alive, Arrived, Check, LinkDown, LinkUp, Suspect, Transmit
from floater.core.talk.conversation import (
    MAX_OUTBOX,
    RESERVE,
    Acknowledged,
    Conversation,
    Expect,
    Heard,
    Yield,
)
from floater.core.talk.liveness import HASTE, PONGS_PER_SECOND
from floater.core.talk.orders import Say
from floater.errors import RemoteProtocolError
from floater.machine import Tick
from floater.wire.limits import MAX_UNACKNOWLEDGED
from floater.wire.talk import Ack, HangUp, LinkPing, LinkPong, Text
from tests.helpers.playbook import Playbook


def text(seq: int, received: int = 0) -> Text:
    return Text(seq=seq, received=received)


SAY = Say(Text, body=b"hi")


def linked() -> Playbook:  # type: ignore[type-arg]  # of any event
    """A conversation on link 1 that has been asked and has answered: nothing is due."""
    return (
        Playbook(Conversation())
        .at(0.0, LinkUp(1, 0), Transmit(1, LinkPing(1)))
        .at(0.1, Arrived(1, LinkPong(1)))
        .wakes(15.1)
    )


def test_without_a_link_nothing_is_due() -> None:
    Playbook(Conversation()).at(0.0, SAY).rests()


def test_what_was_said_apart_goes_out_with_the_first_link() -> None:
    (
        Playbook(Conversation())
        .at(0.0, SAY)
        .at(0.0, SAY)
        .at(
            5.0,
            LinkUp(1, 0),
            Transmit(1, text(1), b"hi"),
            Transmit(1, text(2), b"hi"),
            Transmit(1, LinkPing(1)),
        )
        .at(5.1, Arrived(1, Ack(2)), Acknowledged(2))
    )


def test_an_acknowledgement_that_waits_goes_before_bulk_and_once() -> None:
    (
        linked()
        .at(1.0, Arrived(1, text(1), b"a"), Heard(text(1), b"a"))
        .at(1.0, Yield(), Transmit(1, Ack(1)))
        .at(1.0, Yield())
        .wakes(16.0)
    )


def test_each_message_is_heard_once_and_acknowledged_at_once() -> None:
    (
        linked()
        .at(1.0, Arrived(1, text(1), b"a"), Heard(text(1), b"a"))
        .when_due(1.0, Transmit(1, Ack(1)))
        .at(2.0, Arrived(1, text(1), b"a"))
        .when_due(2.0, Transmit(1, Ack(1)))
        .wakes(17.0)
    )


def test_acknowledgements_of_a_burst_go_out_together() -> None:
    (
        linked()
        .at(1.0, Arrived(1, text(1)), Heard(text(1), b""))
        .when_due(1.0, Transmit(1, Ack(1)))
        .at(1.001, Arrived(1, text(2)), Heard(text(2), b""))
        .at(1.002, Arrived(1, text(3)), Heard(text(3), b""))
        .when_due(1.005, Transmit(1, Ack(3)))
    )


def test_a_message_of_ours_acknowledges_on_its_way() -> None:
    (
        linked()
        .at(1.0, Arrived(1, text(1)), Heard(text(1), b""))
        .at(1.0, SAY, Transmit(1, text(1, received=1), b"hi"))
        .wakes(2.0)  # to ask, not to acknowledge
    )


def test_a_gap_is_a_fault_of_the_peer() -> None:
    linked().refused(1.0, Arrived(1, text(2)), Code.OUT_OF_ORDER, RemoteProtocolError)


def test_an_acknowledgement_of_what_was_never_said_is_a_fault_of_the_peer() -> None:
    linked().refused(1.0, Arrived(1, Ack(1)), Code.BAD_FIELD, RemoteProtocolError)
    linked().refused(1.0, Arrived(1, text(1, received=1)), Code.BAD_FIELD, RemoteProtocolError)
    linked().refused(1.0, LinkUp(2, 1), Code.BAD_FIELD, RemoteProtocolError)


def test_a_new_link_repeats_only_what_is_not_acknowledged() -> None:
    (
        linked()
        .at(1.0, SAY, Transmit(1, text(1), b"hi"))
        .at(1.0, SAY, Transmit(1, text(2), b"hi"))
        .at(1.0, SAY, Transmit(1, text(3), b"hi"))
        .at(1.1, Arrived(1, Ack(1)), Acknowledged(1))
        .at(1.2, LinkDown(1))
        .at(
            4.0,
            LinkUp(2, 2),
            Acknowledged(2),
            Transmit(2, text(3), b"hi"),
            Transmit(2, LinkPing(2)),
        )
    )


def test_an_old_hello_takes_no_acknowledgement_back() -> None:
    (
        linked()
        .at(1.0, SAY, Transmit(1, text(1), b"hi"))
        .at(1.1, Arrived(1, Ack(1)), Acknowledged(1))
        .at(2.0, LinkUp(2, 0), Transmit(2, LinkPing(2)))
    )


def test_a_new_link_tells_at_once_what_has_come() -> None:
    (
        linked()
        .at(1.0, Arrived(1, text(1)), Heard(text(1), b""))
        .at(1.0, LinkDown(1))
        .at(2.0, LinkUp(2, 0), Transmit(2, Ack(1)), Transmit(2, LinkPing(2)))
    )


def test_messages_of_the_old_link_still_count_and_are_acknowledged_on_the_new_one() -> None:
    (
        linked()
        .at(1.0, LinkUp(2, 0), Transmit(2, LinkPing(2)))
        .at(1.1, Arrived(1, text(1)), Heard(text(1), b""))
        .when_due(1.1, Transmit(2, Ack(1)))
        .at(1.2, Arrived(2, text(1)))
        .at(1.2, Arrived(2, text(2)), Heard(text(2), b""))
    )


def test_the_end_of_an_old_link_is_of_no_matter() -> None:
    (
        linked()
        .at(1.0, LinkUp(2, 0), Transmit(2, LinkPing(2)))
        .at(1.1, LinkDown(1))
        .at(1.2, SAY, Transmit(2, text(1), b"hi"))
    )


def test_an_idle_link_is_kept_alive_and_suspected_when_it_does_not_answer() -> None:
    (
        linked()
        .when_due(15.1, Transmit(1, LinkPing(2)))
        .at(15.2, Arrived(1, LinkPong(2)))
        .when_due(30.2, Transmit(1, LinkPing(3)))
        .when_due(33.2, Suspect(1))
        .rests()
    )


def test_a_silent_link_is_asked_after_a_second_and_suspected_after_three() -> None:
    (
        linked()
        .at(10.0, SAY, Transmit(1, text(1), b"hi"))
        .when_due(11.0, Transmit(1, LinkPing(2)))
        .when_due(13.0, Suspect(1))
        .rests()
    )


def test_anything_that_comes_breaks_the_silence() -> None:
    (
        linked()
        .at(10.0, SAY, Transmit(1, text(1), b"hi"))
        .at(10.8, Arrived(1, text(1)), Heard(text(1), b""))
        .when_due(10.8, Transmit(1, Ack(1)))
        .when_due(11.8, Transmit(1, LinkPing(2)))
        .at(12.5, Arrived(1, LinkPong(2)))
        .when_due(13.5, Transmit(1, LinkPing(3)))
        .at(13.6, Arrived(1, Ack(1)), Acknowledged(1))
        .at(13.6, Arrived(1, LinkPong(3)))
        .wakes(28.6)
    )


def test_what_comes_on_another_link_proves_nothing() -> None:
    (
        linked()
        .at(1.0, LinkUp(2, 0), Transmit(2, LinkPing(2)))
        .at(1.5, Arrived(1, LinkPing(9)), Transmit(1, LinkPong(9)))
        .when_due(4.0, Suspect(2))
    )


def test_bytes_that_are_due_count_too() -> None:
    (
        linked()
        .at(10.0, Expect(True))
        .when_due(11.0, Transmit(1, LinkPing(2)))
        .at(11.1, Arrived(1, LinkPong(2)))
        .at(11.2, Expect(False))
        .wakes(26.1)
    )


def test_a_check_asks_at_once_and_an_answer_proves_the_link() -> None:
    (
        linked()
        .at(10.0, SAY, Transmit(1, text(1), b"hi"))
        .at(10.5, Check(), Transmit(1, LinkPing(2)))
        .at(10.6, Check())
        .at(10.7, Arrived(1, LinkPong(2)), Alive(1))
        .at(10.8, Arrived(1, Ack(1)), Acknowledged(1))
        .wakes(25.8)
    )


def test_a_check_without_an_answer_costs_little_more_than_a_round_trip() -> None:
    linked().at(10.0, Check(), Transmit(1, LinkPing(2))).when_due(10.0 + HASTE, Suspect(1)).at(10.9, Check())
    slow = Playbook(Conversation()).at(0.0, LinkUp(1, 0), Transmit(1, LinkPing(1)))
    slow.at(0.6, Arrived(1, LinkPong(1))).at(10.0, Check(), Transmit(1, LinkPing(2)))
    slow.when_due(11.8, Suspect(1))


def test_a_check_waits_on_while_anything_comes() -> None:
    """The answer stands in line behind what the peer had to say before."""
    (
        linked()
        .at(10.0, Check(), Transmit(1, LinkPing(2)))
        .at(10.4, Arrived(1, text(1)), Heard(text(1), b""))
        .when_due(10.4, Transmit(1, Ack(1)))
        .when_due(10.4 + HASTE, Suspect(1))
    )


def test_a_check_asks_again_where_an_older_question_may_be_lost() -> None:
    (
        linked()
        .at(10.0, SAY, Transmit(1, text(1), b"hi"))
        .when_due(11.0, Transmit(1, LinkPing(2)))
        .at(11.2, Check(), Transmit(1, LinkPing(3)))
        .at(11.3, Arrived(1, LinkPong(2)))
        .when_due(11.3 + HASTE, Suspect(1))
    )


def test_a_check_ends_with_its_link() -> None:
    (
        linked()
        .at(10.0, Check(), Transmit(1, LinkPing(2)))
        .at(10.1, LinkUp(2, 0), Transmit(2, LinkPing(3)))
        .at(10.2, Arrived(2, LinkPong(3)))
        .wakes(25.2)
    )


def test_pings_are_answered_but_not_any_number() -> None:
    book = linked()
    for number in range(PONGS_PER_SECOND):
        book.at(1.0, Arrived(1, LinkPing(number)), Transmit(1, LinkPong(number)))
    book.at(1.5, Arrived(1, LinkPing(7)))
    book.at(2.0, Arrived(1, LinkPing(8)), Transmit(1, LinkPong(8)))


def test_the_round_trip_is_measured() -> None:
    book = linked()
    conversation = book.machine
    assert isinstance(conversation, Conversation)
    assert conversation.rtt == pytest.approx(0.1)
    book.when_due(15.1, Transmit(1, LinkPing(2))).at(15.13, Arrived(1, LinkPong(2)))
    assert conversation.rtt == pytest.approx(0.03)
    book.at(16.0, LinkUp(2, 0), Transmit(2, LinkPing(3)))
    assert conversation.rtt is None


def test_the_outbox_has_bounds_and_keeps_room_for_answers() -> None:
    conversation = Conversation()
    for _ in range(MAX_UNACKNOWLEDGED - RESERVE):
        assert conversation.has_room(2)
        conversation.feed(SAY, now=0.0)
    assert not conversation.has_room(2)
    for _ in range(RESERVE - 1):
        conversation.feed(SAY, now=0.0)
    with pytest.raises(RemoteProtocolError) as raised:
        conversation.feed(SAY, now=0.0)
    assert raised.value.code is Code.OUTBOX_FULL
    conversation.feed(Say(HangUp), now=0.0)  # the last place is kept for it
    conversation.feed(LinkUp(1, MAX_UNACKNOWLEDGED), now=1.0)
    assert conversation.has_room(MAX_OUTBOX)
    assert not conversation.has_room(MAX_OUTBOX + 1)


def test_a_tick_too_early_does_nothing() -> None:
    linked().at(5.0, Tick()).wakes(15.1)


def test_a_link_that_is_not_in_use_may_go() -> None:
    linked().at(1.0, LinkDown(2)).wakes(15.1)
