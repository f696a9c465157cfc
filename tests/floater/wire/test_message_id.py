import hashlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floater.wire.message_id import MessageId, author_of, make_message_id, parse_message_id

ANN = author_of(b"Ann's certificate")


def test_an_author_is_named_by_the_digest_of_its_certificate() -> None:
    assert hashlib.sha256(b"Ann's certificate").hexdigest().startswith(ANN)
    assert len(ANN) == 16
    assert author_of(b"Bob's certificate") != ANN


@settings(deadline=None)
@given(st.binary(), st.integers(1, 2**53))
def test_an_id_holds_author_and_number(certificate: bytes, number: int) -> None:
    message_id = make_message_id(author_of(certificate), number)
    assert parse_message_id(message_id) == (author_of(certificate), number)
    assert msgspec.json.decode(msgspec.json.encode(message_id), type=MessageId) == message_id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "L1",
        ANN,
        f"{ANN}.",
        f"{ANN}1",
        f"{ANN}.0",
        f"{ANN}.01",
        f"{ANN}.-1",
        f"{ANN}.١",
        f"{ANN}.{10**16}",
        f"{ANN}.1.1",
        f"{ANN}.1 ",
        f" {ANN}.1",
        f"{ANN}0.1",
        f"{ANN[:-1]}.1",
        f"{ANN[:-1]}A.1",
    ],
)
def test_what_is_no_id_is_told_apart_here_and_on_the_wire(text: str) -> None:
    assert parse_message_id(text) is None
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(text, MessageId)


def test_an_id_has_no_end_of_line() -> None:
    assert parse_message_id(f"{ANN}.1\n") is None
