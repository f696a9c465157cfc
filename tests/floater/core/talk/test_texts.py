from floater import api
from floater.codes import Code
from floater.core.emit import Emit
from floater.core.talk.texts import Texts
from floater.machine import Tick
from tests.helpers.pair import FOLLOWER, LEADER, of_follower, of_leader


def undelivered(message_id: str, code: Code = Code.NOT_DELIVERED) -> Emit:
    return Emit(api.Undelivered(message_id, api.Error(code.value, "")))


def test_each_text_is_late_by_itself_and_delivered_after_all() -> None:
    texts = Texts(LEADER, FOLLOWER)
    assert [texts.said(2, now=0.0), texts.said(3, now=1.0), texts.said(5, now=1.0)] == [
        of_leader(2),
        of_leader(3),
        of_leader(5),
    ]
    assert texts.deadline == 20.0
    assert texts.feed(Tick(), now=20.0) == [undelivered(of_leader(2))]
    assert texts.deadline == 21.0
    assert texts.acknowledged(4) == [Emit(api.Delivered(of_leader(2))), Emit(api.Delivered(of_leader(3)))]
    assert texts.feed(Tick(), now=21.0) == [undelivered(of_leader(5))]
    assert texts.deadline is None


def test_a_text_that_is_tried_again_waits_anew() -> None:
    texts = Texts(FOLLOWER, LEADER)
    texts.said(1, now=0.0)
    texts.said(2, now=5.0)
    texts.feed(Tick(), now=20.0)
    texts.said(1, now=30.0)
    assert texts.deadline == 25.0
    assert texts.acknowledged(2) == [Emit(api.Delivered(of_follower(1))), Emit(api.Delivered(of_follower(2)))]
    assert texts.deadline is None


def test_the_end_tells_of_each_text_once() -> None:
    texts = Texts(LEADER, FOLLOWER)
    for seq, now in ((1, 0.0), (2, 10.0), (3, 10.0)):
        texts.said(seq, now=now)
    texts.feed(Tick(), now=20.0)
    assert texts.refused(3, Code.NOT_GREETED) == [undelivered(of_leader(3), Code.NOT_GREETED)]
    assert texts.end() == [undelivered(of_leader(2))]
    assert 1 not in texts
    assert texts.end() == []
