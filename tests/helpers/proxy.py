"""A tiny HTTP proxy that understands CONNECT."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from floater.net.server_door import Proxy
from tests.helpers.serving import serving


@dataclass
class TinyProxy:
    """Its place, and the requests it was sent."""

    proxy: Proxy
    requests: list[str] = field(default_factory=list)


@contextlib.asynccontextmanager
async def tiny_proxy(answer: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> AsyncIterator[TinyProxy]:
    """Run it on loopback; it tunnels if it answers 200, and hangs up otherwise."""
    state = TinyProxy(Proxy("127.0.0.1", 0))

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        state.requests.append(request)
        writer.write(answer)
        if answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"\r\n\r\n"):
            host, _, port = request.split()[1].rpartition(":")
            there = await asyncio.open_connection(host, int(port))
            await asyncio.gather(pipe(reader, there[1]), pipe(there[0], writer))

    async with serving(serve) as port:
        state.proxy = Proxy("127.0.0.1", port)
        yield state
