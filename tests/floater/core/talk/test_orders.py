from floater.codes import Code
from floater.core.talk.orders import Say, refuse
from floater.wire import talk as wire


def test_a_message_is_made_when_its_numbers_are_known() -> None:
    order = Say(wire.Offer, "a.png", "image/png", 9, (1, 1), body=b"abc")
    offer = wire.Offer(
        seq=7, received=3, name="a.png", content_type="image/png", content_length=9, preview=(1, 1)
    )
    assert order.message(7, 3) == offer
    assert order.body == b"abc"
    assert Say(wire.HangUp).message(1, 0) == wire.HangUp(seq=1, received=0)


def test_a_refusal_names_the_message_and_the_reason() -> None:
    text = wire.Text(seq=5, received=0)
    refusal = wire.Refuse(seq=1, received=5, of=5, code="not_greeted")
    assert refuse(text, Code.NOT_GREETED).message(1, 5) == refusal
