"""The server leg's messages, as far as `tests.test_spec` does not compare them with the specification."""

from typing import get_args

import pytest

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire import control
from floater.wire.codec import encode
from floater.wire.control import CLIENT_MESSAGES, SERVER_MESSAGES, code_of
from floater.wire.frame import SERVER_LEG, Frame, FrameReader


def frame_of(message: control.ClientMessage | control.ServerMessage) -> Frame:
    (frame,) = FrameReader(SERVER_LEG).feed(encode(message))
    return frame


def raw(text: str) -> Frame:
    return Frame(text.encode(), b"")


def test_a_code_of_a_later_version_is_internal() -> None:
    assert code_of("busy") is Code.BUSY
    assert code_of("on_strike") is Code.INTERNAL
    assert code_of("") is Code.INTERNAL


def test_each_side_takes_only_what_the_other_may_say() -> None:
    hello, closing = control.Hello(versions=(1,)), control.Closing("server_closing", 5.0)
    assert CLIENT_MESSAGES.decode(frame_of(hello)) == hello
    assert SERVER_MESSAGES.decode(frame_of(closing)) == closing
    for codec, stranger in ((SERVER_MESSAGES, frame_of(hello)), (CLIENT_MESSAGES, frame_of(closing))):
        with pytest.raises(RemoteProtocolError) as refused:
            codec.decode(stranger)
        assert refused.value.code is Code.UNKNOWN_TYPE


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"hello","versions":[]}',
        '{"type":"hello","versions":["1"]}',
        '{"type":"ping"}',
        '{"type":"ping","id":-1}',
        '{"type":"activate","id":1,"email":"a@example.org","code":123456}',
        '{"type":"end_match","id":1,"match_id":"m","reason":"because"}',
        '{"type":"opened","id":1,"match_id":"m","punch":-1}',
    ],
)
def test_a_field_that_is_missing_or_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as refused:
        CLIENT_MESSAGES.decode(raw(text))
    assert refused.value.code is Code.BAD_FIELD


def test_every_request_but_the_first_word_has_a_number_to_be_answered_under() -> None:
    requests = set(get_args(control.ClientMessage)) - {control.Hello}
    assert all(issubclass(request, control.Request) for request in requests)
    assert {answer for answer in get_args(control.Answer) if "id" not in answer.__struct_fields__} == set()
