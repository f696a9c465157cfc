"""Two people in this process, each with a real client, and a real server in another."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeVar

from floater import api
from floater.client.client import Client
from floater.config import ClientConfig
from tests.helpers.headless import Server

PASSWORD = "correct horse battery staple"
DEADLINE = 20.0

AnyEvent = TypeVar("AnyEvent", bound=api.Event)


class Someone:
    """A client whose events can be waited for."""

    def __init__(self, server: Server, folder: Path, name: str) -> None:
        self.name = name
        self.heard: asyncio.Queue[tuple[float, api.TextReceived]] = asyncio.Queue()
        "Texts, and when (`time.perf_counter`) each was told."
        self.delivered = 0
        self._server = server
        self._changed = asyncio.Event()
        self._events: list[api.Event] = []
        self.client = Client(ClientConfig(data_dir=folder / name, server=server.url), self._emit)

    def _emit(self, event: api.Event) -> None:
        if isinstance(event, api.TextReceived):
            self.heard.put_nowait((time.perf_counter(), event))
        elif isinstance(event, api.Delivered):
            self.delivered += 1
        elif not isinstance(event, api.Progress | api.Said):
            self._events.append(event)
            self._changed.set()

    async def event(self, kind: type[AnyEvent], **fields: object) -> AnyEvent:
        """Wait for an event; it and everything before it is forgotten then."""
        async with asyncio.timeout(DEADLINE):
            while True:
                for at, event in enumerate(self._events):
                    if isinstance(event, kind) and all(getattr(event, k) == v for k, v in fields.items()):
                        del self._events[: at + 1]
                        return event
                self._changed.clear()
                await self._changed.wait()

    async def at(self, state: api.State) -> None:
        """Wait until the person stands there."""
        await self.event(api.StateChanged, state=state)

    async def come_home(self) -> None:
        """Sign up, activate, log in."""
        address = f"{self.name}@example.org"
        await self._reach()
        await self.client.do(api.SignUp(address, self.name, PASSWORD, True))
        code = await self._server.mailed_code(address)
        await self.client.do(api.Activate(address, code))
        await self.client.do(api.LogIn(address, PASSWORD))
        await self.at(api.State.HOME)

    async def _reach(self) -> None:
        async with asyncio.timeout(DEADLINE):
            while not (await self.event(api.Online)).online:
                pass


@asynccontextmanager
async def two_at_home() -> AsyncIterator[tuple[Someone, Someone]]:
    """A server and two people who have logged in."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="floater-bench-")))
        server = await stack.enter_async_context(Server(folder / "server"))
        both = Someone(server, folder, "ann"), Someone(server, folder, "bob")
        for someone in both:
            await stack.enter_async_context(someone.client)
        await asyncio.gather(*(someone.come_home() for someone in both))
        yield both


@asynccontextmanager
async def two_talking() -> AsyncIterator[tuple[Someone, Someone, str]]:
    """Two people who have greeted each other, and the kind of their path."""
    async with two_at_home() as (ann, bob):
        await asyncio.gather(*(someone.client.do(api.Seek()) for someone in (ann, bob)))
        kind = (await ann.event(api.Path)).kind
        await bob.event(api.Path)
        await asyncio.gather(*(someone.client.do(api.Greet()) for someone in (ann, bob)))
        await asyncio.gather(*(someone.at(api.State.TALKING) for someone in (ann, bob)))
        yield ann, bob, kind.value
