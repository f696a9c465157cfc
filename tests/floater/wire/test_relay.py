"""The relay's few words."""

import pytest

from floater.wire import stun
from floater.wire.codec import UnknownType, encode
from floater.wire.control import Refused
from floater.wire.frame import SERVER_LEG, Frame, FrameReader
from floater.wire.relay import ALPN, GO, JOIN_MESSAGES, PREAMBLE, RELAY_ANSWERS, Join, Joined


def test_the_first_byte_tells_the_three_kinds_of_connection_apart() -> None:
    tls_record, request = b"\x16", stun.encode(stun.BindingRequest(bytes(12), ""))
    assert len({tls_record[0], request[0], PREAMBLE[0]}) == 3
    assert PREAMBLE == ALPN.encode() + b"\n"


def test_go_is_one_byte_that_no_tls_stream_begins_with() -> None:
    assert len(GO) == 1
    assert GO not in (b"\x14", b"\x15", b"\x16", b"\x17")


def test_its_answers_are_read() -> None:
    (frame,) = FrameReader(SERVER_LEG).feed(encode(Join(b"token")))
    assert JOIN_MESSAGES.decode(frame) == Join(b"token")
    for answer in (Joined(), Refused("relay_full")):
        (frame,) = FrameReader(SERVER_LEG).feed(encode(answer))
        assert RELAY_ANSWERS.decode(frame) == answer


def test_nothing_else_is_said_there() -> None:
    with pytest.raises(UnknownType):
        JOIN_MESSAGES.decode(Frame(b'{"type":"ping","id":1}'))
