"""Get a stream to the server: name, TCP, perhaps a proxy, TLS 1.3, its certificate (spec §2).

::

    server's name ──▶ TCP ──▶ [CONNECT at the proxy] ──┬──▶ TLS 1.3, ALPN, pin or system trust ──▶ protocol
                                                       └──▶ the bare socket (raw relay)
"""

import asyncio
import base64
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar, cast
from urllib.parse import unquote, urlsplit

import aiohappyeyeballs
import h11

from floater.codes import Code
from floater.crypto.tls import check_pin, server_leg_context
from floater.errors import Unreachable
from floater.loop import abort
from floater.wire.limits import HANDSHAKE_TIMEOUT
from floater.wire.url import ServerUrl

NEXT_ADDRESS: Final = 0.25
"Seconds until the next address of a name is tried beside the one before (RFC 8305 §5)."
KNOCKS: Final = 4
"""Streams that are tried beside each other until one stands, of all addresses together. A system asks again
after a second, and then ever more seldom; one who waits for a cable to be put back needs to know sooner."""
_CLOCK_ERRORS: Final = frozenset((9, 10))  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED

AnyProtocol = TypeVar("AnyProtocol", bound=asyncio.BaseProtocol)


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that understands CONNECT. `authorization` is the header's value, empty for none."""

    host: str
    port: int
    authorization: str = ""


def parse_proxy(text: str) -> Proxy | None:
    """Read `http://user:password@host:port`, the scheme may be left out; empty or `none` is no proxy.

    Raises:
        ValueError: something else.
    """
    text = text.strip()
    if text in ("", "none"):
        return None
    parts = urlsplit(text if "://" in text else f"http://{text}")
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("a proxy is http://host:port")
    authorization = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode("utf-8")).decode("ascii")
    return Proxy(parts.hostname, parts.port or 80, authorization)


async def open_server_stream(
    url: ServerUrl,
    alpn: str,
    factory: Callable[[], AnyProtocol],
    *,
    proxy: Proxy | None = None,
    timeout: float = HANDSHAKE_TIMEOUT,
) -> tuple[asyncio.Transport, AnyProtocol]:
    """Open a trusted TLS stream to the server.

    The protocol is made, and its `connection_made` called, only when the
    server has proved to be the right one; no byte passes before.

    Args:
        url: where, and if pinned, which key.
        alpn: what to speak there.
        factory: makes the protocol of the stream, as for `create_connection`.
        proxy: the way out of this network, if it has one.
        timeout: seconds for everything together.

    Raises:
        Unreachable: SERVER_UNREACHABLE; PROXY_UNREACHABLE, PROXY_LOGIN,
            PROXY_REFUSED; SERVER_NOT_TRUSTED; CLOCK_WRONG when
            a certificate that system trust vouches for seems to be of
            another time.
    """
    loop = asyncio.get_running_loop()
    context = server_leg_context(alpn, pinned=url.fingerprint is not None)
    try:
        async with asyncio.timeout(timeout):
            sock = await _open(url, proxy)
            try:
                transport, gate = await loop.create_connection(
                    lambda: _Gate(url.fingerprint, alpn, factory),
                    sock=sock,
                    ssl=context,
                    server_hostname=url.host,
                    ssl_handshake_timeout=timeout,
                )
            except BaseException:
                sock.close()
                raise
    except ssl.SSLCertVerificationError as error:
        code = Code.CLOCK_WRONG if error.verify_code in _CLOCK_ERRORS else Code.SERVER_NOT_TRUSTED
        raise Unreachable(code, error.verify_message) from error
    except TimeoutError as error:
        raise Unreachable(Code.SERVER_UNREACHABLE, "timed out") from error
    except (OSError, UnicodeError) as error:  # ssl.SSLError is an OSError; a name may be no IDNA
        raise Unreachable(Code.SERVER_UNREACHABLE, type(error).__name__) from error
    if gate.refused is not None:
        abort(transport)
        raise gate.refused
    assert gate.protocol is not None
    return transport, gate.protocol


