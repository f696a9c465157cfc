import pytest

from floater import api
from floater.codes import Code
from floater.core.link import LinkDown, LinkUp, Transmit
from floater.core.talk.conversation import Acknowledged, Conversation
from floater.core.talk.farewell import HANG_UP_TIME, End, Farewell, Misbehaved
from floater.core.talk.orders import Over, Say
from floater.machine import Tick
from floater.wire import talk as wire
from floater.wire.limits import MAX_UNACKNOWLEDGED
from tests.helpers.playbook import Playbook

YOU, PEER, LOST = api.Ended.YOU_HUNG_UP, api.Ended.PEER_HUNG_UP, api.Ended.PEER_LOST
MISBEHAVED = api.Ended.PEER_MISBEHAVED
THEIRS = wire.HangUp(seq=1, received=0)


def linked() -> Conversation:
    conversation = Conversation()
    conversation.feed(LinkUp(1, 0), now=0.0)
    return conversation


def farewell(conversation: Conversation | None = None) -> Playbook:  # type: ignore[type-arg]  # of any event
    return Playbook(Farewell(linked() if conversation is None else conversation))


def hanging_up() -> Playbook:  # type: ignore[type-arg]  # of any event
    return farewell().at(1.0, api.HangUp(), Say(wire.HangUp)).wakes(1.0 + HANG_UP_TIME)


def test_our_hang_up_waits_for_its_acknowledgement() -> None:
    hanging_up().at(1.1, Acknowledged(0)).at(1.2, api.HangUp()).at(1.3, Acknowledged(1), Over(YOU)).rests()


def test_our_hang_up_waits_for_two_seconds_at_most() -> None:
    hanging_up().at(2.9, Tick()).when_due(3.0, Over(YOU)).at(3.1, Tick()).rests()


def test_our_hang_up_waits_no_longer_than_its_link() -> None:
    hanging_up().at(1.1, LinkUp(2, 0)).at(1.5, LinkDown(2), Over(YOU)).rests()


def test_without_a_link_our_hang_up_is_the_end() -> None:
    farewell(Conversation()).at(1.0, api.HangUp(), Over(YOU)).rests()


def test_the_peer_s_hang_up_is_acknowledged_and_is_the_end() -> None:
    farewell().at(1.0, THEIRS, Transmit(1, wire.Ack(0)), Over(PEER)).at(1.1, THEIRS).rests()
    farewell(Conversation()).at(1.0, THEIRS, Over(PEER)).rests()


def test_both_may_hang_up_at_once() -> None:
    hanging_up().at(1.1, THEIRS, Transmit(1, wire.Ack(0)), Over(YOU)).rests()


@pytest.mark.parametrize(
    ("word", "fault"), [("", None), ("out_of_order", Code.OUT_OF_ORDER), ("of_a_later_version", None)]
)
def test_of_the_reason_that_the_peer_gives_only_a_known_code_is_told(word: str, fault: Code | None) -> None:
    hang_up = wire.HangUp(seq=1, received=0, code=word)
    farewell().at(1.0, hang_up, Transmit(1, wire.Ack(0)), Over(PEER, fault))


def test_an_end_from_outside_says_goodbye_once_if_it_can() -> None:
    farewell().at(1.0, End(LOST), Say(wire.HangUp, ""), Over(LOST)).at(1.1, End(LOST)).rests()
    farewell(Conversation()).at(1.0, End(LOST), Over(LOST)).rests()
    hanging_up().at(1.1, End(LOST), Over(LOST)).rests()


def test_a_peer_that_misbehaves_is_told_how() -> None:
    over = Over(MISBEHAVED, Code.BAD_FIELD)
    fault = Misbehaved(Code.BAD_FIELD)
    farewell().at(1.0, fault, Say(wire.HangUp, "bad_field"), over).at(1.1, fault).rests()
    farewell(Conversation()).at(1.0, fault, over).rests()
    hanging_up().at(1.1, fault, over).rests()


def test_a_peer_that_acknowledges_nothing_is_told_of_the_end_too() -> None:
    conversation = linked()
    for _ in range(MAX_UNACKNOWLEDGED - 1):
        conversation.feed(Say(wire.Text, body=b"x"), now=0.0)
    over = Over(MISBEHAVED, Code.OUTBOX_FULL)
    goodbye = Say(wire.HangUp, "outbox_full")
    farewell(conversation).at(1.0, Misbehaved(Code.OUTBOX_FULL), goodbye, over).rests()
    assert isinstance(conversation.feed(goodbye, now=1.0)[0], Transmit)


def test_while_the_talk_goes_on_nothing_else_ends_it() -> None:
    book = farewell()
    for event in (Acknowledged(1), LinkUp(1, 0), LinkDown(1), Tick()):
        book.at(1.0, event)
    book.rests()
