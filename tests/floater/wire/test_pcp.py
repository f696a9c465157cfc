"""PCP: the bytes of RFC 6887 both ways, and everything else refused."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire.endpoint import Endpoint
from floater.wire.pcp import (
    MAX_DATAGRAM,
    Announced,
    Denied,
    MapAnswer,
    decode_answer,
    encode_announce,
    encode_map_request,
)

NONCE = bytes(range(12))
OURS = "00000000000000000000ffffc0a8010a"  # ::ffff:192.168.1.10
THEIRS = "00000000000000000000ffffcb007107"  # ::ffff:203.0.113.7
ANY = "00000000000000000000ffff00000000"
OUTSIDE = Endpoint("203.0.113.7", 40_002)
MAP = f"{NONCE.hex()} 06 000000 9c41 9c42"


def head(opcode: str, result: int = 0, lifetime: int = 600, epoch: int = 3_600) -> str:
    return f"02 {opcode} 00 {result:02x} {lifetime:08x} {epoch:08x} {'00' * 12}"


def test_requests_are_laid_out_as_rfc_6887_draws_them() -> None:
    assert encode_announce("192.168.1.10") == bytes.fromhex(f"02 00 0000 00000000 {OURS}")  # §7.1, §14.1
    asked = encode_map_request("192.168.1.10", NONCE, 40_001, 40_002, 600)  # §11.1
    assert asked == bytes.fromhex(f"02 01 0000 00000258 {OURS} {MAP} {ANY}")
    removed = encode_map_request("192.168.1.10", NONCE, 40_001, 40_002, 0)  # §15.1
    assert removed == bytes.fromhex(f"02 01 0000 00000000 {OURS} {MAP} {ANY}")


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (head("80"), Announced(3_600)),
        (f"{head('81')} {MAP} {THEIRS}", MapAnswer(3_600, NONCE, 40_001, OUTSIDE, 600)),
        (f"{head('81', lifetime=0)} {MAP} {ANY}",
         MapAnswer(3_600, NONCE, 40_001, Endpoint("0.0.0.0", 40_002), 0)),
        (f"{head('81', 2)} {MAP} {ANY}", Denied(2, NONCE)),
        (head("80", 4), Denied(4)),
        (f"{head('81')} {MAP} {THEIRS} 0200 0004 00000000",  # §7.3: an option that we did not ask for
         MapAnswer(3_600, NONCE, 40_001, OUTSIDE, 600)),
    ],
)  # fmt: skip
def test_answers_are_read(data: str, answer: object) -> None:
    assert decode_answer(bytes.fromhex(data)) == answer


def test_by_ipv6_addresses_travel_as_they_are() -> None:
    ours, anything = "20010db8000000000000000000000007", "00" * 16
    asked = encode_map_request("2001:db8::7", NONCE, 40_001, 40_002, 600)
    assert asked == bytes.fromhex(f"02 01 0000 00000258 {ours} {MAP} {anything}")


def test_an_ipv6_address_is_told_as_one() -> None:
    there = bytes.fromhex("20010db8000000000000000000000001").hex()
    answer = decode_answer(bytes.fromhex(f"{head('81')} {MAP} {there}"))
    assert isinstance(answer, MapAnswer)
    assert answer.external.host == "2001:db8::1"


def test_a_router_that_speaks_only_nat_pmp_says_so() -> None:
    answer = decode_answer(bytes.fromhex("0080 0001 00000e10"))  # RFC 6886 §3.5
    assert isinstance(answer, Denied)
    assert answer.speaks_other
    assert not Denied(2).speaks_other


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("", Code.BAD_FRAME),
        ("0280", Code.BAD_FRAME),
        (head("80")[:-2], Code.BAD_FRAME),
        (head("81"), Code.BAD_FRAME),
        (f"{head('81')} {MAP} {THEIRS[:-2]}", Code.BAD_FRAME),
        (f"{head('81')} {NONCE.hex()} 11 000000 9c41 9c42 {THEIRS}", Code.BAD_FRAME),  # of UDP
        (f"{head('82')} {MAP} {THEIRS}", Code.BAD_FRAME),  # of PEER, which we never send
        (f"{head('01')} {MAP} {THEIRS}", Code.BAD_FRAME),  # a request
        (head("80") + "00" * MAX_DATAGRAM, Code.FRAME_TOO_LARGE),
    ],
)
def test_what_is_no_answer_is_refused(data: str, code: Code) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode_answer(bytes.fromhex(data))
    assert caught.value.code is code


@given(st.binary(max_size=80), st.sampled_from([b"\2\x80", b"\2\x81", b""]))
def test_no_bytes_break_the_reader(data: bytes, start: bytes) -> None:
    with suppress(RemoteProtocolError):
        decode_answer(start + data)
