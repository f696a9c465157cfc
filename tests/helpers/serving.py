"""A small server for a test, gone without a trace when the block ends."""

import asyncio
import contextlib
import ssl as tls
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

Handler: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(
    handle: Handler, *, host: str = "127.0.0.1", ssl: tls.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve every connection with `handle`, and close it afterwards; yields the port."""
    writers: set[asyncio.StreamWriter] = set()
    running: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        writers.add(writer)
        running.add(task)
        try:
            await handle(reader, writer)
        except (OSError, EOFError):
            pass
        finally:
            running.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, host, 0, ssl=ssl)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for _ in range(3):
            for writer in writers:
                # Python 3.11.2 has nothing left to abort of a TLS transport that was closed twice.
                with contextlib.suppress(AttributeError):
                    writer.transport.abort()
            await asyncio.gather(*(task for task in running if task is not None), return_exceptions=True)
            await asyncio.sleep(0)
        await server.wait_closed()