async def open_server_socket(
    url: ServerUrl, *, proxy: Proxy | None = None, timeout: float = HANDSHAKE_TIMEOUT
) -> socket.socket:
    """Open a bare TCP stream to the server; the raw relay speaks over it. The caller closes it.

    Raises:
        Unreachable: SERVER_UNREACHABLE, PROXY_UNREACHABLE, PROXY_LOGIN, PROXY_REFUSED.
    """
    try:
        async with asyncio.timeout(timeout):
            return await _open(url, proxy)
    except TimeoutError as error:
        raise Unreachable(Code.SERVER_UNREACHABLE, "timed out") from error
    except (OSError, UnicodeError) as error:
        raise Unreachable(Code.SERVER_UNREACHABLE, type(error).__name__) from error


class _Gate(asyncio.Protocol, Generic[AnyProtocol]):
    """Stands in the stream until the server has proved who it is, then makes room for the real protocol."""

    def __init__(self, fingerprint: bytes | None, alpn: str, factory: Callable[[], AnyProtocol]) -> None:
        self._fingerprint = fingerprint
        self._alpn = alpn
        self._factory = factory
        self.protocol: AnyProtocol | None = None
        self.refused: Unreachable | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses of it
        tls: ssl.SSLObject = transport.get_extra_info("ssl_object")
        if self._fingerprint is not None and not check_pin(tls.getpeercert(True), self._fingerprint):
            self.refused = Unreachable(Code.SERVER_NOT_TRUSTED, "another key than the pinned one")
        elif tls.selected_alpn_protocol() != self._alpn:
            self.refused = Unreachable(Code.SERVER_UNREACHABLE, f"does not speak {self._alpn}")
        else:
            self.protocol = self._factory()
            transport.set_protocol(self.protocol)
            self.protocol.connection_made(transport)


async def _open(url: ServerUrl, proxy: Proxy | None) -> socket.socket:
    host, port = (url.host, url.port) if proxy is None else (proxy.host, proxy.port)
    loop = asyncio.get_running_loop()
    try:
        places = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        places *= max(1, KNOCKS // len(places))
        sock = await aiohappyeyeballs.start_connection(
            places, happy_eyeballs_delay=NEXT_ADDRESS, interleave=1
        )
    except (OSError, UnicodeError) as error:
        if proxy is None or isinstance(error, TimeoutError):
            raise
        raise Unreachable(Code.PROXY_UNREACHABLE, type(error).__name__) from error
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if proxy is not None:
            await _cross(sock, url, proxy)
    except BaseException:
        sock.close()
        raise
    return sock


async def _cross(sock: socket.socket, url: ServerUrl, proxy: Proxy) -> None:
    """Ask the proxy for a tunnel (RFC 9110 §9.3.6).

    Raises:
        Unreachable: PROXY_LOGIN, PROXY_REFUSED, or SERVER_UNREACHABLE if the proxy did not get there either.
        OSError: the stream to it broke.
    """
    loop = asyncio.get_running_loop()
    host = f"[{url.host}]" if ":" in url.host else url.host
    headers = [("Host", f"{host}:{url.port}")]
    if proxy.authorization:
        headers.append(("Proxy-Authorization", proxy.authorization))
    connection = h11.Connection(h11.CLIENT)
    request = h11.Request(method="CONNECT", target=f"{host}:{url.port}", headers=headers)
    await loop.sock_sendall(sock, connection.send(request) + connection.send(h11.EndOfMessage()))
    try:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await loop.sock_recv(sock, 4_096))
            elif isinstance(event, h11.Response):
                break
            elif not isinstance(event, h11.InformationalResponse):
                raise Unreachable(Code.PROXY_REFUSED, "it hung up")
    except h11.RemoteProtocolError as error:
        raise Unreachable(Code.PROXY_REFUSED, "no HTTP proxy") from error
    status = event.status_code  # 401 is what tinyproxy says to a wrong password
    if not 200 <= status < 300:
        code = Code.SERVER_UNREACHABLE if status >= 500 else Code.PROXY_REFUSED
        raise Unreachable(Code.PROXY_LOGIN if status in (401, 407) else code, f"the proxy said {status}")
    if connection.trailing_data[0]:
        raise Unreachable(Code.PROXY_REFUSED, "it spoke for the server")
