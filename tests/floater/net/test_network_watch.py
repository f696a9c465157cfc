import ipaddress
import struct

import pytest

from floater.net.network_watch import read_news
from floater.wire.endpoint import Address

GONE = ipaddress.ip_address("192.0.2.7")


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def link(flags: int, index: int = 2) -> bytes:
    return struct.pack("=BxHiII", 0, 1, index, flags, 0)


def address(place: Address, attribute: int = 2) -> bytes:
    return struct.pack("=BBBBIHH", 2, 24, 0, 0, 2, 4 + len(place.packed), attribute) + place.packed


def test_the_kernels_messages_are_read() -> None:
    links = message(16, link(0x1)) + message(17, link(0x41, index=3))
    assert list(read_news(message(21, address(GONE)) + links + message(24, b""))) == [GONE, 2, 3]
    six = ipaddress.ip_address("2001:db8::7")
    assert list(read_news(message(21, address(six, attribute=1)))) == [six]


def test_what_is_no_loss_is_no_news() -> None:
    assert list(read_news(message(16, link(0x41)) + message(20, address(GONE)))) == []


@pytest.mark.parametrize("cut", range(48))
def test_a_message_cut_short_is_no_news(cut: int) -> None:
    whole = message(21, address(GONE))
    assert list(read_news(whole[:cut])) == ([] if cut < len(whole) else [GONE])
    assert list(read_news(struct.pack("=IHHII", cut % 16, 21, 0, 0, 0))) == []
