"""Who may come in, how many, and to whom each is handed."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from floater.codes import Code
from floater.crypto.certificate import key_fingerprint
from floater.wire import control
from floater.wire.endpoint import Endpoint
from floater.wire.relay import PREAMBLE, RELAY_ANSWERS, Join
from floater.wire.url import parse_server_url
from server.config import ServerConfig
from server.gateway.streams import Streams, endpoint_of, network_of
from tests.server.gateway.guests import Guest, Stream, a_server

pytestmark = pytest.mark.logs(
    "a transaction failed: SQLITE_CANTOPEN", "no room for more connections", "the outbox cannot be read"
)

ELSEWHERE = Endpoint("203.0.113.7", 40_000)


@pytest.mark.asyncio
async def test_the_url_pins_the_key_that_the_server_shows(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        url = parse_server_url(server.url)
        assert (url.host, url.port) == ("127.0.0.1", server.ports[0])
        async with await Stream.open(server.ports[0]) as guest:
            shown = guest.writer.get_extra_info("ssl_object")
            assert shown.version() == "TLSv1.3"
            assert key_fingerprint(shown.getpeercert(True)) == url.fingerprint


@pytest.mark.asyncio
async def test_a_restart_keeps_the_keys(tmp_path: Path) -> None:
    async with a_server(tmp_path) as first:
        pass
    async with a_server(tmp_path, listen=f"127.0.0.1:{first.ports[0]}") as second:
        assert second.url == first.url
        assert second.backend.ticket_key == first.backend.ticket_key
    for name in ("certificate.pem", "ticket.key", "relay.key"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


@pytest.mark.asyncio
async def test_the_same_port_answers_pages(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        for alpn in ("http/1.1", "unheard-of"):
            async with await Stream.open(server.ports[0], tls=alpn) as guest:
                guest.say(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                assert (await guest.reader.readline()).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n\r\n", b"\x15", b"\xff", b"SSH-2.0-x\r\n"])
@pytest.mark.asyncio
async def test_who_is_for_nobody_is_sent_away(tmp_path: Path, first: bytes) -> None:
    async with a_server(tmp_path) as server, await Stream.open(server.ports[0], tls=None) as guest:
        guest.say(first)
        await guest.expect_end()


@pytest.mark.asyncio
async def test_an_observer_port_takes_nobody_else(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        for first in (PREAMBLE, b"\x16\x03\x01"):
            async with await Stream.open(server.ports[1], tls=None) as guest:
                guest.say(first)
                await guest.expect_end()


@pytest.mark.asyncio
async def test_the_relay_answers_inside_tls_too(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        async with await Stream.open(server.ports[0], tls="floater-relay/1") as guest:
            guest.say(PREAMBLE, Join(token=bytes(100)))
            assert await guest.message(RELAY_ANSWERS) == control.Refused(code=Code.RELAY_REFUSED)


@pytest.mark.asyncio
async def test_too_many_half_open_connections_are_turned_away_and_settled_ones_are_not_counted(
    tmp_path: Path,
) -> None:
    async with a_server(tmp_path, max_half_open=2) as server:
        settled = [await Guest.arrive(server) for _ in range(3)]
        silent = [await Stream.open(server.ports[0], tls=None) for _ in range(2)]
        third = await Stream.open(server.ports[0], tls=None)
        await third.expect_end()
        await silent.pop().close()
        async with asyncio.timeout(30):
            while True:  # until the server has noticed
                try:
                    settled.append(await Guest.arrive(server))
                    break
                except OSError:
                    pass
        for stream in (*settled, *silent, third):
            await stream.close()


def test_connections_are_counted_by_network() -> None:
    streams = Streams(ServerConfig(data_dir=Path(), max_connections_per_address=2))
    kept = [streams.admit(ELSEWHERE, now=0.0) for _ in range(2)]
    assert all(kept)
    assert streams.admit(ELSEWHERE, now=0.0) is None
    assert streams.admit(Endpoint("203.0.113.8", 1), now=0.0)
    for _ in range(5):
        assert streams.admit(Endpoint("127.0.0.1", 1), now=0.0)
        assert streams.admit(Endpoint("::1", 1), now=0.0)
    assert kept[0]
    kept[0].ended()
    kept[0].ended()
    assert streams.admit(ELSEWHERE, now=0.0)
    assert streams.admit(ELSEWHERE, now=0.0) is None


def test_connections_are_counted_in_all() -> None:
    streams = Streams(ServerConfig(data_dir=Path(), max_connections=1))
    first = streams.admit(ELSEWHERE, now=0.0)
    assert first
    assert streams.admit(Endpoint("127.0.0.1", 1), now=0.0) is None
    first.ended()
    assert (len(streams), streams.half_open) == (0, 0)


def test_a_network_is_an_ipv4_address_or_an_ipv6_slash_64() -> None:
    assert network_of("203.0.113.7") == "203.0.113.7"
    assert network_of("2001:db8::1") == network_of("2001:db8::2") != network_of("2001:db8:0:1::1")
    assert endpoint_of(("::ffff:203.0.113.7", 40_000, 0, 0)) == ELSEWHERE


@pytest.mark.asyncio
async def test_a_goodbye_is_said_to_everybody(tmp_path: Path) -> None:
    async with a_server(tmp_path, goodbye_jitter=5.0) as server:
        guests = [await Guest.arrive(server) for _ in range(3)]
    for guest in guests:
        closing = await guest.expect(control.Closing)
        assert closing.code == Code.SERVER_CLOSING
        assert 1.0 <= closing.retry_after <= 6.0
        await guest.expect_end()
        await guest.close()


@pytest.mark.asyncio
async def test_both_families_come_in_where_the_place_is_every_address(tmp_path: Path) -> None:
    async with a_server(tmp_path, listen="[::]:0") as server:
        async with await Guest.arrive(server) as guest:  # over IPv4
            assert guest.welcome.observers == tuple(
                f":{port}" for port in (*server.ports[1:], server.ports[0])
            )


@pytest.mark.asyncio
async def test_observers_at_other_addresses_are_named_in_full(tmp_path: Path) -> None:
    async with a_server(tmp_path, stun=("127.0.0.1:0", "127.0.0.2:0")) as server:
        async with await Guest.arrive(server) as guest:
            main, one, other = server.ports
            assert guest.welcome.observers == (f":{one}", f"127.0.0.2:{other}", f":{main}")


@pytest.mark.asyncio
async def test_no_descriptors_left_is_waited_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The listener rests instead of spinning, and goes on when there is room again."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with a_server(tmp_path) as server:
        sock = socket.socket()
        sock.setblocking(False)
        probe = os.dup(0)
        os.close(probe)
        resource.setrlimit(resource.RLIMIT_NOFILE, (probe, hard))
        try:
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", server.ports[0]))
            await asyncio.sleep(0.05)  # the server meets it now; nothing else tells us
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            sock.close()
        async with await Guest.arrive(server) as guest:
            assert guest.welcome.version == 1
    assert "no room" in caplog.text
