"""Accept connections: one port for clients, pages, relay and observer, and ports for observers alone.

The first byte of a connection is looked at, not taken, and says which protocol serves it::

    0x16 ──▶ TLS 1.3 ──ALPN──┬─ floater/1 ───────▶ client
                             ├─ http/1.1 (none) ─▶ pages
                             └─ floater-relay/1 ─▶ relay
    "f"  ──▶ relay, raw
    0x00 ──▶ observer (STUN)
    else ──▶ closed

An accepted connection costs one small object and no buffer; if it sends
nothing, it is closed at its deadline. A network that begins many handshakes is slowed down: the
first bytes of further ones are left unread for a while. A connection of a trusted proxy is first
stripped of the proxy's header (`proxied`), and counts as one of the client that the header names.
"""

import asyncio
import errno
import logging
import os
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias, cast

from floater.crypto.certificate import CertifiedKey, load_certified_key
from floater.tasks import Tasks
from floater.wire import relay
from floater.wire.endpoint import Endpoint
from server.config import ServerConfig, parse_place
from server.core.call_rates import CallRates
from server.core.rates import parse_rates
from server.errors import CannotListen, CannotStart
from server.gateway.proxied import Proxied
from server.gateway.streams import Stream, Streams, endpoint_of

log = logging.getLogger("server.gateway")

CLIENT_ALPN: Final = "floater/1"
HTTP_ALPN: Final = "http/1.1"
HTTP_TIMEOUT: Final = 60.0
"Seconds that one connection to the pages may last."
BACKLOG: Final = 4_096
_ACCEPTS_AT_ONCE: Final = 64
_NO_ROOM_PAUSE: Final = 1.0
"Seconds without accepting after the system had no descriptor or memory left."
_NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

Serve: TypeAlias = Callable[[Stream], asyncio.Protocol]


@dataclass(frozen=True, slots=True)
class Protocols:
    """Make the protocol that serves a connection of each kind."""

    client: Serve
    relay: Serve
    observer: Serve
    http: Callable[[str], asyncio.Protocol]
    "For the address that the connection comes from."


def listen(place: str) -> socket.socket:
    """Bind a socket and listen. `::` means every address of this machine, of both families.

    Raises:
        CannotStart: `place` is not HOST:PORT, not an address of this machine, or in use.
    """
    try:
        host, port = parse_place(place)
        family, _, _, _, name = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (ValueError, OSError) as error:
        raise CannotStart(f"{place!r} is no place to listen at; give HOST:PORT.") from error
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if host == "::" else 1)
        sock.bind(name)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        reason = {
            errno.EADDRINUSE: "the port is in use",
            errno.EADDRNOTAVAIL: "this machine has no such address",
            errno.EACCES: "this user may not use that port",
        }.get(error.errno or 0, error.strerror or "the system refused")
        raise CannotListen(f"Cannot listen at {place}: {reason}.") from error
    sock.setblocking(False)
    return sock


