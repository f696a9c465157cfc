"""NAT-PMP: the bytes of RFC 6886 both ways, and everything else refused."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire.nat_pmp import (
    AddressAnswer,
    Denied,
    MapAnswer,
    decode_answer,
    encode_address_request,
    encode_map_request,
)


def test_requests_are_laid_out_as_rfc_6886_draws_them() -> None:
    assert encode_address_request() == bytes.fromhex("0000")  # §3.2
    assert encode_map_request(40_001, 40_002, 600) == bytes.fromhex("0002 0000 9c41 9c42 00000258")  # §3.3
    assert encode_map_request(40_001, 0, 0) == bytes.fromhex("0002 0000 9c41 0000 00000000")  # §3.4


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        ("0080 0000 00000e10 cb007107", AddressAnswer(3_600, "203.0.113.7")),
        ("0082 0000 00000e10 9c41 9c42 00000258", MapAnswer(3_600, 40_001, 40_002, 600)),
        ("0082 0000 00000e10 9c41 0000 00000000", MapAnswer(3_600, 40_001, 0, 0)),
        ("0080 0003 00000e10 00000000", Denied(3, is_map=False)),
        ("0082 0002 00000e10 9c41 0000 00000000", Denied(2, is_map=True)),
        ("0080 0001 00000e10", Denied(1, is_map=False)),  # §3.5: of another version
    ],
)
def test_answers_are_read(data: str, answer: object) -> None:
    assert decode_answer(bytes.fromhex(data)) == answer


def test_a_router_that_speaks_only_pcp_says_so() -> None:
    answer = decode_answer(
        bytes.fromhex("0280 0001 00000000 00000e10") + bytes(12)
    )  # RFC 6887 §9, appendix A
    assert isinstance(answer, Denied)
    assert answer.speaks_other
    assert not Denied(2, is_map=True).speaks_other


def test_a_router_without_a_public_address_says_so() -> None:
    answer = decode_answer(bytes.fromhex("0080 0003 00000e10 00000000"))  # §3.5
    assert isinstance(answer, Denied)
    assert answer.has_no_address
    assert not Denied(2, is_map=True).has_no_address


@pytest.mark.parametrize(
    "data",
    [
        "",
        "0080",
        "0080 0000 00000e10 cb0071",
        "0080 0000 00000e10 cb007107 00",
        "0082 0000 00000e10 9c41 9c42 000002",
        "0082 0000 00000e10 9c41 9c42 00000258 00",
        "0081 0000 00000e10 9c41 9c42 00000258",  # of UDP, for which we never ask
        "0002 0000 9c41 9c42 00000258",  # a request
    ],
)
def test_what_is_no_answer_is_refused(data: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode_answer(bytes.fromhex(data))
    assert caught.value.code is Code.BAD_FRAME


@given(st.binary(max_size=40))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    with suppress(RemoteProtocolError):
        decode_answer(data)
