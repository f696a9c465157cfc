"""Connections that others opened to us, counted: from where, how many, until when."""

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, cast

from floater.loop import abort
from floater.wire.endpoint import Endpoint
from server.config import ServerConfig

CLOSE_TIMEOUT: Final = 5.0
"Seconds that the last bytes to somebody may take before the connection is cut."


def endpoint_of(name: Any) -> Endpoint:
    """Read a socket's name. An IPv4 address that a dual-stack socket shows as IPv6 is IPv4 again."""
    address = ipaddress.ip_address(name[0].partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return Endpoint(str(address), name[1])


def network_of(host: str) -> str:
    """Name the network that one customer has: an IPv4 address, an IPv6 /64."""
    address = ipaddress.ip_address(host)
    if address.version == 4:
        return host
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))


class Visit:
    """One connection.

    Whoever serves it sets `deadline`, and `overdue` is called when that has
    come. It is served by a socket at first, then by a transport.
    """

    __slots__ = ("_visits", "deadline", "endpoint", "is_half_open", "network", "overdue", "transport")

    def __init__(self, visits: "Visits", peer: Endpoint, deadline: float) -> None:
        self._visits = visits
        self.endpoint = peer
        "Where it comes from, as we see it."
        self.network = network_of(peer.host)
        self.deadline: float | None = deadline
        "Loop time at which `overdue` is called, once; None for never."
        self.overdue: Callable[[], None] = self.abort
        self.transport: asyncio.Transport | None = None
        self.is_half_open = True

    @property
    def is_loopback(self) -> bool:
        """Whether it comes from this computer."""
        return self.endpoint.host.startswith("127.") or self.endpoint.host == "::1"

    def attach(self, transport: asyncio.BaseTransport) -> asyncio.Transport:
        """Keep the transport that serves it from now on, and return it."""
        transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses of it
        self.transport = transport
        return transport

    def settle(self) -> None:
        """It has said something sensible: it is half open no more."""
        if self.is_half_open:
            self.is_half_open = False
            self._visits.half_open -= 1

    def close(self, *, within: float = CLOSE_TIMEOUT) -> None:
        """Close it once what was written has been sent, or cut it after `within` seconds."""
        if self.transport is not None:
            self.deadline = asyncio.get_running_loop().time() + within
            self.overdue = self.abort
            self.transport.close()

    def abort(self) -> None:
        """Cut it."""
        if self.transport is not None:
            abort(self.transport)

    def ended(self) -> None:
        """It is no more. May be said again."""
        self._visits.forget(self)


class Visits:
    """All connections of one server, and how many there may be."""

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._all: set[Visit] = set()
        self._of_network: Counter[str] = Counter()
        self.half_open = 0

    def __len__(self) -> int:
        return len(self._all)

    def admit(self, peer: Endpoint, *, now: float) -> Visit | None:
        """Count one more connection in; None if there are too many, in all or from there."""
        config = self._config
        visit = Visit(self, peer, now + config.handshake_timeout)
        if len(self._all) >= config.max_connections or self.half_open >= config.max_half_open:
            return None
        if not visit.is_loopback:
            if self._of_network[visit.network] >= config.max_connections_per_address:
                return None
            self._of_network[visit.network] += 1
        self._all.add(visit)
        self.half_open += 1
        return visit

    def forget(self, visit: Visit) -> None:
        """Count one out. May be said again."""
        if visit not in self._all:
            return
        self._all.discard(visit)
        visit.settle()
        if not visit.is_loopback:
            self._of_network[visit.network] -= 1
            if not self._of_network[visit.network]:
                del self._of_network[visit.network]

    def sweep(self, now: float) -> None:
        """Call `overdue` of every connection whose deadline has come."""
        late = [visit for visit in self._all if visit.deadline is not None and visit.deadline <= now]
        for visit in late:
            visit.deadline = None
            visit.overdue()

    def close(self) -> None:
        """Close every connection, once what was written to it has been sent."""
        for visit in list(self._all):
            visit.close()

    def abort(self) -> None:
        """Cut every connection."""
        for visit in list(self._all):
            visit.abort()
