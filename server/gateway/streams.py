"""Count the connections that clients open, by network, and close them at their deadlines."""

import asyncio
import ipaddress
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, cast

from floater.codes import Code
from floater.loop import abort
from floater.wire.endpoint import Endpoint
from server.config import ServerConfig

log = logging.getLogger("server.gateway")

CLOSE_TIMEOUT: Final = 5.0
"Seconds that the last bytes may take to be sent before the connection is aborted."


def endpoint_of(name: Any) -> Endpoint:
    """Read a socket's name; an IPv4-mapped IPv6 address becomes the IPv4 address."""
    address = ipaddress.ip_address(name[0].partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return Endpoint(str(address), name[1])


def network_of(host: str) -> str:
    """Return the network that one customer has, for limits: the IPv4 address, or the IPv6 /64."""
    address = ipaddress.ip_address(host)
    if address.version == 4:
        return host
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))


def log_broken_off(served_as: str, reason: Code | int) -> None:
    """Log that a stream ends because of what its client did, or did not do in time: one line for all kinds.

    Args:
        served_as: the kind of stream, a word.
        reason: the code, or the status in HTTP.
    """
    log.info("< %s broken off: %s", served_as, reason)


class Stream:
    """One connection that was accepted.

    The protocol that serves it sets `deadline`; `overdue` is called once that
    has come. It has a socket at first, then a transport.
    """

    __slots__ = ("_streams", "deadline", "endpoint", "is_half_open", "network", "overdue", "transport")

    def __init__(self, streams: "Streams", peer: Endpoint, deadline: float) -> None:
        self._streams = streams
        self.endpoint = peer
        "The other end, as this server sees it."
        self.network = network_of(peer.host)
        self.deadline: float | None = deadline
        "Loop time in seconds at which `overdue` is called, once; None for never."
        self.overdue: Callable[[], None] = self.abort
        self.transport: asyncio.Transport | None = None
        self.is_half_open = True

    @property
    def is_loopback(self) -> bool:
        """True if it comes from this computer."""
        return self.endpoint.host.startswith("127.") or self.endpoint.host == "::1"

    def attach(self, transport: asyncio.BaseTransport) -> asyncio.Transport:
        """Use this transport from now on, and return it."""
        transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses of it
        self.transport = transport
        return transport

    def settle(self) -> None:
        """Count it as open: it has sent a valid first message."""
        if self.is_half_open:
            self.is_half_open = False
            self._streams.half_open -= 1

    def close(self, *, within: float = CLOSE_TIMEOUT) -> None:
        """Close it once everything written has been sent; abort it after `within` seconds."""
        if self.transport is not None:
            self.deadline = asyncio.get_running_loop().time() + within
            self.overdue = self.abort
            self.transport.close()

    def abort(self) -> None:
        """Abort it."""
        if self.transport is not None:
            abort(self.transport)

    def ended(self) -> None:
        """Stop counting it. May be called again."""
        self._streams.forget(self)


class Streams:
    """All connections of one server, up to the configured numbers."""

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._all: set[Stream] = set()
        self._of_network: Counter[str] = Counter()
        self.half_open = 0

    def __len__(self) -> int:
        return len(self._all)

    def admit(self, peer: Endpoint, *, now: float) -> Stream | None:
        """Count one more connection; return None if there are too many, in all or from that network."""
        config = self._config
        stream = Stream(self, peer, now + config.handshake_timeout)
        if len(self._all) >= config.max_connections or self.half_open >= config.max_half_open:
            return None
        if not stream.is_loopback:
            if self._of_network[stream.network] >= config.max_connections_per_address:
                return None
            self._of_network[stream.network] += 1
        self._all.add(stream)
        self.half_open += 1
        return stream

    def forget(self, stream: Stream) -> None:
        """Stop counting a connection. May be called again."""
        if stream not in self._all:
            return
        self._all.discard(stream)
        stream.settle()
        if not stream.is_loopback:
            self._of_network[stream.network] -= 1
            if not self._of_network[stream.network]:
                del self._of_network[stream.network]

    def sweep(self, now: float) -> None:
        """Call `overdue` of each connection whose deadline has come."""
        late = [stream for stream in self._all if stream.deadline is not None and stream.deadline <= now]
        for stream in late:
            stream.deadline = None
            stream.overdue()

    def close(self) -> None:
        """Close each connection once everything written to it has been sent."""
        for stream in list(self._all):
            stream.close()

    def abort(self) -> None:
        """Abort each connection."""
        for stream in list(self._all):
            stream.abort()
