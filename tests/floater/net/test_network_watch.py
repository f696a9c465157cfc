import asyncio
import ipaddress
import socket
import struct
import time
from collections.abc import Iterator

import pytest

from floater.net import interfaces, network_watch
from floater.net.network_watch import NetworkWatch, read_news
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


# -- the watch itself ---------------------------------------------------------------------

ROUTER = ipaddress.ip_address("192.0.2.1")
LOOPBACK = ipaddress.ip_address("127.0.0.1")


class Around:
    """The network around a watch, and a socket in place of the kernel's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.places = {LOOPBACK: 8, GONE: 24}
        self.fails = False
        self.kernel, self._told = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._told.setblocking(False)
        self.told: list[frozenset[Address]] = []
        monkeypatch.setattr(interfaces, "own_subnets", self._own_subnets)
        monkeypatch.setattr(interfaces, "gateways", lambda: frozenset((ROUTER,)))
        monkeypatch.setattr(interfaces, "used_interfaces", lambda: frozenset((2,)))
        monkeypatch.setattr(network_watch, "_open_kernel", lambda: self._told)

    def _own_subnets(self) -> dict[Address, int]:
        if self.fails:
            raise OSError("in the midst of a change")
        return dict(self.places)

    async def until_told(self, *, times: int = 1) -> None:
        async with asyncio.timeout(30):
            while len(self.told) < times:
                await asyncio.sleep(0.01)


@pytest.fixture
def around(monkeypatch: pytest.MonkeyPatch) -> Iterator[Around]:
    made = Around(monkeypatch)
    yield made
    made.kernel.close()


@pytest.mark.asyncio
async def test_an_address_that_the_kernel_took_away_is_told(around: Around) -> None:
    watch = NetworkWatch(around.told.append)
    watch.start()
    del around.places[GONE]
    around.kernel.send(message(21, address(GONE)))
    await around.until_told()
    assert around.told[0] == frozenset((GONE,))
    watch.close()
    watch.close()


@pytest.mark.asyncio
async def test_a_cable_of_ours_that_was_pulled_is_a_change_and_one_of_others_is_none(around: Around) -> None:
    watch = NetworkWatch(around.told.append)
    watch.start()
    around.kernel.send(message(16, link(0x1, index=9)))
    around.kernel.send(message(16, link(0x1, index=2)))
    await around.until_told()
    assert around.told == [frozenset()]
    watch.close()


@pytest.mark.asyncio
async def test_news_that_were_too_many_count_as_a_change(
    around: Around, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Overrun:
        def recv(self, size: int) -> bytes:
            raise OSError(105, "No buffer space available")

        def close(self) -> None:
            around._told.close()

        def fileno(self) -> int:
            return around._told.fileno()

    monkeypatch.setattr(network_watch, "_open_kernel", Overrun)
    watch = NetworkWatch(around.told.append)
    watch.start()
    around.kernel.send(b"something")
    await around.until_told()
    watch.close()


@pytest.mark.asyncio
async def test_a_look_that_fails_is_made_up_for_by_the_next(around: Around) -> None:
    watch = NetworkWatch(around.told.append)
    watch.start()
    around.fails = True
    around.kernel.send(message(16, link(0x1)))
    await around.until_told()
    around.fails = False
    del around.places[GONE]
    around.kernel.send(b"")
    await around.until_told(times=2)
    assert around.told == [frozenset(), frozenset((GONE,))]
    watch.close()


@pytest.mark.asyncio
async def test_without_the_kernels_news_it_looks_by_itself(
    around: Around, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_watch, "_open_kernel", lambda: None)
    watch = NetworkWatch(around.told.append)
    watch.start()
    del around.places[GONE]
    await around.until_told()
    assert around.told == [frozenset((GONE,))]
    watch.close()
    around._told.close()


def test_a_system_without_such_news_has_no_socket_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf(socket.socket):
        def bind(self, address: object) -> None:
            raise PermissionError("no news for you")

    def forbidden(*_: object) -> socket.socket:
        raise PermissionError("a sandbox")

    if (sock := network_watch._open_kernel()) is not None:
        sock.close()
    monkeypatch.setattr(socket, "socket", Deaf)
    assert network_watch._open_kernel() is None
    monkeypatch.setattr(socket, "socket", forbidden)
    assert network_watch._open_kernel() is None
    monkeypatch.delattr(socket, "AF_NETLINK")
    assert network_watch._open_kernel() is None


def test_sleep_shows_in_the_clocks_of_every_system(monkeypatch: pytest.MonkeyPatch) -> None:
    assert network_watch._asleep() > -1.0
    monkeypatch.delattr(time, "CLOCK_BOOTTIME")
    before = network_watch._asleep()
    assert abs(network_watch._asleep() - before) < 60.0
