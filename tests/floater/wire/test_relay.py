"""The relay's few words."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire import stun
from floater.wire.codec import UnknownType, encode
from floater.wire.control import Refused
from floater.wire.frame import PREFIX, SERVER_LEG, Frame, FrameReader
from floater.wire.relay import ALPN, GO, JOIN_MESSAGES, PREAMBLE, RELAY_ANSWERS, Join, Joined, JoinReader


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


JOIN = PREAMBLE + encode(Join(b"token"))


@given(st.lists(st.integers(0, len(JOIN))))
def test_a_join_is_read_however_it_was_split(cuts: list[int]) -> None:
    reader, read = JoinReader(), []
    places = [0, *sorted(cuts), len(JOIN)]
    for start, end in pairwise(places):
        read += [join for join in [reader.feed(JOIN[start:end])] if join is not None]
    assert read == [Join(b"token")]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"floater-relay/2\n", Code.BAD_FRAME),
        (b"x", Code.BAD_FRAME),
        (PREAMBLE + PREFIX.pack(1_025, 0), Code.FRAME_TOO_LARGE),
        (PREAMBLE + encode(Joined()), Code.UNKNOWN_TYPE),
        (JOIN + GO, Code.UNEXPECTED),
        (JOIN + encode(Join(b"token")), Code.UNEXPECTED),
        (JOIN + PREFIX.pack(1_025, 0), Code.FRAME_TOO_LARGE),
    ],
)
def test_what_is_not_one_join_is_refused(said: bytes, code: Code) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        JoinReader().feed(said)
    assert caught.value.code is code
