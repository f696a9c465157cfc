"""Behind a trusted proxy each client has its own address; without its header nobody comes in."""

import asyncio
from pathlib import Path

import pytest

from floater.codes import Code
from floater.wire import control
from floater.wire.endpoint import Endpoint
from floater.wire.proxy_header import SIGNATURE
from floater.wire.relay import PREAMBLE, RELAY_ANSWERS, Join
from floater.wire.stun import BindingRequest, BindingResponse, Probe, encode, take_message
from server.errors import CannotStart
from tests.helpers.balancer import balancer
from tests.helpers.proxy_headers import proxy_header
from tests.server.gateway.guests import Guest, Stream, a_server

PROXIED = {"trusted_proxy": ("127.0.0.1",), "public_host": "127.0.0.1"}
ANN = Endpoint("203.0.113.7", 40_000)


async def observed(stream: Stream, key: str, *, probe: Probe = Probe.NONE) -> BindingResponse:
    stream.say(encode(BindingRequest(bytes(12), key, probe)))
    buffer = bytearray()
    async with asyncio.timeout(30):
        while (answer := take_message(buffer)) is None:
            data = await stream.reader.read(1_024)
            assert data
            buffer += data
    assert isinstance(answer, BindingResponse)
    return answer


@pytest.mark.asyncio
async def test_haproxy_tells_where_each_client_comes_from(tmp_path: Path) -> None:
    async with a_server(tmp_path, **PROXIED) as server, balancer(tmp_path, *server.ports[:2]) as (main, side):
        async with await Guest.arrive(server, port=main, source="127.0.0.2") as guest:
            (connection,) = server.backend.connections
            assert connection.host == "127.0.0.2"
            for port in (main, side):
                async with await Stream.open(port, tls=None, source="127.0.0.3") as stream:
                    answer = await observed(stream, guest.welcome.observer_key, probe=Probe.OTHER_PORT)
                    assert answer.mapped == Endpoint("127.0.0.3", stream.local_port)
                    assert answer.probe is Probe.NONE
                    assert answer.mapped in connection.seen


