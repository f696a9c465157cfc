"""Headers: validated, unknown fields ignored, unknown types told apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire.codec import UnknownType, encode, encode_head, snake_case
from floater.wire.control import CLIENT_MESSAGES, SERVER_MESSAGES, Done, Hello, Ping, code_of
from floater.wire.frame import SERVER_LEG, Frame, FrameReader
from floater.wire.talk import TALK_MESSAGES


def refusal(header: bytes) -> RemoteProtocolError:
    with pytest.raises(RemoteProtocolError) as caught:
        CLIENT_MESSAGES.decode(Frame(header))
    return caught.value


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\xff\xfe",
        b"nonsense",
        b"[]",
        b"null",
        b'"ping"',
        b"{}",
        b'{"type":7}',
        b'{"type":null,"id":1}',
        b'{"id":1}',
        b'{"type":"ping","id":1',
        b'{"type":"ping","id":1} {}',
        b'{"type":"\xff","id":1}',
        b"[" * 4_000,
    ],
)
def test_what_is_no_object_with_a_type_is_no_frame(header: bytes) -> None:
    assert refusal(header).code is Code.BAD_FRAME


@pytest.mark.parametrize(
    "header",
    [
        b'{"type":"ping"}',
        b'{"type":"ping","id":0}',
        b'{"type":"ping","id":"1"}',
        b'{"type":"ping","id":1.5}',
        b'{"type":"ping","id":9007199254740993}',
        b'{"type":"hello","versions":[]}',
        b'{"type":"hello","versions":[1,"1"]}',
        b'{"type":"log_in","id":1,"email":"a@b","password":null}',
        b'{"type":"end_match","id":1,"match_id":"m1","reason":"because"}',
        b'{"type":"seek","id":1,"certificate":"not base64!"}',
        b'{"type":"seek","id":1,"certificate":"AAAA"}',
    ],
)
def test_a_field_that_is_missing_or_wrong_is_a_bad_field(header: bytes) -> None:
    assert refusal(header).code is Code.BAD_FIELD


def test_unknown_fields_are_ignored() -> None:
    assert CLIENT_MESSAGES.decode(Frame(b'{"later":{"a":[1]},"type":"ping","id":3}')) == Ping(3)


def test_an_unknown_type_names_the_request_it_came_with() -> None:
    error = refusal(b'{"type":"teleport","id":9,"where":"moon"}')
    assert isinstance(error, UnknownType)
    assert (error.code, error.id) == (Code.UNKNOWN_TYPE, 9)


@pytest.mark.parametrize("id_", [b'"9"', b"null", b"-1", b"1.0", b"true", b"{}"])
def test_an_id_that_is_none_names_no_request(id_: bytes) -> None:
    error = refusal(b'{"type":"teleport","id":' + id_ + b"}")
    assert isinstance(error, UnknownType)
    assert error.id == 0


def test_a_type_of_the_other_direction_is_unknown() -> None:
    (frame,) = FrameReader(SERVER_LEG).feed(encode(Done(1)))
    assert SERVER_MESSAGES.decode(frame) == Done(1)
    with pytest.raises(UnknownType):
        CLIENT_MESSAGES.decode(frame)


def test_a_long_unknown_type_is_cut_for_the_log() -> None:
    error = refusal(b'{"type":"' + b"x" * 5_000 + b'"}')
    assert len(error.detail) == 64


def test_defaults_do_not_travel() -> None:
    assert encode(Hello((1,)))[6:] == b'{"type":"hello","versions":[1]}'


@given(st.binary(max_size=200))
def test_no_bytes_break_a_decoder(header: bytes) -> None:
    for codec in (CLIENT_MESSAGES, SERVER_MESSAGES, TALK_MESSAGES):
        with pytest.raises(RemoteProtocolError):
            codec.decode(Frame(b"\x00" + header))


def test_a_class_name_becomes_a_word() -> None:
    assert [snake_case(name) for name in ("Ping", "LogIn", "PeerCandidates")] == [
        "ping",
        "log_in",
        "peer_candidates",
    ]


def test_a_code_of_a_later_version_is_internal() -> None:
    assert code_of("busy") is Code.BUSY
    assert code_of("made_of_cheese") is Code.INTERNAL


def test_a_head_and_its_body_are_the_frame() -> None:
    message, body = Ping(7), b"some bytes"
    assert encode_head(message, len(body)) + body == encode(message, body)
