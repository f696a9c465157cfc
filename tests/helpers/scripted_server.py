"""A server that does what a test says, frame by frame, over real TLS."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from floater.crypto.certificate import CertifiedKey, key_fingerprint, load_certified_key, make_certified_key
from floater.net.server_link import ALPN
from floater.wire import control
from floater.wire.codec import Message, encode
from floater.wire.control import CLIENT_MESSAGES
from floater.wire.frame import SERVER_LEG, FrameReader
from floater.wire.url import ServerUrl

WELCOME = control.Welcome(
    version=1, time=1_800_000_000.0, observers=(), observer_key="k", ticket_key=b"t" * 32
)


class Caller:
    """One client, as the server sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._frames = FrameReader(SERVER_LEG)
        self._heard: list[Message] = []

    async def hear(self) -> Message:
        """The next message; EOFError when the client has gone."""
        while not self._heard:
            data = await self._reader.read(65_536)
            if not data:
                raise EOFError
            self._heard += [CLIENT_MESSAGES.decode(frame) for frame in self._frames.feed(data)]
        return self._heard.pop(0)

    async def request(self) -> control.Request:
        """The next message, which has to be a request."""
        message = await self.hear()
        assert isinstance(message, control.Request)
        return message

    def say(self, message: Message) -> None:
        """Send a message."""
        self.writer.write(encode(message))


Script = Callable[[Caller], Awaitable[None]]


@asynccontextmanager
async def scripted_server(*scripts: Script, pin: bytes | None = None) -> AsyncIterator[ServerUrl]:
    """Each connection plays the next script; the last one again and again. Gives the address.

    A script that fails an assertion fails the test when the block ends.
    """
    server_key = make_certified_key("server")
    plays = list(scripts)
    running: set[asyncio.Task[None]] = set()
    failures: list[AssertionError] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        script = plays.pop(0) if len(plays) > 1 else plays[0]
        try:
            await script(Caller(reader, writer))
        except AssertionError as failure:
            failures.append(failure)
        except (EOFError, OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=_context(server_key))
    port = server.sockets[0].getsockname()[1]
    try:
        yield ServerUrl("127.0.0.1", port, pin or key_fingerprint(server_key.certificate))
    finally:
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await server.wait_closed()
    if failures:
        raise failures[0]


def _context(server_key: CertifiedKey) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols([ALPN])
    load_certified_key(context, server_key)
    return context
