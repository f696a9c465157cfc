"""The numbered messages of the peer leg against §7.2 and §7.3. The peer is made of headers."""

from typing import Any, Final

import pytest

from floater import api
from floater.codes import Code
from floater.core.emit import Emit
from floater.core.link import LinkDown, LinkUp, Transmit
from floater.core.talk.orders import Over
from floater.errors import RemoteProtocolError
from floater.wire import talk as wire
from tests.conformance.side import Side, said
from tests.conformance.table import cells
from tests.helpers.pair import of_follower, of_leader

BY_STATE: Final = cells("What a side does with what its peer says:")
OBEYED: Final = (api.PeerGreeted, api.TextReceived, api.Offer, api.PeerTyping)
MESSAGES: Final[dict[str, dict[str, Any]]] = {
    "greet": {"type": "greet"},
    "text": {"type": "text"},
    "offer": {"type": "offer", "name": "a", "content_type": "text/plain", "content_length": 1},
    "accept": {"type": "accept", "transfer": of_leader(9)},
    "an unknown type": {"type": "dance", "transfer": 5},
    "refuse": {"type": "refuse", "of": 1, "code": "unknown_type"},
    "typing": {"type": "typing", "typing": True},
    "get": {"type": "get", "transfer": of_follower(9), "first": 0, "last": 0},
    "hang_up": {"type": "hang_up"},
}


def sides(state: str) -> list[Side]:
    """Every talk that is in a state of the table, in which this side has said something."""
    if state == "open":
        return [Side()]
    side = Side(greeted=False)
    if state == "the peer has greeted, this side has not":
        side.hears({"type": "greet"})
        side.hears({"type": "text"}, b"early")  # our refusal of it is what can be refused
        return [side]
    side.hears({"type": "text"}, b"early")
    eager = Side(greeted=False)
    eager.does(api.Greet("en"))
    return [side, eager]


def outcome(side: Side, word: str) -> str:
    try:
        effects = side.hears(MESSAGES[word], b"hi" if word == "text" else b"")
    except RemoteProtocolError as error:
        return f"`{error.code}`"
    if refusals := said(effects, wire.Refuse):
        return f"`{refusals[0].code}`"
    if any(isinstance(effect, Over) for effect in effects):
        return "the end"
    told = [effect.event for effect in effects if isinstance(effect, Emit)]
    return "obeyed" if any(isinstance(event, OBEYED) for event in told) else "ignored"


@pytest.mark.parametrize(("state", "word"), BY_STATE)
def test_a_side_does_what_the_table_says(state: str, word: str) -> None:
    for side in sides(state):
        assert outcome(side, word) == BY_STATE[state, word]


def test_the_table_names_three_states_and_these_messages() -> None:
    assert {word for _, word in BY_STATE} == MESSAGES.keys()
    assert len(BY_STATE) == 3 * len(MESSAGES)


# -- unknown types, refusals --------------------------------------------------------------


def test_of_an_unknown_type_only_its_numbers_are_read() -> None:
    side = Side()
    for header in ({"type": "dance", "seq": 2}, {"type": "dance", "seq": 3, "received": 1, "name": 7}):
        (refusal,) = said(side.takes(header), wire.Refuse)
        assert (refusal.of, refusal.code) == (header["seq"], "unknown_type")
    assert side.takes({"type": "dance", "received": 1}) == [], "it has no number"


@pytest.mark.parametrize(
    "wrong", [{"seq": "2"}, {"seq": 2.0}, {"seq": 2**53 + 2}, {"seq": 2, "received": -1}, {"received": "1"}]
)
def test_a_number_of_an_unknown_type_is_judged(wrong: dict[str, Any]) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        Side().takes({"type": "dance", **wrong})
    assert caught.value.code is Code.BAD_FIELD


def test_only_what_was_said_can_be_refused() -> None:
    side = Side()
    side.does(api.SendText("hi"))
    effects = side.hears({"type": "refuse", "of": 2, "code": "a word of a later version"})
    assert any(isinstance(effect.event, api.Undelivered) for effect in effects if isinstance(effect, Emit))
    with pytest.raises(RemoteProtocolError) as caught:
        side.hears({"type": "refuse", "of": 3, "code": "not_greeted"})
    assert caught.value.code is Code.BAD_FIELD


# -- acknowledgements ---------------------------------------------------------------------


def sent(effects: list[Any]) -> list[tuple[int, int]]:
    """The link and the acknowledgement of each message that goes out."""
    found = [effect for effect in effects if isinstance(effect, Transmit)]
    return [(e.link, e.message.received) for e in found if isinstance(e.message, wire.Ack | wire.Numbered)]


def test_an_acknowledgement_goes_over_the_link_in_use() -> None:
    side = Side()
    assert sent(side.takes({"type": "text", "seq": 2, "received": 0}, b"hi", link=2)) == [(1, 2)]


def test_apart_nothing_is_acknowledged_but_everything_is_processed() -> None:
    side = Side()
    side.does(LinkDown(1))
    effects = side.takes({"type": "text", "seq": 2, "received": 0}, b"hi", link=2)
    assert sent(effects) == []
    told = [effect.event for effect in effects if isinstance(effect, Emit)]
    assert [event.text for event in told if isinstance(event, api.TextReceived)] == ["hi"]
    assert sent(side.does(LinkUp(2, 0))) == [(2, 2)], "our greeting again, with the present number"


def test_acknowledgements_never_go_back() -> None:
    side = Side()
    for header in ({"type": "ack", "received": 1}, {"type": "ack", "received": 0}):
        side.takes(header)
    assert sent(side.does(LinkUp(2, 0))) == [(2, 1)], "nothing of ours again"


@pytest.mark.parametrize("header", [{"type": "ack"}, {"type": "greet", "seq": 1}, {"type": "text", "seq": 2}])
def test_an_acknowledgement_of_what_was_never_said_is_a_fault(header: dict[str, Any]) -> None:
    """Also on a repeated message, which is dropped otherwise."""
    with pytest.raises(RemoteProtocolError) as caught:
        Side().takes({**header, "received": 2}, b"hi")
    assert caught.value.code is Code.BAD_FIELD


def test_the_acknowledgement_of_a_hello_is_judged_when_its_link_is_chosen() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        Side().does(LinkUp(2, 2))
    assert caught.value.code is Code.BAD_FIELD
