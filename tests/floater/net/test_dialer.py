import asyncio
import contextlib
import itertools
import os
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from floater.core.meet import punch
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
        async with asyncio.timeout(30):
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
        async with asyncio.timeout(30):
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
    with deaf_place() as place:
        async with dialer() as (made, heard, _):
            made.dial(place)
            await asyncio.sleep(0.05)  # long enough for an error to come, if one did
            assert heard.events.empty()
            made.withdraw()
        assert heard.events.empty()


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


async def test_a_wave_goes_out_from_a_lane_or_each_syn_from_a_port_of_its_own() -> None:
    seen: list[int] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer.get_extra_info("peername")[1])
        await reader.read()

    async with serving(note) as one, serving(note) as two, dialer() as (made, heard, place):
        there = [Endpoint("127.0.0.1", one), Endpoint("127.0.0.1", two)]
        for lane, low in ((1, False), (None, True)):
            made.wave(there, lane, low=low)
            events = [await heard.next() for _ in range(3)]
            assert events.count(punch.Sent()) == 1
            streams = [event for event in events if isinstance(event, punch.Connected)]
            assert {(event.lane, event.remote) for event in streams} == {(1, remote) for remote in there}
            async with asyncio.timeout(30):
                while len(seen) < 2:
                    await asyncio.sleep(0.001)
            assert place.port not in seen
            assert len(set(seen)) == (2 if lane is None else 1)
            seen.clear()
        assert made.syns == 4


async def test_a_wave_of_a_thousand_gives_every_socket_back() -> None:
    def count() -> int:
        return len(os.listdir("/dev/fd"))

    with deaf_place() as place:
        async with dialer() as (made, heard, _):
            before = count()
            made.wave([place] * 1_000, None, low=False)
            assert count() < before + 100, "others have their turn in between"
            assert await heard.next() == punch.Sent()
            assert before + 900 < count() <= before + 1_000
            made.withdraw()
            assert count() <= before  # fewer, if something of an earlier test was collected meanwhile
            assert heard.events.empty()


async def test_waves_go_out_one_after_the_other() -> None:
    with deaf_place() as place:
        async with dialer() as (made, heard, _):
            for count in (100, 32, 0, 1):
                made.wave([place] * count, None, low=False)
            for so_far in (100, 132, 132, 133):
                assert await heard.next() == punch.Sent()
                assert so_far <= made.syns <= 133
            assert heard.events.empty()
            made.wave([place], None, low=False)
            assert await heard.next() == punch.Sent()


async def test_withdrawal_ends_a_wave_that_is_going_out() -> None:
    with deaf_place() as place:
        async with dialer() as (made, heard, _):
            made.wave([place] * 1_000, None, low=False)
            made.wave([place] * 1_000, None, low=False)
            made.withdraw()
            await asyncio.sleep(0.05)  # long enough for the rest, if it went out
            assert made.syns < 100
            assert heard.events.empty()


@contextlib.contextmanager
def deaf_place() -> Iterator[Endpoint]:
    """Somebody who answers no SYN: a full backlog drops them, as a NAT does."""
    with contextlib.ExitStack() as stack:
        deaf = stack.enter_context(socket.socket())
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        yield Endpoint(*deaf.getsockname())
