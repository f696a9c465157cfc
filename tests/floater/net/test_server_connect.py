import asyncio
import contextlib
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from floater.codes import Code
from floater.crypto.certificate import key_fingerprint, load_certified_key, make_certified_key
from floater.errors import Unreachable
from floater.net.server_connect import Proxy, open_server_socket, open_server_stream, parse_proxy
from floater.wire.url import ServerUrl
from tests.helpers.proxy import free_port, real_proxy, tiny_proxy
from tests.helpers.serving import serving

ALPN = "floater/1"


class Talker(asyncio.Protocol):
    """Speaks first, as a client does, and keeps what comes back."""

    def __init__(self) -> None:
        self.came = bytearray()
        self.enough = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(b"hello")

    def data_received(self, data: bytes) -> None:
        self.came += data
        self.enough.set()


@contextlib.asynccontextmanager
async def echo(context: ssl.SSLContext | None, alpn: str = ALPN) -> AsyncIterator[tuple[int, bytearray]]:
    heard = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            heard.extend(data)
            writer.write(data)

    if context is not None:
        context.set_alpn_protocols([alpn])
    async with serving(serve, ssl=context) as port:
        yield port, heard


def pinned() -> tuple[ssl.SSLContext, bytes]:
    server_key = make_certified_key()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_certified_key(context, server_key)
    return context, key_fingerprint(server_key.certificate)


async def knock(url: ServerUrl, proxy: Proxy | None = None, timeout: float = 5.0) -> bytes:
    transport, talker = await open_server_stream(url, ALPN, Talker, proxy=proxy, timeout=timeout)
    await talker.enough.wait()
    transport.abort()
    return bytes(talker.came)


async def refusal(url: ServerUrl, proxy: Proxy | None = None, timeout: float = 5.0) -> Code:
    with pytest.raises(Unreachable) as refused:
        await knock(url, proxy, timeout)
    return refused.value.code


@pytest.mark.asyncio
async def test_a_pinned_server_is_entered() -> None:
    context, pin = pinned()
    async with echo(context) as (port, _):
        assert await knock(ServerUrl("127.0.0.1", port, pin)) == b"hello"
        assert await knock(ServerUrl("localhost", port, pin)) == b"hello"


@pytest.mark.asyncio
async def test_another_key_is_not_trusted_and_hears_nothing() -> None:
    context, _ = pinned()
    async with echo(context) as (port, heard):
        assert await refusal(ServerUrl("127.0.0.1", port, bytes(32))) is Code.SERVER_NOT_TRUSTED
        assert not heard


@pytest.mark.asyncio
async def test_a_server_that_speaks_something_else_is_none() -> None:
    context, pin = pinned()
    async with echo(context, "http/1.1") as (port, _):
        assert await refusal(ServerUrl("127.0.0.1", port, pin)) is Code.SERVER_UNREACHABLE
    async with echo(None) as (port, _):
        assert await refusal(ServerUrl("127.0.0.1", port, pin)) is Code.SERVER_UNREACHABLE


@pytest.mark.asyncio
@pytest.mark.parametrize("host", ["127.0.0.1", "no.such.name.invalid", "a..b", "x" * 70])
async def test_nobody_there_is_unreachable(host: str) -> None:
    assert await refusal(ServerUrl(host, 1, None)) is Code.SERVER_UNREACHABLE
    with pytest.raises(Unreachable):
        await open_server_socket(ServerUrl(host, 1, None))


@pytest.mark.asyncio
async def test_silence_is_given_up() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(silent) as port:
        assert await refusal(ServerUrl("127.0.0.1", port, bytes(32)), timeout=0.2) is Code.SERVER_UNREACHABLE


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("name", "days", "trusted", "verdict"),
    [
        ("localhost", (-1, 1), True, None),
        ("localhost", (-2, -1), True, Code.CLOCK_WRONG),
        ("localhost", (1, 2), True, Code.CLOCK_WRONG),
        ("example.org", (-1, 1), True, Code.SERVER_NOT_TRUSTED),
        ("localhost", (-1, 1), False, Code.SERVER_NOT_TRUSTED),
    ],
)
async def test_without_a_pin_system_trust_decides(
    name: str,
    days: tuple[int, int],
    trusted: bool,
    verdict: Code | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = _certificate(tmp_path, name, days)
    monkeypatch.setenv("SSL_CERT_FILE", str(file if trusted else tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    async with echo(context) as (port, _):
        url = ServerUrl("localhost", port, None)
        if verdict is None:
            assert await knock(url) == b"hello"
        else:
            assert await refusal(url) is verdict


def _certificate(folder: Path, name: str, days: tuple[int, int]) -> Path:
    now = datetime.datetime.now(datetime.UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now + datetime.timedelta(days=days[0]))
        .not_valid_after(now + datetime.timedelta(days=days[1]))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("192.0.2.9"))]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file


@pytest.mark.asyncio
async def test_a_proxy_is_crossed_by_connect() -> None:
    context, pin = pinned()
    async with echo(context) as (port, _), tiny_proxy() as proxy:
        url = ServerUrl("127.0.0.1", port, pin)
        with_password = Proxy(proxy.proxy.host, proxy.proxy.port, "Basic dTpw")
        assert await knock(url, with_password) == b"hello"
        assert proxy.requests[0].startswith(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n")
        assert "Basic dTpw" in proxy.requests[0]
        sock = await open_server_socket(url, proxy=proxy.proxy)
        sock.close()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\nand more",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000,
    ],
)
async def test_what_speaks_like_no_proxy_is_no_way(answer: bytes) -> None:
    async with tiny_proxy(answer) as proxy:
        assert await refusal(ServerUrl("127.0.0.1", 9, None), proxy.proxy) is Code.PROXY_REFUSED


@pytest.mark.asyncio
async def test_a_real_proxy_is_crossed_with_its_password_to_ports_it_allows(tmp_path: Path) -> None:
    context, pin = pinned()
    async with echo(context) as (port, _), echo(context) as (other_port, _):
        closed_port = free_port()
        async with real_proxy(tmp_path, ports=(port, closed_port), login="ann:s3cret") as proxy:
            known = parse_proxy(f"http://ann:s3cret@{proxy}")
            assert await knock(ServerUrl("127.0.0.1", port, pin), known) == b"hello"
            assert await refusal(ServerUrl("127.0.0.1", other_port, pin), known) is Code.PROXY_REFUSED
            assert await refusal(ServerUrl("127.0.0.1", closed_port, pin), known) is Code.SERVER_UNREACHABLE
            for login in ("", "ann:wrong@"):
                stranger = parse_proxy(f"http://{login}{proxy}")
                assert await refusal(ServerUrl("127.0.0.1", port, pin), stranger) is Code.PROXY_LOGIN
        assert await refusal(ServerUrl("127.0.0.1", port, pin), known) is Code.PROXY_UNREACHABLE


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("", None),
        ("none", None),
        ("http://proxy.example:3128", Proxy("proxy.example", 3128)),
        ("proxy.example:3128", Proxy("proxy.example", 3128)),
        ("http://proxy.example/", Proxy("proxy.example", 80)),
        ("http://u%40x:p@[::1]:8080", Proxy("::1", 8080, "Basic dUB4OnA=")),
    ],
)
def test_a_proxy_is_read_from_a_setting(text: str, proxy: Proxy | None) -> None:
    assert parse_proxy(text) == proxy


@pytest.mark.parametrize("text", ["socks5://proxy:1080", "http://", "http://proxy:port"])
def test_what_is_no_http_proxy_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"proxy|Port|port"):
        parse_proxy(text)
