"""The header of a trusted proxy is read to its last byte, and no further."""

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire.endpoint import Endpoint
from floater.wire.proxy_header import MAX_HEADER, SIGNATURE, missing, source_of
from tests.helpers.proxy_headers import proxy_header

ANN = Endpoint("203.0.113.7", 40_000)
ADDRESSES = st.ip_addresses()


@pytest.mark.parametrize("source", [ANN, Endpoint("2001:db8::7", 65_535)])
@pytest.mark.parametrize("further", [b"", b"\x04\x00\x01x"])
def test_the_source_is_what_the_header_says(source: Endpoint, further: bytes) -> None:
    header = proxy_header(source, further=further)
    assert missing(header) == 0
    assert source_of(header) == source


def test_an_ipv4_address_inside_ipv6_is_the_ipv4_address() -> None:
    assert source_of(proxy_header(Endpoint("::ffff:203.0.113.7", 40_000))) == ANN


@pytest.mark.parametrize(("command", "family"), [(0x20, 0x11), (0x20, 0x00), (0x21, 0x00)])
def test_a_proxy_that_comes_by_itself_or_does_not_know_names_no_source(command: int, family: int) -> None:
    header = SIGNATURE + bytes((command, family, 0, 0))
    assert missing(header) == 0
    assert source_of(header) is None


@pytest.mark.parametrize("family", [0x12, 0x22, 0x31, 0x32, 0x01, 0x10, 0xFF])
def test_other_kinds_of_addresses_are_refused(family: int) -> None:
    with pytest.raises(RemoteProtocolError) as refused:
        source_of(SIGNATURE + bytes((0x21, family, 0, 216)) + bytes(216))
    assert refused.value.code == Code.BAD_FIELD


@pytest.mark.parametrize(("family", "size"), [(0x11, 11), (0x21, 35)])
def test_addresses_that_are_cut_short_are_refused(family: int, size: int) -> None:
    with pytest.raises(RemoteProtocolError) as refused:
        source_of(SIGNATURE + bytes((0x21, family, 0, size)) + bytes(size))
    assert refused.value.code == Code.BAD_FIELD


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (b"\x16\x03\x01", Code.BAD_FRAME),
        (b"\r\n\r\n\x00\r\nQUIT\r", Code.BAD_FRAME),
        (b"PROXY TCP4 203.0.113.7 127.0.0.1 40000 443\r\n", Code.BAD_FRAME),
        (SIGNATURE + b"\x11", Code.BAD_FRAME),
        (SIGNATURE + b"\x22\x11\x00\x0c", Code.BAD_FRAME),
        (SIGNATURE + b"\x21\x11\xff\xff", Code.FRAME_TOO_LARGE),
        (SIGNATURE + b"\x21\x11" + (MAX_HEADER - 15).to_bytes(2, "big"), Code.FRAME_TOO_LARGE),
    ],
)
def test_what_does_not_begin_as_a_header_is_refused_from_its_first_bytes(first: bytes, code: Code) -> None:
    with pytest.raises(RemoteProtocolError) as refused:
        missing(first)
    assert refused.value.code == code


@settings(deadline=None)
@given(ADDRESSES, st.integers(0, 65_535), st.binary(max_size=100), st.integers(1, 40))
def test_however_a_header_is_split_it_is_taken_whole_and_nothing_behind_it(
    address: ipaddress.IPv4Address, port: int, further: bytes, step: int
) -> None:
    stream = proxy_header(Endpoint(str(address), port), further=further) + b"\x16 what follows"
    taken = bytearray()
    while wanted := missing(taken):
        taken += stream[len(taken) : len(taken) + min(wanted, step)]
    assert stream[len(taken) :] == b"\x16 what follows"
    source = source_of(taken)
    assert source is not None
    assert source.port == port
