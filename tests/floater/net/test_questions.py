import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from floater.core.meet import port as core
from floater.core.meet.observe import Asker
from floater.net.questions import Questions
from floater.wire.endpoint import Endpoint
from tests.helpers.meeting import tiny_observer
from tests.helpers.serving import serving

pytestmark = pytest.mark.asyncio


class Scene:
    """Questions, and what they report."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[core.Event] = asyncio.Queue()
        self.questions = Questions((0, 0), self._events.put_nowait)

    async def next(self) -> core.Event:
        async with asyncio.timeout(30):
            return await self._events.get()

    def is_open(self, number: int) -> bool:
        return self.questions.streams[number]._sock.fileno() >= 0

    async def closes(self, number: int) -> None:
        async with asyncio.timeout(30):
            while self.is_open(number):
                await asyncio.sleep(0)


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    at = Scene()
    try:
        yield at
    finally:
        await at.questions.close()
        assert not any(at.is_open(number) for number in at.questions.streams)


async def test_a_stream_is_asked_held_asked_again_and_its_end_is_told() -> None:
    async with scene() as at:
        async with tiny_observer() as (port, seen):
            at.questions.perform(core.Open(3, Asker.PUNCH_PORT, Endpoint("127.0.0.1", port)))
            assert await at.next() == core.Connected(3)
            first = await at.next()
            assert isinstance(first, core.Answered)
            assert first.question == 3
            assert first.seen is not None
            at.questions.perform(core.Hold(3))
            await asyncio.sleep(0)
            at.questions.perform(core.AskAgain(3))
            assert await at.next() == first
            assert len(seen) == 2
        assert await at.next() == core.Answered(3, None)
        at.questions.perform(core.Close(3))
        assert not at.is_open(3)


async def test_a_stream_that_is_closed_while_it_waits_reports_nothing() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(silent) as port, scene() as at:
        for number, asker in enumerate((Asker.FRESH, Asker.PROBED, Asker.SECOND)):
            at.questions.perform(core.Open(number, asker, Endpoint("127.0.0.1", port)))
        assert {await at.next() for _ in range(3)} == {core.Connected(number) for number in range(3)}
        for number in range(3):
            at.questions.perform(core.Close(number))
            await at.closes(number)
        assert at._events.empty()


async def test_who_is_not_there_does_not_answer() -> None:
    async with scene() as at:
        at.questions.perform(core.Open(0, Asker.FRESH, Endpoint("127.0.0.1", 1)))
        assert await at.next() == core.Answered(0, None)
