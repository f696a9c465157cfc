"""Prepare a punch port before the person presses 聊一聊.

::

    none ──prepare──▶ being asked about ──▶ ready ──take──▶ none (the meeting has it)
                              │               │ └─stale──▶ another prepared, if one is wanted
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
    """Keeps at most one port ready.

    Args:
        link: the server whose observers are asked; None if there is none.
        wanted: tells whether a port is of use: the person is logged in and does not hide their address.
        idle: tells whether to replace a stale port at once.
        mapped: tells whether to ask the router for a port mapping.
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
        self._taking = asyncio.Lock()

    def prepare(self) -> None:
        """Begin to prepare a port, unless one is ready, being prepared, or not wanted."""
        running = self._preparing is not None and not self._preparing.done()
        fresh = self._port is not None and not self._port.is_stale
        if running or fresh or not self._wanted():
            return
        self.drop()
        self._preparing = self._tasks.start(self._prepare(), "prepare a port")

    async def ready(self) -> PunchPort | None:
        """Wait for the port and return it, still owned here; None if none is wanted or could be prepared."""
        self.prepare()
        while (preparing := self._preparing) is not None and not preparing.done():
            await asyncio.wait([preparing])  # another one may have been begun meanwhile
        return self._port

    async def take(self) -> PunchPort | None:
        """Wait for the port and give it up: the caller closes it, or `release`s it. None as for `ready`."""
        async with self._taking:  # the second to come gets another port
            await self.ready()
            return self._take()

    def release(self, port: PunchPort | None) -> None:
        """Close a port that was taken."""
        if port is not None:
            self._close(port)

    def drop(self) -> None:
        """Close the port, and stop preparing one: what observers saw of it is out of date."""
        preparing, self._preparing = self._preparing, None
        if preparing is not None and not preparing.done():
            preparing.cancel()
            self._watch(preparing)
        self.release(self._take())

    @asynccontextmanager
    async def at_hand(self) -> AsyncIterator[PunchPort]:
        """Lend a port to examine: the one that is ready, or a temporary one. The server must be connected."""
        if self._port is not None and not self._port.is_stale:
            yield self._port
            return
        port = await self._new()
        try:
            yield port
        finally:
            await port.close()

    async def close(self) -> None:
        """Close all ports, for good."""
        self.drop()
        if self._closing:  # a task that closes a port must not be cancelled
            await asyncio.wait(set(self._closing))
        await self._tasks.close()
        await self._mapper.close()

    def _take(self) -> PunchPort | None:
        port, self._port = self._port, None
        return port

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
