"""Count the connections that clients open, by network, and close them at their deadlines.

::

    HALF_OPEN ──valid first message──▶ UNKNOWN ──its account is known──▶ KNOWN
        └──────────────── ended, or pushed out ─────┴──▶ GONE ◀──────────┘

Where a bound is reached, the newest is not refused: the oldest of the site that holds most has to
go. So what one network opens, and leaves open, takes no place from any other.
"""

import asyncio
import ipaddress
import logging
from collections.abc import Callable
from enum import Enum
from typing import Any, Final, cast

from floater.codes import Code
from floater.loop import abort
from floater.wire.endpoint import Endpoint
from server.config import ServerConfig
from server.core.crowd import Crowd
from server.core.networks import is_loopback, network_of, site_of

log = logging.getLogger("server.gateway")

CLOSE_TIMEOUT: Final = 5.0
"Seconds that the last bytes may take to be sent before the connection is aborted."
SITE_SHARE: Final = 4
"How many times the share of one network a whole site may have: an IPv4 /24, or an IPv6 /48."


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


class Stage(Enum):
    """How much is known of a connection."""

    HALF_OPEN = 1
    UNKNOWN = 2
    KNOWN = 3
    GONE = 4


class Stream:
    """One connection that was accepted.

    The protocol that serves it sets `deadline`; `overdue` is called once that
    has come. It has a socket at first, then a transport.
    """

    __slots__ = (
        "_streams",
        "cut",
        "deadline",
        "endpoint",
        "network",
        "overdue",
        "site",
        "stage",
        "transport",
    )

    def __init__(self, streams: "Streams", peer: Endpoint, deadline: float) -> None:
        self._streams = streams
        self.endpoint = peer
        "The other end, as this server sees it."
        self.network = network_of(peer.host)
        self.site = site_of(peer.host)
        self.deadline: float | None = deadline
        "Loop time in seconds at which `overdue` is called, once; None for never."
        self.overdue: Callable[[], None] = self.abort
        self.cut: Callable[[], None] = self.abort
        "Ends it at once, whatever serves it at the moment."
        self.transport: asyncio.Transport | None = None
        self.stage = Stage.HALF_OPEN

    @property
    def is_exempt(self) -> bool:
        """True if it comes from this computer, and this computer is trusted."""
        return self._streams.trusts_loopback and is_loopback(self.endpoint.host)

    def attach(self, transport: asyncio.BaseTransport) -> asyncio.Transport:
        """Use this transport from now on, and return it."""
        transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses of it
        self.transport = transport
        self.cut = self.abort
        return transport

    def settle(self) -> None:
        """Count it as open: it has sent a valid first message. May be called again."""
        if self.stage is Stage.HALF_OPEN:
            self._streams.move(self, Stage.UNKNOWN)

    def trust(self) -> None:
        """Count it as one of a known account. May be called again."""
        if self.stage in (Stage.HALF_OPEN, Stage.UNKNOWN):
            self._streams.move(self, Stage.KNOWN)

    def distrust(self) -> None:
        """Count it as one of no known account again."""
        if self.stage is Stage.KNOWN:
            self._streams.move(self, Stage.UNKNOWN)

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
        self.trusts_loopback = config.local
        self._all: set[Stream] = set()
        self._networks: Crowd[Stream] = Crowd()
        # The connections of two stages, counted by site and by network.
        self._by_site = {stage: Crowd[Stream]() for stage in (Stage.HALF_OPEN, Stage.UNKNOWN)}
        self._by_network = {stage: Crowd[Stream]() for stage in (Stage.HALF_OPEN, Stage.UNKNOWN)}

    def __len__(self) -> int:
        return len(self._all)

    @property
    def half_open(self) -> int:
        """How many have not sent a valid first message."""
        return len(self._by_site[Stage.HALF_OPEN])

    def admit(self, peer: Endpoint, *, now: float) -> Stream | None:
        """Count one more connection, and push another out if there are too many.

        Returns:
            None if all places, or all of that network, are taken by known accounts.
        """
        config = self._config
        stream = Stream(self, peer, now + config.handshake_timeout)
        taken = 0 if stream.is_exempt else self._networks.count(stream.network)
        if taken >= config.max_connections_per_address and not self._push_out_of(stream.network):
            return None
        if len(self._all) >= config.max_connections and not self._push_out():
            return None
        self._all.add(stream)
        self._networks.add(stream.network, stream)
        self._enter(stream)
        return stream

    def move(self, stream: Stream, stage: Stage) -> None:
        """Count a connection as one of another stage."""
        self._leave(stream)
        stream.stage = stage
        self._enter(stream)

    def forget(self, stream: Stream) -> None:
        """Stop counting a connection. May be called again."""
        if stream not in self._all:
            return
        self._all.discard(stream)
        self._networks.remove(stream.network, stream)
        self._leave(stream)
        stream.stage = Stage.GONE

    # -- who has to go --------------------------------------------------------------------

    def _enter(self, stream: Stream) -> None:
        """Count a connection by its stage, and push out what is too many of that stage."""
        stage = stream.stage
        if stage not in self._by_site:
            return
        by_site, by_network = self._by_site[stage], self._by_network[stage]
        by_site.add(stream.site, stream)
        by_network.add(stream.network, stream)
        config = self._config
        if stage is Stage.HALF_OPEN:
            in_all, of_network = config.max_half_open, config.max_half_open_per_address
        else:
            in_all, of_network = max(1, config.max_connections // 2), config.max_unknown_per_address
        if not stream.is_exempt:
            if by_network.count(stream.network) > of_network:
                self._cut(by_network.oldest(stream.network))
            elif by_site.count(stream.site) > SITE_SHARE * of_network:
                self._cut(by_site.oldest(stream.site))
        if len(by_site) > in_all:
            self._cut(by_site.oldest_of_most())

    def _leave(self, stream: Stream) -> None:
        if stream.stage in self._by_site:
            self._by_site[stream.stage].remove(stream.site, stream)
            self._by_network[stream.stage].remove(stream.network, stream)

    def _push_out_of(self, network: bytes) -> bool:
        """Make room in a network; return False if all its connections are of known accounts."""
        return any(self._cut(crowd.oldest(network)) for crowd in self._by_network.values())

    def _push_out(self) -> bool:
        """Make room in all; return False if all connections are of known accounts."""
        return any(self._cut(crowd.oldest_of_most()) for crowd in self._by_site.values())

    def _cut(self, stream: Stream | None) -> bool:
        if stream is None:
            return False
        log_broken_off("crowded network", Code.BUSY)
        self.forget(stream)
        stream.cut()
        return True

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