@pytest.mark.asyncio
async def test_haproxy_brings_the_relay_and_the_pages_too(tmp_path: Path) -> None:
    async with a_server(tmp_path, **PROXIED) as server, balancer(tmp_path, server.ports[0]) as (main,):
        for tls in (None, "floater-relay/1"):
            async with await Stream.open(main, tls=tls) as stream:
                stream.say(PREAMBLE, Join(token=bytes(100)))
                assert await stream.message(RELAY_ANSWERS) == control.Refused(code=Code.RELAY_REFUSED)
        async with await Stream.open(main, tls="http/1.1") as stream:
            stream.say(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert (await stream.reader.readline()).startswith(b"HTTP/1.1 200")


@pytest.mark.asyncio
async def test_the_clients_of_one_proxy_have_bounds_of_their_own(tmp_path: Path) -> None:
    knobs = {**PROXIED, "max_half_open_per_address": 1}
    async with a_server(tmp_path, **knobs) as server, balancer(tmp_path, server.ports[0]) as (main,):
        async with await Stream.open(main, tls=None, source="127.0.0.2") as silent:
            async with await Guest.arrive(server, port=main, source="127.0.0.3"):
                async with await Stream.open(main, tls=None, source="127.0.0.2"):
                    await silent.expect_end()


@pytest.mark.parametrize("word", ["", "send-proxy"])
@pytest.mark.asyncio
async def test_haproxy_without_the_header_or_with_the_old_one_is_turned_away(
    tmp_path: Path, word: str
) -> None:
    async with a_server(tmp_path, **PROXIED) as server:
        async with balancer(tmp_path, server.ports[0], word=word) as (main,):
            async with await Stream.open(main, tls=None) as stream:
                stream.say(PREAMBLE, Join(token=bytes(100)))
                await stream.expect_end()


@pytest.mark.parametrize(
    "first",
    [
        PREAMBLE,
        b"\x16\x03\x01",
        b"PROXY TCP4 203.0.113.7 127.0.0.1 40000 443\r\n",
        SIGNATURE + b"\x11",
        SIGNATURE + bytes((0x21, 0x31, 0, 216)) + bytes(216),
        SIGNATURE + bytes((0x21, 0x11, 0xFF, 0xFF)),
    ],
)
@pytest.mark.asyncio
async def test_a_trusted_proxy_without_a_good_header_is_turned_away(tmp_path: Path, first: bytes) -> None:
    async with a_server(tmp_path, **PROXIED) as server:
        for port in server.ports:
            async with await Stream.open(port, tls=None) as stream:
                stream.say(first)
                await stream.expect_end()


@pytest.mark.asyncio
async def test_a_header_of_another_address_is_not_read(tmp_path: Path) -> None:
    async with a_server(tmp_path, **PROXIED) as server:
        async with await Stream.open(server.ports[0], tls=None, source="127.0.0.2") as stream:
            stream.say(proxy_header(ANN), encode(BindingRequest(bytes(12), "")))
            await stream.expect_end()
        async with await Stream.open(server.ports[0], tls=None, source="127.0.0.2") as stream:
            assert (await observed(stream, "")).mapped == Endpoint("127.0.0.2", stream.local_port)


@pytest.mark.asyncio
async def test_a_header_may_come_byte_by_byte_and_what_follows_with_it(tmp_path: Path) -> None:
    async with a_server(tmp_path, **PROXIED) as server:
        async with await Stream.open(server.ports[1], tls=None) as stream:
            for byte in proxy_header(ANN, further=b"\x04\x00\x01x"):
                stream.say(bytes((byte,)))
                await stream.writer.drain()
            assert (await observed(stream, "")).mapped == ANN
        async with await Stream.open(server.ports[1], tls=None) as stream:
            stream.say(proxy_header(ANN) + encode(BindingRequest(bytes(12), "")))
            assert take_message(bytearray(await stream.reader.read(1_024))) is not None


@pytest.mark.asyncio
async def test_a_proxy_that_comes_by_itself_keeps_its_own_address(tmp_path: Path) -> None:
    async with a_server(tmp_path, **PROXIED) as server:
        async with await Stream.open(server.ports[1], tls=None) as stream:
            stream.say(SIGNATURE + bytes((0x20, 0, 0, 0)))
            assert (await observed(stream, "")).mapped == Endpoint("127.0.0.1", stream.local_port)


@pytest.mark.asyncio
async def test_a_header_that_does_not_come_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    async with a_server(tmp_path, **PROXIED, handshake_timeout=0.1) as server:
        async with await Stream.open(server.ports[0], tls=None) as stream:
            stream.say(SIGNATURE)
            await stream.expect_end()
        stream = await Stream.open(server.ports[0], tls=None)  # it leaves in the midst
        stream.say(SIGNATURE)
        await stream.close()
        async with await Stream.open(server.ports[0], tls=None) as stream:
            await stream.expect_end()


@pytest.mark.asyncio
async def test_of_too_many_without_a_header_the_oldest_has_to_go(tmp_path: Path) -> None:
    async with a_server(tmp_path, **PROXIED, max_half_open=1) as server:
        oldest = await Stream.open(server.ports[1], tls=None)
        async with await Stream.open(server.ports[1], tls=None) as stream:
            await oldest.expect_end()
            stream.say(proxy_header(ANN))
            assert (await observed(stream, "")).mapped == ANN
        await oldest.close()


@pytest.mark.asyncio
async def test_those_whose_header_is_not_whole_end_with_the_server(tmp_path: Path) -> None:
    async with a_server(tmp_path, **PROXIED) as server:
        stream = await Stream.open(server.ports[0], tls=None)
        stream.say(SIGNATURE)
        async with await Stream.open(server.ports[0], tls=None) as later:
            later.say(b"x")
            await later.expect_end()  # so the one before it has been accepted
    await stream.expect_end()
    await stream.close()


@pytest.mark.asyncio
async def test_a_proxy_that_is_no_network_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="trusted proxy"):
        async with a_server(tmp_path, trusted_proxy=("proxy.example.org",)):
            pass
