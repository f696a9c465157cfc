"""Who may come in, how many, and to whom each is handed."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from floater.codes import Code
from floater.crypto.certificate import make_certified_key
from floater.tasks import Tasks
from floater.wire import control
from floater.wire.endpoint import Endpoint
from floater.wire.relay import PREAMBLE, RELAY_ANSWERS, Join
from server.config import ServerConfig
from server.gateway.listener import Listener, Protocols, listen, server_tls
from server.gateway.streams import Streams
from tests.server.gateway.guests import Guest, Stream, a_server

pytestmark = pytest.mark.logs(
    "a transaction failed: SQLITE_CANTOPEN", "no room for more connections", "the outbox cannot be read"
)

ELSEWHERE = Endpoint("203.0.113.7", 40_000)


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
async def test_of_too_many_half_open_connections_the_oldest_has_to_go_and_settled_ones_are_not_counted(
    tmp_path: Path,
) -> None:
    async with a_server(tmp_path, max_half_open=2) as server:
        settled = [await Guest.arrive(server) for _ in range(3)]
        silent = [await Stream.open(server.ports[0], tls=None) for _ in range(40)]
        for stream in silent[:38]:
            await stream.expect_end()
        settled.append(await Guest.arrive(server))
        for stream in (*settled, *silent):
            await stream.close()


@pytest.mark.parametrize("first", [b"\x16\x03\x01", b"f"])
@pytest.mark.asyncio
async def test_a_connection_is_pushed_out_in_the_midst_of_its_first_bytes_too(
    tmp_path: Path, first: bytes
) -> None:
    async with a_server(tmp_path, max_half_open=1, local=False, public_host="127.0.0.1") as server:
        async with await Stream.open(server.ports[0], tls=None) as half:
            half.say(first)
            async with await Stream.open(server.ports[0], tls=None) as silent:
                await half.expect_end()
                async with await Guest.arrive(server):
                    await silent.expect_end()


@pytest.mark.asyncio
async def test_a_network_that_begins_many_handshakes_is_not_read_for_a_while(tmp_path: Path) -> None:
    knobs = {"handshake_limit": "1/2 -", "public_host": "127.0.0.1"}
    loop = asyncio.get_running_loop()
    async with a_server(tmp_path, **knobs) as server, await Guest.arrive(server):
        began = loop.time()
        async with await Guest.arrive(server) as guest:
            assert loop.time() - began >= 1.0
            assert guest.welcome.version == 1


@pytest.mark.asyncio
async def test_a_deadline_that_comes_in_the_midst_of_a_handshake_ends_the_connection(tmp_path: Path) -> None:
    """It is called once; the handshake may end later, and nothing would limit the first message then."""
    config = ServerConfig(data_dir=tmp_path, listen="127.0.0.1:0", handshake_timeout=3_600.0)
    streams, tasks = Streams(config), Tasks()
    protocols = Protocols(
        client=lambda _: asyncio.Protocol(),
        relay=lambda _: asyncio.Protocol(),
        observer=lambda _: asyncio.Protocol(),
        http=lambda _: asyncio.Protocol(),
    )
    listener = Listener(config, server_tls(make_certified_key()), protocols, streams, tasks)
    bound = listen(config.listen)
    listener.open(bound)
    async with await Stream.open(bound.getsockname()[1], tls=None) as guest:
        guest.say(b"\x16\x03\x01")
        async with asyncio.timeout(30):
            while not tasks._tasks:
                await asyncio.sleep(0.01)
        streams.sweep(asyncio.get_running_loop().time() + 7_200.0)
        await guest.expect_end()
    listener.close()
    await tasks.close()
    assert not len(streams)


@pytest.mark.asyncio
async def test_both_families_come_in_where_the_place_is_every_address(tmp_path: Path) -> None:
    async with a_server(tmp_path, listen="[::]:0") as server:
        async with await Guest.arrive(server) as guest:  # over IPv4
            assert guest.welcome.observers == tuple(
                f":{port}" for port in (*server.ports[1:], server.ports[0])
            )


@pytest.mark.logs("put off (OSError)", "put off (storage_failed)")  # the latter from Python 3.13 on
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
