"""The punch port that is ready before the person presses 聊一聊.

::

    none ──prepare──▶ being asked about ──▶ ready ──take──▶ none (the meeting has it)
                              │               │ └─stale──▶ prepared anew, where one is wanted
                              └─────drop──────┴──▶ none
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from floater.net.port_mapping import PortMapper
from floater.net.punch_port import PunchPort, prepare_punch_port
from floater.net.server_link import ServerLink
from floater.tasks import Tasks


class Ports:
    """At most one port that is ready.

    Args:
        link: the server whose observers are asked; None where there is no server.
        wanted: whether a port would be of use at all: somebody is logged in and hides nothing.
        idle: whether a port that went stale is prepared anew by itself.
        mapped: whether the router is asked to let others in to it.
    """

    def __init__(
        self,
        link: ServerLink | None,
        *,
        wanted: Callable[[], bool],
        idle: Callable[[], bool],
        mapped: Callable[[], bool],
    ) -> None:
        self._link = link
        self._wanted = wanted
        self._idle = idle
        self._mapped = mapped
        self._mapper = PortMapper()
        self._tasks = Tasks()
        self._port: PunchPort | None = None
        self._preparing: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    def prepare(self) -> None:
        """Have a port ready soon, if one is wanted and none is."""
        running = self._preparing is not None and not self._preparing.done()
        fresh = self._port is not None and not self._port.is_stale
        if running or fresh or not self._wanted():
            return
        self.drop()
        self._preparing = self._tasks.start(self._prepare(), "prepare a port")

    async def ready(self) -> PunchPort | None:
        """Wait for the port that is ready; None if none is wanted or can be had. It stays here."""
        self.prepare()
        while (preparing := self._preparing) is not None and not preparing.done():
            await asyncio.wait([preparing])  # another one may have been begun meanwhile
        return self._port

    def take(self) -> PunchPort | None:
        """Give the port away, if there is one: whoever takes it closes it."""
        port, self._port = self._port, None
        return port

    def drop(self) -> None:
        """Have no port: what the outside saw of it is out of date."""
        preparing, self._preparing = self._preparing, None
        if preparing is not None and not preparing.done():
            preparing.cancel()
            self._watch(preparing)
        if (port := self.take()) is not None:
            self._close(port)

    @asynccontextmanager
    async def at_hand(self) -> AsyncIterator[PunchPort]:
        """A port to look at: the one that is ready, else one for the moment. The server must be reached."""
        if self._port is not None and not self._port.is_stale:
            yield self._port
            return
        port = await self._new()
        try:
            yield port
        finally:
            await port.close()

    async def close(self) -> None:
        """Close what there is, for good."""
        self.drop()
        if self._closing:  # nobody who is closing a port may be cancelled at it
            await asyncio.wait(set(self._closing))
        await self._tasks.close()
        await self._mapper.close()

    def _close(self, port: PunchPort) -> None:
        self._watch(self._tasks.start(port.close(), "close a port"))

    def _watch(self, closing: asyncio.Task[None]) -> None:
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _prepare(self) -> None:
        if self._link is None or self._link.welcome is None:
            return
        port = await self._new()
        if self._wanted() and self._link.online:
            self._port = port
        else:
            self._close(port)

    async def _new(self) -> PunchPort:
        assert self._link is not None
        assert self._link.welcome is not None
        return await prepare_punch_port(
            server=self._link.url,
            observers=self._link.welcome.observers,
            observer_key=self._link.welcome.observer_key,
            on_stale=self._stale,
            mapper=self._mapper if self._mapped() else None,
        )

    def _stale(self) -> None:
        if self._idle():
            self.prepare()
