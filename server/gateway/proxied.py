"""Take the header that a trusted proxy puts before each connection (spec §2.6).

::

    accepted ──from a trusted proxy──▶ HEADER ──whole──▶ handed on, with the client's address
        │                                └─ 10 s, bad, too many ─▶ closed
        └──from any other address──▶ handed on as it is

Only the bytes of the header are taken from the socket, so that whatever serves the connection finds
its own first byte.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Final, TypeAlias

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire.endpoint import Endpoint
from floater.wire.proxy_header import missing, source_of
from server.config import ServerConfig
from server.core.networks import is_within, parse_networks
from server.gateway.streams import log_broken_off

log = logging.getLogger("server.gateway")

Accept: TypeAlias = Callable[[socket.socket, Endpoint], None]
_SERVED_AS: Final = "proxied connection"


class Proxied:
    """The connections of trusted proxies whose header is not whole yet.

    Args:
        config: the proxies, and the limits: `handshake_timeout`, `max_half_open`.

    Raises:
        ValueError: a proxy is neither an address nor a network.
    """

    def __init__(self, config: ServerConfig) -> None:
        self._networks = parse_networks(config.trusted_proxy)
        self._timeout = config.handshake_timeout
        self._most = config.max_half_open
        self._loop = asyncio.get_running_loop()
        self._deadlines: dict[socket.socket, asyncio.TimerHandle] = {}  # the oldest first

    def trusts(self, peer: Endpoint) -> bool:
        """Return True if a connection from `peer` has to begin with a header."""
        return is_within(peer.host, self._networks)

    def take(self, sock: socket.socket, proxy: Endpoint, accept: Accept) -> None:
        """Take the header of a connection, which belongs to this object until `accept` is called.

        Args:
            sock: the connection, not blocking.
            proxy: its other end.
            accept: called with the connection and where it comes from, which is `proxy` if the header
                names no source. Never called for a connection that is closed.
        """
        if len(self._deadlines) >= self._most:
            self._break_off(next(iter(self._deadlines)), Code.BUSY)
        header = bytearray()
        self._deadlines[sock] = self._loop.call_later(self._timeout, self._break_off, sock, Code.TIMED_OUT)
        self._loop.add_reader(sock, self._read, sock, header, proxy, accept)

    def close(self) -> None:
        """Close the connections that are here."""
        for sock in list(self._deadlines):
            self._part(sock)
            sock.close()

    def _read(self, sock: socket.socket, header: bytearray, proxy: Endpoint, accept: Accept) -> None:
        try:
            while wanted := missing(header):
                data = sock.recv(wanted)
                if not data:
                    raise RemoteProtocolError(Code.BAD_FRAME, "the end of the stream in a PROXY header")
                header += data
            source = source_of(header)
        except (BlockingIOError, InterruptedError):
            return
        except RemoteProtocolError as error:
            self._break_off(sock, error.code)
            return
        except OSError:
            self._part(sock)
            sock.close()
            return
        self._part(sock)
        accept(sock, source or proxy)

    def _break_off(self, sock: socket.socket, code: Code) -> None:
        log_broken_off(_SERVED_AS, code)
        self._part(sock)
        sock.close()

    def _part(self, sock: socket.socket) -> None:
        self._loop.remove_reader(sock)
        self._deadlines.pop(sock).cancel()
