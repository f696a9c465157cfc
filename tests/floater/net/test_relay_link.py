import asyncio
import socket
from pathlib import Path

import pytest

from floater import api
from floater.codes import Code
from floater.errors import LinkClosed, RemoteProtocolError, ServerRefused, Unreachable
from floater.net import relay_link
from floater.net.relay_link import join_relay
from floater.wire import relay
from floater.wire.codec import encode
from floater.wire.control import Role
from floater.wire.url import ServerUrl, parse_server_url
from server.app import running_server
from server.config import ServerConfig
from server.services.keys import open_keys
from server.services.tickets import RelayPass, TicketSigner
from tests.helpers.meeting import pair, tiny_relay
from tests.helpers.proxy import tiny_proxy
from tests.helpers.serving import serving

pytestmark = pytest.mark.asyncio

JOINED = encode(relay.Joined())
ONE, OTHER = b"0123456789abcdefleader", b"0123456789abcdeffollower"


def hang_up(stream: relay_link.RelayStream) -> None:
    if isinstance(stream, socket.socket):
        stream.close()
    else:
        stream.abort()


async def test_two_are_joined_over_bare_tcp() -> None:
    async with tiny_relay() as state:
        (one, how), (other, _) = await asyncio.gather(
            join_relay(state.url, ONE), join_relay(state.url, OTHER)
        )
        assert how == "relay"
        assert isinstance(one, socket.socket)
        assert isinstance(other, socket.socket)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(one, b"ciphertext")
        assert await loop.sock_recv(other, 64) == b"ciphertext"
        hang_up(one)
        hang_up(other)


async def test_where_bare_tcp_is_reset_the_relay_is_reached_in_tls() -> None:
    async with tiny_relay(raw=False) as state:
        both = await asyncio.gather(join_relay(state.url, ONE), join_relay(state.url, OTHER))
        assert [how for _, how in both] == ["relay-tls"] * 2
        for stream, _ in both:
            hang_up(stream)


async def test_where_bare_tcp_is_swallowed_the_relay_is_reached_in_tls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay_link, "RAW_PATIENCE", 0.2)
    async with tiny_relay(swallow=True) as state:
        both = await asyncio.gather(join_relay(state.url, ONE), join_relay(state.url, OTHER))
        assert [how for _, how in both] == ["relay-tls"] * 2
        for stream, _ in both:
            hang_up(stream)


async def test_through_a_proxy_it_is_tls_from_the_start() -> None:
    async with tiny_relay() as state, tiny_proxy() as proxy:
        both = await asyncio.gather(
            join_relay(state.url, ONE, proxy=proxy.proxy), join_relay(state.url, OTHER, proxy=proxy.proxy)
        )
        assert [how for _, how in both] == ["relay-tls"] * 2
        assert len(proxy.requests) == 2
        for stream, _ in both:
            hang_up(stream)


@pytest.mark.parametrize("in_tls", [False, True])
async def test_a_refusal_carries_its_code(in_tls: bool) -> None:
    async with tiny_relay(refuse="relay_full", raw=not in_tls) as state:
        with pytest.raises(ServerRefused) as refused:
            await join_relay(state.url, ONE)
        assert refused.value.code is Code.RELAY_FULL
        assert len(state.tokens) == 1


async def test_nobody_at_the_relay_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_link, "RAW_PATIENCE", 0.1)
    monkeypatch.setattr(relay_link, "WAIT", 0.2)
    async with tiny_relay() as state:
        with pytest.raises(LinkClosed) as closed:
            await join_relay(state.url, ONE)
        assert closed.value.code is Code.TIMED_OUT


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 400\r\n\r\n",
        encode(relay.Joined()) + b"x",
        encode(relay.Joined()) * 2,
        b"",
        b"\0\2\0\0\0\0{}",
    ],
)
async def test_what_is_no_relay_is_not_believed(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1_024)
        writer.write(answer)

    async with serving(serve) as port:
        with pytest.raises((Unreachable, RemoteProtocolError, LinkClosed)):
            await join_relay(ServerUrl("127.0.0.1", port, bytes(32)), ONE)


async def test_no_server_is_unreachable() -> None:
    with pytest.raises(Unreachable):
        await join_relay(ServerUrl("127.0.0.1", 1, None), ONE)


async def test_giving_up_leaves_nothing_open(tmp_path: Path) -> None:
    async with running_server(ServerConfig(data_dir=tmp_path, listen="127.0.0.1:0")) as server:
        token = TicketSigner(open_keys(tmp_path)).relay_token(RelayPass("m", Role.LEADER, 4e9))
        joining = asyncio.gather(join_relay(parse_server_url(server.url), token))
        async with asyncio.timeout(30):
            while not len(server.relay):
                await asyncio.sleep(0.001)
            joining.cancel()
            while len(server.relay):
                await asyncio.sleep(0.001)
        with pytest.raises(asyncio.CancelledError):
            await joining


async def test_a_real_server_joins_two_and_refuses_a_stranger(tmp_path: Path) -> None:
    async with running_server(ServerConfig(data_dir=tmp_path, listen="127.0.0.1:0")) as server:
        office = TicketSigner(open_keys(tmp_path))
        leader, follower = [office.relay_token(RelayPass("m", role, 4e9)) for role in Role]
        url = parse_server_url(server.url)
        async with tiny_proxy() as proxy:
            (one, _), (other, how) = await asyncio.gather(
                join_relay(url, leader),
                join_relay(url, follower, proxy=proxy.proxy),
            )
            assert how == "relay-tls"
            hang_up(one)
            hang_up(other)
        with pytest.raises(ServerRefused) as refused:
            await join_relay(url, b"made up")
        assert refused.value.code is Code.RELAY_REFUSED


async def test_peers_talk_over_a_relay_in_tls_through_a_proxy() -> None:
    async with (
        tiny_relay() as state,
        tiny_proxy() as proxy,
        pair(ports=False, server=state.url, proxy=proxy.proxy) as (leader, follower),
    ):
        leader.meeting.start()
        follower.meeting.start()
        assert (await leader.hears(api.Path)).how == "relay-tls"
        await follower.hears(api.Path)
