"""STUN over TCP: both ways, split anyhow, and everything else refused."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire.endpoint import Endpoint
from floater.wire.nat import Stray
from floater.wire.stun import (
    BindingRequest,
    BindingResponse,
    Probe,
    ProbeReport,
    StunMessage,
    encode,
    take_message,
)

IDS = st.binary(min_size=12, max_size=12)
ENDPOINTS = st.builds(Endpoint, st.ip_addresses().map(str), st.integers(0, 65_535))
PROBES = st.sampled_from([Probe.NONE, *Probe, Probe.OTHER_PORT | Probe.OTHER_ADDRESS])
FATES = st.sampled_from([fate for fate in Stray if fate is not Stray.UNKNOWN])
REQUESTS = st.builds(BindingRequest, IDS, st.text(max_size=64), PROBES)
RESPONSES = st.builds(BindingResponse, IDS, ENDPOINTS, PROBES)
REPORTS = st.builds(ProbeReport, IDS, PROBES, FATES)
HEAD = bytes.fromhex("0001 0000 2112a442".replace(" ", "")) + bytes(12)


def test_the_answer_of_rfc_5769_is_read() -> None:
    """RFC 5769 §2.2, with the attributes that an observer leaves out passed over."""
    sample = bytes.fromhex(
        "0101003c2112a442b7e7a701bc34d686fa87dfae"
        "8022000b7465737420766563746f7220"
        "002000080001a147e112a643"
        "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7"
        "80280004c07d4c96"
    )
    buffer = bytearray(sample)
    message = take_message(buffer)
    assert isinstance(message, BindingResponse)
    assert message.mapped == Endpoint("192.0.2.1", 32_853)
    assert buffer == b""


def test_the_ipv6_answer_of_rfc_5769_is_read() -> None:
    sample = bytes.fromhex(
        "010100482112a442b7e7a701bc34d686fa87dfae"
        "8022000b7465737420766563746f7220"
        "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
        "00080014a382954e4be67bf11784c97c8292c275bfe3ed41"
        "80280004c8fb0b4c"
    )
    message = take_message(bytearray(sample))
    assert isinstance(message, BindingResponse)
    assert message.mapped == Endpoint("2001:db8:1234:5678:11:2233:4455:6677", 32_853)


@given(st.one_of(REQUESTS, RESPONSES, REPORTS))
def test_what_is_written_is_read(message: StunMessage) -> None:
    data = encode(message)
    for cut in range(len(data)):
        assert take_message(bytearray(data[:cut])) is None
    buffer = bytearray(data + b"next")
    assert take_message(buffer) == message
    assert buffer == b"next"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", Code.BAD_FRAME),
        (HEAD[:4] + b"\x00" * 16, Code.BAD_FRAME),
        (b"\x01\x11" + HEAD[2:], Code.BAD_FRAME),
        (HEAD[:2] + b"\x00\x03" + HEAD[4:], Code.BAD_FRAME),
        (HEAD[:2] + b"\x02\x04" + HEAD[4:], Code.FRAME_TOO_LARGE),
        (HEAD[:2] + b"\x00\x04" + HEAD[4:] + b"\x00\x06\x00\x05", Code.BAD_FRAME),
        (HEAD[:2] + b"\x00\x08" + HEAD[4:] + b"\x00\x06\x00\x01\xff\x00\x00\x00", Code.BAD_FRAME),
        (b"\x01\x01" + HEAD[2:], Code.BAD_FRAME),
        (b"\x00\x11" + HEAD[2:], Code.BAD_FRAME),  # a report of nothing
        (b"\x00\x11\x00\x08" + HEAD[4:] + b"\xff\x11\x00\x04\x00\x00\x00\x04", Code.BAD_FRAME),
        (HEAD[:2] + b"\x00\x08" + HEAD[4:] + b"\xff\x10\x00\x02\x00\x02\x00\x00", Code.BAD_FRAME),
        (b"\x01\x01\x00\x08" + HEAD[4:] + b"\x00\x20\x00\x04\x00\x03\x00\x00", Code.BAD_FRAME),
        (b"\x01\x01\x00\x08" + HEAD[4:] + b"\x00\x20\x00\x04\x00\x01\x00\x00", Code.BAD_FRAME),
    ],
)
def test_what_is_no_binding_is_refused(data: bytes, code: Code) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        take_message(bytearray(data))
    assert caught.value.code is code


def test_the_first_of_two_equal_attributes_counts() -> None:
    one = encode(BindingRequest(bytes(12), "one1"))
    two = encode(BindingRequest(bytes(12), "two2"))
    both = one[:2] + (2 * (len(one) - 20)).to_bytes(2, "big") + one[4:] + two[20:]
    assert take_message(bytearray(both)) == BindingRequest(bytes(12), "one1")


def test_probes_that_only_a_later_version_knows_are_passed_over() -> None:
    known = encode(BindingRequest(bytes(12), "key", Probe.OTHER_PORT))
    later = known.replace(b"\xff\x10\x00\x04\x00\x00\x00\x02", b"\xff\x10\x00\x04\xff\xff\xff\xfa")
    assert later != known
    assert take_message(bytearray(later)) == BindingRequest(bytes(12), "key", Probe.OTHER_PORT)


@given(st.binary(max_size=120))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    buffer = bytearray(HEAD[:2] + (len(data) // 4 * 4).to_bytes(2, "big") + HEAD[4:] + data)
    with suppress(RemoteProtocolError):
        message = take_message(buffer)
        assert isinstance(message, BindingRequest)