def server_tls(server_key: CertifiedKey) -> ssl.SSLContext:
    """Make the context of every TLS connection to this server: 1.3 only, no resumption."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    context.set_alpn_protocols([CLIENT_ALPN, HTTP_ALPN, relay.ALPN])
    load_certified_key(context, server_key)
    return context


class Listener:
    """Accepts connections and hands each to the protocol that serves it.

    Raises:
        ValueError: a limit or a trusted proxy of the config makes no sense.
    """

    def __init__(
        self, config: ServerConfig, tls: ssl.SSLContext, protocols: Protocols, streams: Streams, tasks: Tasks
    ) -> None:
        self._config = config
        self._tls = tls
        self._protocols = protocols
        self._streams = streams
        self._tasks = tasks
        self._loop = asyncio.get_running_loop()
        self._bound: list[socket.socket] = []
        self._proxied = Proxied(config)
        self._unread: dict[Stream, socket.socket] = {}
        of_network, of_site = parse_rates(config.handshake_limit, 2)
        self._handshakes = CallRates(of_network=of_network, of_site=of_site)

    def open(self, bound: socket.socket, *, observer_only: bool = False) -> None:
        """Accept from a listening socket, which belongs to this object from now on."""
        self._bound.append(bound)
        self._loop.add_reader(bound, self._accept, bound, observer_only)

    def close(self) -> None:
        """Accept no more connections, and close those that have not sent a byte."""
        for bound in self._bound:
            self._loop.remove_reader(bound)
            bound.close()
        self._bound.clear()
        self._proxied.close()
        for stream in list(self._unread):
            self._turn_away(stream)

    # -- the first byte -------------------------------------------------------------------

    def _accept(self, bound: socket.socket, observer_only: bool) -> None:
        for _ in range(_ACCEPTS_AT_ONCE):
            try:
                sock, name = bound.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _NO_ROOM:
                    self._pause(bound, observer_only)
                return
            sock.setblocking(False)
            peer = endpoint_of(name)
            if self._proxied.trusts(peer):
                self._proxied.take(sock, peer, partial(self._admit, observer_only, True))
            else:
                self._admit(observer_only, False, sock, peer)

    def _admit(self, observer_only: bool, is_proxied: bool, sock: socket.socket, peer: Endpoint) -> None:
        stream = self._streams.admit(peer, now=self._loop.time())
        if stream is None:
            sock.close()
            return
        stream.is_proxied = is_proxied
        self._unread[stream] = sock
        stream.overdue = stream.cut = partial(self._turn_away, stream)
        self._loop.add_reader(sock, self._look, stream, sock, observer_only)

    def _pause(self, bound: socket.socket, observer_only: bool) -> None:
        log.warning("= no room for more connections")
        self._loop.remove_reader(bound)

        def resume() -> None:
            if bound in self._bound:
                self._loop.add_reader(bound, self._accept, bound, observer_only)

        self._loop.call_later(_NO_ROOM_PAUSE, resume)

    def _turn_away(self, stream: Stream) -> None:
        if (sock := self._unread.pop(stream, None)) is None:
            return
        self._loop.remove_reader(sock)
        sock.close()
        stream.ended()

    def _look(self, stream: Stream, sock: socket.socket, observer_only: bool) -> None:
        try:
            first = sock.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            first = b""
        protocols = self._protocols
        match first:
            case b"\x00":
                work = self._serve(stream, sock, protocols.observer)
            case b"f" if not observer_only:
                work = self._serve(stream, sock, protocols.relay)
            case b"\x16" if not observer_only:
                if wait := self._handshake_wait(stream):
                    self._loop.remove_reader(sock)
                    self._loop.call_later(wait, self._look_again, stream, sock)
                    return
                work = self._serve(stream, sock, self._after_tls, self._tls)
            case _:
                self._turn_away(stream)
                return
        self._loop.remove_reader(sock)
        del self._unread[stream]
        # A whole `handshake_timeout` from here: it may have waited for its turn.
        stream.deadline = self._loop.time() + self._config.handshake_timeout
        stream.overdue = stream.cut = partial(_shut_down, sock)
        self._tasks.start(work, "handshake")

    def _handshake_wait(self, stream: Stream) -> float:
        """Return 0.0 if its network may begin a handshake now, else the seconds after which to look again."""
        if stream.is_exempt:
            return 0.0
        return self._handshakes.take(network=stream.network, site=stream.site, now=self._loop.time())

    def _look_again(self, stream: Stream, sock: socket.socket) -> None:
        if stream in self._unread:
            self._loop.add_reader(sock, self._look, stream, sock, False)

    async def _serve(
        self, stream: Stream, sock: socket.socket, serve: Serve, tls: ssl.SSLContext | None = None
    ) -> None:
        timeout = None if tls is None else self._config.handshake_timeout
        try:
            await self._loop.connect_accepted_socket(
                lambda: serve(stream), sock, ssl=tls, ssl_handshake_timeout=timeout
            )
        except (OSError, asyncio.CancelledError) as error:  # ssl.SSLError and TimeoutError are OSErrors
            stream.ended()
            if isinstance(error, asyncio.CancelledError):
                raise

    # -- inside TLS -----------------------------------------------------------------------

    def _after_tls(self, stream: Stream) -> asyncio.Protocol:
        return _ByAlpn(stream, self._protocols)


def _shut_down(sock: socket.socket) -> None:
    """End a connection whose handshake is under way; the handshake then fails by itself."""
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


class _ByAlpn(asyncio.Protocol):
    """Hands a connection over, right after its handshake, to the protocol that its ALPN names."""

    def __init__(self, stream: Stream, protocols: Protocols) -> None:
        self._stream = stream
        self._protocols = protocols

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses of it
        match transport.get_extra_info("ssl_object").selected_alpn_protocol():
            case "floater/1":
                protocol = self._protocols.client(self._stream)
            case relay.ALPN:
                protocol = self._protocols.relay(self._stream)
            case _:
                protocol = _Page(self._stream, self._protocols.http(self._stream.endpoint.host))
        transport.set_protocol(protocol)
        protocol.connection_made(transport)


class _Page(asyncio.Protocol):
    """Counts one connection to the pages and limits its time; everything else is done by `inner`."""

    def __init__(self, stream: Stream, inner: asyncio.Protocol) -> None:
        self._stream = stream
        self._inner = inner
        self.data_received = inner.data_received  # type: ignore[method-assign]  # nothing to add
        self.eof_received = inner.eof_received  # type: ignore[method-assign]  # nothing to add
        self.pause_writing = inner.pause_writing  # type: ignore[method-assign]  # nothing to add
        self.resume_writing = inner.resume_writing  # type: ignore[method-assign]  # nothing to add

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._stream.attach(transport)
        self._stream.settle()
        self._stream.deadline = asyncio.get_running_loop().time() + HTTP_TIMEOUT
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stream.ended()
        self._inner.connection_lost(exc)
