"""The peer leg's headers: what a later version says is counted, and harms nothing."""

import pytest

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire.frame import Frame
from floater.wire.talk import Ack, Unknown, decode_talk


def test_what_is_known_is_read() -> None:
    assert decode_talk(Frame(b'{"type":"ack","received":7}')) == Ack(7)


def test_a_numbered_message_of_a_later_version_keeps_its_number() -> None:
    assert decode_talk(Frame(b'{"type":"dance","seq":4,"received":2,"step":"waltz"}')) == Unknown(4, 2)


def test_an_unnumbered_one_is_nothing() -> None:
    assert decode_talk(Frame(b'{"type":"dance","step":"waltz"}')) is None


@pytest.mark.parametrize("seq", [b"-1", b'"4"', b"1.5", b"null", b"9007199254740993"])
def test_a_number_that_is_none_is_a_bad_field(seq: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode_talk(Frame(b'{"type":"dance","seq":' + seq + b"}"))
    assert caught.value.code is Code.BAD_FIELD


@pytest.mark.parametrize("header", [b"", b"[]", b"{}", b"\xff"])
def test_what_is_no_message_is_no_frame(header: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode_talk(Frame(header))
    assert caught.value.code is Code.BAD_FRAME
