import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from floater.codes import Code
from floater.errors import Unreachable
from floater.net.server_connect import open_server_stream
from floater.net.server_link import ALPN
from floater.net.server_stream import ServerStream
from floater.wire import control
from tests.helpers.scripted_server import WELCOME, Caller, Script, scripted_server

pytestmark = [pytest.mark.asyncio, pytest.mark.logs("the server broke the protocol")]

HELLO = control.Hello(versions=(1,), agent="test", language="en")


class Scene:
    """A stream, and what it reported."""

    def __init__(self) -> None:
        self.news: list[control.News] = []
        self.lost: list[Code] = []
        self.is_over = asyncio.Event()
        self.stream = ServerStream(self.news.append, self._lost)

    def _lost(self, stream: ServerStream, code: Code) -> None:
        assert stream is self.stream
        self.lost.append(code)
        self.is_over.set()

    async def end(self) -> Code:
        """Wait for the end of the stream."""
        async with asyncio.timeout(30):
            await self.is_over.wait()
        (code,) = self.lost
        return code


@asynccontextmanager
async def scene(script: Script) -> AsyncIterator[Scene]:
    async with scripted_server(script) as url:
        at = Scene()
        await open_server_stream(url, ALPN, lambda: at.stream)
        try:
            yield at
        finally:
            await at.stream.close()


async def test_it_greets_asks_and_ends_and_says_so_once() -> None:
    async def serve(caller: Caller) -> None:
        assert await caller.hear() == HELLO
        caller.say(WELCOME)
        caller.say(control.Done((await caller.request()).id))
        await caller.hear()

    async with scene(serve) as at:
        assert await at.stream.greet(HELLO) == WELCOME
        assert isinstance(await at.stream.request(control.Ping(1)), control.Done)
        await at.stream.close()
        at.stream.abort(Code.INTERNAL)
        assert await at.end() is at.stream.ended is Code.SERVER_UNREACHABLE
        with pytest.raises(Unreachable):
            await at.stream.request(control.Ping(1))


async def test_a_refused_hello_ends_it_with_the_reason() -> None:
    async def refuse(caller: Caller) -> None:
        await caller.hear()
        caller.say(control.Closing("busy", retry_after=3.0))
        await caller.hear()

    async with scene(refuse) as at:
        with pytest.raises(Unreachable) as unreachable:
            await at.stream.greet(HELLO)
        assert unreachable.value.code is await at.end() is Code.BUSY
        assert at.stream.closing == control.Closing("busy", 3.0)


async def test_another_first_message_than_a_welcome_is_a_fault() -> None:
    async def rave(caller: Caller) -> None:
        await caller.hear()
        caller.say(control.Notice("mail_delayed"))
        await caller.hear()

    async with scene(rave) as at:
        with pytest.raises(Unreachable) as unreachable:
            await at.stream.greet(HELLO)
        assert unreachable.value.code is await at.end() is Code.UNEXPECTED


async def test_what_a_request_waited_for_is_told_before_what_came_after_it() -> None:
    async def serve(caller: Caller) -> None:
        await caller.hear()
        caller.say(WELCOME)
        caller.say(control.Done((await caller.request()).id))
        caller.say(control.Notice("mail_delayed"))
        caller.say(control.Closing("server_closing"))
        caller.say(control.Refused("bad_frame", 0))
        await caller.hear()

    async with scene(serve) as at:
        await at.stream.greet(HELLO)
        await at.stream.request(control.Ping(1))
        assert await at.end() is Code.BAD_FRAME
        await asyncio.sleep(0)
        assert at.news == [control.Notice("mail_delayed"), control.Closing("server_closing")]
