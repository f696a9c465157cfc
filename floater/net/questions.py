"""The streams from one punch port to observers, each under the number of its question (spec §5.1)."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from floater.core.meet import port as core
from floater.core.meet.observe import Asker
from floater.net.stun_stream import ProbeListener, StunStream
from floater.tasks import Tasks
from floater.wire.endpoint import Endpoint

Order: TypeAlias = core.Open | core.Hold | core.AskAgain | core.Follow | core.Close


class Questions:
    """Performs what `floater.core.meet.port` orders about streams.

    Args:
        ports: of the punch port, by lane.
        feed: takes the events.
    """

    def __init__(self, ports: tuple[int, int], feed: Callable[[core.Event], None]) -> None:
        self.key = ""
        "The `observer_key` of `welcome`."
        self.streams: dict[int, StunStream] = {}
        self._ports = ports
        self._feed = feed
        self._tasks = Tasks()
        self._work: dict[int, asyncio.Task[None]] = {}
        "What is waited for on each stream that is open."

    def perform(self, order: Order) -> None:
        """Start what is ordered. Streams are dialled in the order of these, as tasks begin in that order."""
        match order:
            case core.Open(number, asker, observer):
                stream = self.streams[number] = self._stream(asker, observer)
                self._begin(number, self._ask(number, stream))
            case core.Hold(number):
                self._begin(number, self._watch(number, self.streams[number]))
            case core.AskAgain(number):
                self._begin(number, self._ask_again(number, self.streams[number]))
            case core.Follow(number):
                self._begin(number, self._follow(number, self.streams[number]))
            case core.Close(number):
                self._close(number)

    async def close(self) -> None:
        """Close all streams."""
        await self._tasks.close()
        for stream in self.streams.values():
            stream.close()

    def _begin(self, number: int, work: Coroutine[Any, Any, None]) -> None:
        """Do this on a stream, and nothing else any more."""
        before = self._work.get(number)
        if before is not None and before is not asyncio.current_task():
            before.cancel()
        self._work[number] = self._tasks.start(work, "observer")

    def _close(self, number: int) -> None:
        work, stream = self._work.pop(number), self.streams[number]
        if work is asyncio.current_task() or work.done():
            stream.close()
        else:
            work.cancel()
            work.add_done_callback(lambda _: stream.close())  # not while the loop still watches the socket

    def _stream(self, asker: Asker, observer: Endpoint) -> StunStream:
        if asker is Asker.PROBED:
            return ProbeListener(observer)
        if asker is Asker.FRESH:
            return StunStream(0, observer)
        return StunStream(self._ports[asker is Asker.SECOND], observer, self.key)

    async def _ask(self, number: int, stream: StunStream) -> None:
        stream.on_connect = lambda: self._feed(core.Connected(number))
        await stream.ask()
        if isinstance(stream, ProbeListener):
            self._feed(core.Probed(stream.fates))
        self._feed(core.Answered(number, stream.seen))

    async def _ask_again(self, number: int, stream: StunStream) -> None:
        seen = await stream.ask()
        self._feed(core.Answered(number, seen))
        if seen is not None:
            await self._watch(number, stream)

    async def _watch(self, number: int, stream: StunStream) -> None:
        await stream.ended()
        self._feed(core.Answered(number, None))

    async def _follow(self, number: int, stream: StunStream) -> None:
        assert isinstance(stream, ProbeListener)
        stream.on_report = lambda: self._feed(core.Probed(stream.fates))
        await stream.follow()
        self._feed(core.Followed(number))
