import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator

import pytest

from floater.core import punch
from floater.net.dialer import Dialer
from floater.net.sockets import local_of, punch_socket, remote_of
from floater.wire.endpoint import Endpoint
from tests.helpers.serving import serving

pytestmark = pytest.mark.asyncio


class Heard:
    """What a dialer fed."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[punch.Event] = asyncio.Queue()

    async def next(self) -> punch.Event:
        async with asyncio.timeout(5.0):
            return await self.events.get()


@contextlib.asynccontextmanager
async def dialer() -> AsyncIterator[tuple[Dialer, Heard, Endpoint]]:
    heard, count = Heard(), itertools.count(1)
    with punch_socket(socket.AF_INET, 0) as held, punch_socket(socket.AF_INET, 0) as other:
        port, spare = local_of(held).port, local_of(other).port
        made = Dialer((port, spare), (socket.AF_INET,), heard.events.put_nowait, lambda: next(count))
        try:
            yield made, heard, Endpoint("127.0.0.1", port)
        finally:
            made.close()


async def hold(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def test_a_dial_goes_out_from_the_punch_port() -> None:
    seen: list[Endpoint] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(Endpoint(*writer.get_extra_info("peername")[:2]))
        await reader.read()

    async with serving(note) as port, dialer() as (made, heard, place):
        made.dial(Endpoint("127.0.0.1", port))
        assert await heard.next() == punch.Connected(1, Endpoint("127.0.0.1", port))
        sock = made.take(1)
        assert local_of(sock) == place
        sock.close()
        async with asyncio.timeout(5.0):
            while not seen:
                await asyncio.sleep(0.001)
        assert seen == [place]


async def test_a_refusal_is_reported_with_a_spread() -> None:
    async with dialer() as (made, heard, _):
        made.dial(Endpoint("127.0.0.1", 1))
        failed = await heard.next()
        assert isinstance(failed, punch.Failed)
        assert failed.remote == Endpoint("127.0.0.1", 1)
        assert 0.0 <= failed.spread < 1.0


async def test_two_listening_dialers_meet() -> None:
    async with dialer() as (one, heard_one, place_one), dialer() as (two, heard_two, place_two):
        one.listen()
        two.listen()
        one.dial(place_two)
        assert await heard_one.next() == punch.Connected(1, place_two)
        assert await heard_two.next() == punch.Connected(1, place_one)
        for made, other in ((one, place_two), (two, place_one)):
            sock = made.take(1)
            assert remote_of(sock) == other
            sock.close()


async def test_after_withdrawal_nobody_listens_and_it_can_be_taken_up_again() -> None:
    async with dialer() as (made, heard, place):
        for _ in range(2):
            made.listen()
            with socket.create_connection((place.host, place.port)):
                connected = await heard.next()
                assert isinstance(connected, punch.Connected)
                made.drop(connected.stream)
            made.withdraw()
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((place.host, place.port))


async def test_withdrawal_ends_a_dial_that_gets_no_answer() -> None:
    with socket.socket() as deaf:  # a full backlog drops SYNs, as a NAT does
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
            fillers.append(filler)
        async with dialer() as (made, heard, _):
            made.dial(Endpoint("127.0.0.1", deaf.getsockname()[1]))
            await asyncio.sleep(0.05)  # long enough for an error to come, if one did
            assert heard.events.empty()
            made.withdraw()
        assert heard.events.empty()
        for filler in fillers:
            filler.close()


async def test_a_dropped_stream_is_reset() -> None:
    async with dialer() as (made, heard, place):
        made.listen()
        await asyncio.sleep(0)
        reader, writer = await asyncio.open_connection(*place)
        await heard.next()
        made.drop(1)
        made.drop(1)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
