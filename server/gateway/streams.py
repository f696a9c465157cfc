"""The connections that clients open: each is counted, has a deadline, and is cut where there are too many.

`core.admission` decides which are let in and which have to go.
"""

import asyncio
import ipaddress
import logging
from collections.abc import Callable, Iterable
from typing import Any, Final, cast

from floater.codes import Code
from floater.loop import abort
from floater.wire.endpoint import Endpoint
from server.config import ServerConfig
from server.core.admission import Admission, Bounds, Caller

log = logging.getLogger("server.gateway")

CLOSE_TIMEOUT: Final = 5.0
"Seconds that the last bytes may take to be sent before the connection is aborted."


def endpoint_of(name: Any) -> Endpoint:
    """Read a socket's name; an IPv4-mapped IPv6 address becomes the IPv4 address."""
    address = ipaddress.ip_address(name[0].partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return Endpoint(str(address), name[1])


def log_broken_off(served_as: str, reason: Code | int) -> None:
    """Log that a stream ends because of what its client did, or did not do in time: one line for all kinds.

    Args:
        served_as: the kind of stream, a word.
        reason: the code, or the status in HTTP.
    """
    log.info("< %s broken off: %s", served_as, reason)


class Stream(Caller):
    """One connection that was accepted.

    The protocol that serves it sets `deadline`; `overdue` is called once that
    has come. It has a socket at first, then a transport.
    """

    __slots__ = ("_streams", "cut", "deadline", "endpoint", "is_proxied", "overdue", "transport")

    def __init__(self, streams: "Streams", peer: Endpoint, deadline: float, *, local: bool) -> None:
        super().__init__(peer.host, local=local)
        self._streams = streams
        self.endpoint = peer
        "The client's end, as this server or a trusted proxy sees it."
        self.is_proxied = False
        "It came through a trusted proxy, so its other end is not the client."
        self.deadline: float | None = deadline
        "Loop time in seconds at which `overdue` is called, once; None for never."
        self.overdue: Callable[[], None] = self.abort
        self.cut: Callable[[], None] = self.abort
        "Ends it at once, whatever serves it at the moment."
        self.transport: asyncio.Transport | None = None

    def attach(self, transport: asyncio.BaseTransport) -> asyncio.Transport:
        """Use this transport from now on, and return it."""
        transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses of it
        self.transport = transport
        self.overdue = self.cut = self.abort
        return transport

    def settle(self) -> None:
        """Count it as open: it has sent a valid first message. May be called again."""
        self._streams.cut(self._streams.admission.settle(self))

    def trust(self) -> None:
        """Count it as one of a known account. May be called again."""
        self._streams.cut(self._streams.admission.trust(self))

    def distrust(self) -> None:
        """Count it as one of no known account again."""
        self._streams.cut(self._streams.admission.distrust(self))

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
        self.admission: Final = Admission[Stream](_bounds(config))

    def __len__(self) -> int:
        return len(self._all)

    def admit(self, peer: Endpoint, *, now: float) -> Stream | None:
        """Count one more connection, and cut others if there are too many.

        Returns:
            None if there is no place for it.
        """
        stream = Stream(self, peer, now + self._config.handshake_timeout, local=self._config.local)
        gone = self.admission.admit(stream)
        self.cut(other for other in gone if other is not stream)
        if stream in gone:
            return None
        self._all.add(stream)
        return stream

    def forget(self, stream: Stream) -> None:
        """Stop counting a connection. May be called again."""
        self._all.discard(stream)
        self.admission.leave(stream)

    def cut(self, streams: Iterable[Stream]) -> None:
        """End connections that have to go."""
        for stream in streams:
            log_broken_off("crowded network", Code.BUSY)
            self._all.discard(stream)
            stream.cut()

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


def _bounds(config: ServerConfig) -> Bounds:
    return Bounds(
        in_all=config.max_connections,
        of_network=config.max_connections_per_address,
        half_open=config.max_half_open,
        half_open_of_network=config.max_half_open_per_address,
        unknown_of_network=config.max_unknown_per_address,
    )
