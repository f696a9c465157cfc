"""Get into the relay and wait there for the peer (spec §6.3).

Bare TCP first: the peers' own TLS is inside, and a second one around it would
only cost. Where a network lets nothing but TLS out (the stream is reset, or
nothing is answered), and always through a proxy, the same words go through
TLS to the server.
"""

import asyncio
import socket
from typing import Final

from floater.codes import Code
from floater.errors import FloaterError, LinkClosed, RemoteProtocolError, ServerRefused
from floater.loop import abort
from floater.net.server_connect import Proxy, open_server_socket, open_server_stream
from floater.net.sockets import forget_on_close, prepare_link
from floater.wire import relay
from floater.wire.codec import encode
from floater.wire.control import Refused, code_of
from floater.wire.frame import FrameReader
from floater.wire.url import ServerUrl

CONNECT_PATIENCE: Final = 5.0
"Seconds for a stream to the server, before it is tried with a fresh one: a proxy asks ever more seldom."
RAW_PATIENCE: Final = 5.0
"""Seconds for an answer over bare TCP, before it is tried inside TLS. It may just be that the peer is late;
then TLS does no harm."""
WAIT: Final = 35.0
"Seconds for an answer inside TLS; the server gives up before."

RelayStream = socket.socket | asyncio.Transport
"Carries the peer's own bytes from its first byte on."


async def join_relay(
    server: ServerUrl, token: bytes, *, proxy: Proxy | None = None
) -> tuple[RelayStream, str]:
    """Join the relay and wait until the peer is there too.

    Args:
        server: whose relay.
        token: `relay_token` of `matched`.
        proxy: the way out of this network, if it has one.

    Returns:
        The stream, and how it came about: `relay` or `relay-tls`.

    Raises:
        Unreachable: the server is not reached (SERVER_UNREACHABLE …).
        ServerRefused: RELAY_REFUSED, RELAY_FULL, or what else the relay says.
        RemoteProtocolError: that is no relay.
        LinkClosed: it hung up, or TIMED_OUT: the peer did not come.
    """
    if proxy is None:
        try:
            return await _join_raw(server, token), "relay"
        except (TimeoutError, LinkClosed, RemoteProtocolError):
            pass
    return await _join_in_tls(server, token, proxy), "relay-tls"


def abandon(stream: RelayStream) -> None:
    """Close a stream that no link was made of, at once."""
    if isinstance(stream, socket.socket):
        forget_on_close(stream)
        stream.close()
    else:
        abort(stream)


async def _join_raw(server: ServerUrl, token: bytes) -> socket.socket:
    loop = asyncio.get_running_loop()
    sock = await open_server_socket(server, timeout=CONNECT_PATIENCE)
    try:
        async with asyncio.timeout(RAW_PATIENCE):
            answer = _Answer()
            await loop.sock_sendall(sock, relay.PREAMBLE + encode(relay.Join(token)))
            while not answer.is_joined:
                # After its answer the relay waits for our GO, so nothing of the peer's is read here.
                data = await loop.sock_recv(sock, 1_024)
                if not data:
                    raise LinkClosed(Code.NO_PATH, "the relay hung up")
                answer.feed(data)
            await loop.sock_sendall(sock, relay.GO)
        prepare_link(sock)
    except TimeoutError:
        sock.close()
        raise
    except OSError as error:
        sock.close()
        raise LinkClosed(Code.NO_PATH, type(error).__name__) from error
    except BaseException:
        sock.close()
        raise
    return sock


async def _join_in_tls(server: ServerUrl, token: bytes, proxy: Proxy | None) -> asyncio.Transport:
    transport, joining = await open_server_stream(
        server, relay.ALPN, _Joining, proxy=proxy, timeout=CONNECT_PATIENCE
    )
    try:
        transport.write(relay.PREAMBLE + encode(relay.Join(token)))
        async with asyncio.timeout(WAIT):
            if (error := await joining.joined) is not None:
                raise error
        transport.write(relay.GO)
    except TimeoutError as error:
        abort(transport)
        raise LinkClosed(Code.TIMED_OUT, "the peer did not come to the relay") from error
    except BaseException:
        abort(transport)
        raise
    return transport


class _Answer:
    """Reads the relay's answer."""

    def __init__(self) -> None:
        self._reader = FrameReader(relay.RELAY_LEG)
        self.is_joined = False

    def feed(self, data: bytes) -> None:
        """Take what has come.

        Raises:
            ServerRefused: the answer is no.
            RemoteProtocolError: it is no answer, or more than one.
        """
        for frame in self._reader.feed(data):
            answer = relay.RELAY_ANSWERS.decode(frame)
            if isinstance(answer, Refused):
                raise ServerRefused(code_of(answer.code), "relay", answer.retry_after)
            if self.is_joined:
                raise RemoteProtocolError(Code.UNEXPECTED, "joined twice")
            self.is_joined = True
        self._reader.check()
        if self.is_joined and self._reader.pending:
            raise RemoteProtocolError(Code.UNEXPECTED, "the relay did not wait for GO")


class _Joining(asyncio.Protocol):
    """The TLS stream until both are there; then `start_tls` puts the link in its place."""

    def __init__(self) -> None:
        self._answer = _Answer()
        self.joined: asyncio.Future[FloaterError | None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        try:
            self._answer.feed(data)
        except FloaterError as error:
            self._say(error)
        if self._answer.is_joined:
            self._say(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._say(LinkClosed(Code.NO_PATH, "the relay hung up"))

    def _say(self, error: FloaterError | None) -> None:
        if not self.joined.done():
            self.joined.set_result(error)
