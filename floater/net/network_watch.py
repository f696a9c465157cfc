"""Report changes of the network: sleep, another Wi-Fi, another address, another router (spec §6.6).

Linux reports them by itself (rtnetlink(7)); other systems are polled once a second.
`floater.core.meet.network` decides what counts as a change.
"""

import asyncio
import ipaddress
import logging
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Final

from floater.core.meet.network import Changed, Effect, Event, Flickered, Look, Network, Seen
from floater.drive import Driver
from floater.net import interfaces
from floater.wire.endpoint import Address

# linux/rtnetlink.h, linux/if_addr.h, linux/if.h
_GROUPS: Final = 0x1 | 0x10 | 0x40 | 0x100 | 0x400  # LINK, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE
_NEW_LINK: Final = 16
_DELETED_LINK: Final = 17
_DELETED_ADDRESS: Final = 21
_IFA_ADDRESS: Final = 1
_IFA_LOCAL: Final = 2
_RUNNING: Final = 0x40
_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_LINK: Final = struct.Struct("=BxHiII")  # family, type, index, flags, change
_ADDRESS: Final = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, index
_ATTRIBUTE: Final = struct.Struct("=HH")  # length, type

log = logging.getLogger("floater.net")


class NetworkWatch:
    """Watches from `start` to `close`.

    Args:
        changed: called after each change, with the addresses that were lost; maybe an empty set.
    """

    def __init__(self, changed: Callable[[frozenset[Address]], None]) -> None:
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._driver: Driver[Event, Effect] = Driver(Network(), self._perform)
        self._kernel: socket.socket | None = None
        self._cables: frozenset[int] = frozenset()

    def start(self) -> None:
        """Look for the first time, and listen."""
        self._kernel = _open_kernel()
        if self._kernel is not None:
            self._loop.add_reader(self._kernel, self._told)
        self._look()

    def close(self) -> None:
        """Watch no more."""
        self._driver.close()
        if self._kernel is not None:
            self._loop.remove_reader(self._kernel)
            self._kernel.close()
            self._kernel = None

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Look():
                self._look()
            case Changed(gone):
                log.info("= the network has changed, %d addresses are gone", len(gone))
                self._changed(gone)

    def _look(self) -> None:
        try:
            places, routers = frozenset(interfaces.own_subnets()), interfaces.gateways()
            self._cables = interfaces.used_interfaces()
        except OSError as error:  # in the midst of a change; the next look will do
            log.debug("= no look at the network: %s", type(error).__name__)
            return
        self._driver.feed(Seen(places, routers, _asleep()))

    def _told(self) -> None:
        assert self._kernel is not None
        news: set[Address | int] = set()
        try:
            while True:
                news.update(read_news(self._kernel.recv(65_536)))
        except BlockingIOError:
            pass
        except OSError:  # ENOBUFS: there was too much of it
            news |= self._cables
        for each in news:
            if not isinstance(each, int):
                self._driver.feed(Flickered(each))
            elif each in self._cables:  # others are those of virtual machines and the like
                self._driver.feed(Flickered(None))
        self._look()


def read_news(data: bytes) -> Iterator[Address | int]:
    """Read rtnetlink messages: addresses that were taken away, and numbers of interfaces without a cable.

    What is new needs no reading: the next look shows it.
    """
    while len(data) >= _HEADER.size:
        length, kind, *_ = _HEADER.unpack_from(data)
        if length < _HEADER.size:
            return
        body, data = data[_HEADER.size : length], data[(length + 3) & ~3 :]
        if kind in (_NEW_LINK, _DELETED_LINK) and len(body) >= _LINK.size:
            _, _, index, flags, _ = _LINK.unpack_from(body)
            if not (kind == _NEW_LINK and flags & _RUNNING):
                yield index
        elif kind == _DELETED_ADDRESS and len(body) >= _ADDRESS.size:
            found = dict(_attributes(body[_ADDRESS.size :]))
            packed = found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS)
            if packed is not None and len(packed) in (4, 16):
                yield ipaddress.ip_address(packed)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        if length < _ATTRIBUTE.size:
            return
        yield kind, data[_ATTRIBUTE.size : length]
        data = data[(length + 3) & ~3 :]


def _open_kernel() -> socket.socket | None:
    """Subscribe to the kernel's news; None if this system sends none."""
    if not hasattr(socket, "AF_NETLINK"):
        return None
    try:
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
    except OSError:  # a sandbox
        return None
    try:
        sock.bind((0, _GROUPS))
    except OSError:
        sock.close()
        return None
    return sock


def _asleep() -> float:
    """Seconds since boot that this computer slept, as far as its clocks tell.

    Linux counts both (clock_gettime(2)). Elsewhere `time.monotonic` stands
    still in sleep or goes on; where it goes on, the pause between two looks shows it.
    """
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.time() - time.monotonic()
