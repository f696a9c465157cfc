"""Where everybody comes in: one port for clients, pages, relay and observer, and ports for observers alone.

The first byte of a connection, looked at and left where it is, says who it is for::

    0x16 ──▶ TLS 1.3 ──ALPN──┬─ floater/1 ───────▶ client
                             ├─ http/1.1 (none) ─▶ pages
                             └─ floater-relay/1 ─▶ relay
    "f"  ──▶ relay, raw
    0x00 ──▶ observer (STUN)
    else ──▶ closed

Accepting costs one small object and no bytes of buffer; a connection that
says nothing is closed at its deadline.
"""

import asyncio
import errno
import logging
import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias, cast

from floater.crypto.certificate import CertifiedKey, load_certified_key
from floater.tasks import Tasks
from floater.wire import relay
from server.config import ServerConfig, parse_place
from server.errors import CannotStart
from server.gateway.visit import Visit, Visits, endpoint_of

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

Serve: TypeAlias = Callable[[Visit], asyncio.Protocol]


@dataclass(frozen=True, slots=True)
class Services:
    """Who serves what comes in."""

    client: Serve
    relay: Serve
    observer: Serve
    http: Callable[[], asyncio.Protocol]


def listen(place: str) -> socket.socket:
    """Bind and listen. `::` means every address of this machine, of both families.

    Raises:
        CannotStart: the place is no place, not ours, or taken.
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
        raise CannotStart(f"Cannot listen at {place}: {reason}.") from error
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


class Door:
    """Accepts connections and hands each to whom it is for."""

    def __init__(
        self, config: ServerConfig, tls: ssl.SSLContext, services: Services, visits: Visits, tasks: Tasks
    ) -> None:
        self._config = config
        self._tls = tls
        self._services = services
        self._visits = visits
        self._tasks = tasks
        self._loop = asyncio.get_running_loop()
        self._listeners: list[socket.socket] = []
        self._unread: dict[Visit, socket.socket] = {}

    def open(self, listener: socket.socket, *, observer_only: bool = False) -> None:
        """Begin to accept. The socket is ours from now on."""
        self._listeners.append(listener)
        self._loop.add_reader(listener, self._accept, listener, observer_only)

    def close(self) -> None:
        """Accept nobody more, and send away those who have not said a byte."""
        for listener in self._listeners:
            self._loop.remove_reader(listener)
            listener.close()
        self._listeners.clear()
        for visit in list(self._unread):
            self._send_away(visit)

    # -- the first byte -------------------------------------------------------------------

    def _accept(self, listener: socket.socket, observer_only: bool) -> None:
        for _ in range(_ACCEPTS_AT_ONCE):
            try:
                sock, name = listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _NO_ROOM:
                    self._pause(listener, observer_only)
                return
            visit = self._visits.admit(endpoint_of(name), now=self._loop.time())
            if visit is None:
                sock.close()
                continue
            sock.setblocking(False)
            self._unread[visit] = sock
            visit.overdue = partial(self._send_away, visit)
            self._loop.add_reader(sock, self._look, visit, sock, observer_only)

    def _pause(self, listener: socket.socket, observer_only: bool) -> None:
        log.warning("= no room for more connections")
        self._loop.remove_reader(listener)

        def resume() -> None:
            if listener in self._listeners:
                self._loop.add_reader(listener, self._accept, listener, observer_only)

        self._loop.call_later(_NO_ROOM_PAUSE, resume)

    def _send_away(self, visit: Visit) -> None:
        sock = self._unread.pop(visit)
        self._loop.remove_reader(sock)
        sock.close()
        visit.ended()

    def _look(self, visit: Visit, sock: socket.socket, observer_only: bool) -> None:
        try:
            first = sock.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            first = b""
        services = self._services
        match first:
            case b"\x00":
                work = self._serve(visit, sock, services.observer)
            case b"f" if not observer_only:
                work = self._serve(visit, sock, services.relay)
            case b"\x16" if not observer_only:
                work = self._serve(visit, sock, self._after_tls, self._tls)
            case _:
                self._send_away(visit)
                return
        self._loop.remove_reader(sock)
        del self._unread[visit]
        visit.overdue = visit.abort
        self._tasks.start(work, "handshake")

    async def _serve(
        self, visit: Visit, sock: socket.socket, serve: Serve, tls: ssl.SSLContext | None = None
    ) -> None:
        timeout = None if tls is None else self._config.handshake_timeout
        try:
            await self._loop.connect_accepted_socket(
                lambda: serve(visit), sock, ssl=tls, ssl_handshake_timeout=timeout
            )
        except (OSError, asyncio.CancelledError) as error:  # ssl.SSLError and TimeoutError are OSErrors
            visit.ended()
            if isinstance(error, asyncio.CancelledError):
                raise

    # -- inside TLS -----------------------------------------------------------------------

    def _after_tls(self, visit: Visit) -> asyncio.Protocol:
        return _ByAlpn(visit, self._services)


class _ByAlpn(asyncio.Protocol):
    """The first moment after the handshake: hands over to whom the client named."""

    def __init__(self, visit: Visit, services: Services) -> None:
        self._visit = visit
        self._services = services

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses of it
        match transport.get_extra_info("ssl_object").selected_alpn_protocol():
            case "floater/1":
                protocol = self._services.client(self._visit)
            case relay.ALPN:
                protocol = self._services.relay(self._visit)
            case _:
                protocol = _Page(self._visit, self._services.http())
        transport.set_protocol(protocol)
        protocol.connection_made(transport)


class _Page(asyncio.Protocol):
    """One connection to the pages, counted and bounded in time; all else is the protocol's within."""

    def __init__(self, visit: Visit, inner: asyncio.Protocol) -> None:
        self._visit = visit
        self._inner = inner
        self.data_received = inner.data_received  # type: ignore[method-assign]  # nothing to add
        self.eof_received = inner.eof_received  # type: ignore[method-assign]  # nothing to add
        self.pause_writing = inner.pause_writing  # type: ignore[method-assign]  # nothing to add
        self.resume_writing = inner.resume_writing  # type: ignore[method-assign]  # nothing to add

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._visit.attach(transport)
        self._visit.settle()
        self._visit.deadline = asyncio.get_running_loop().time() + HTTP_TIMEOUT
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._visit.ended()
        self._inner.connection_lost(exc)
