"""`floater headless`: the client for scripts. Commands on stdin; replies and events alone on stdout."""

import asyncio
import os
from contextlib import suppress

from floater.bridge import api
from floater.bridge.lines import Lines, LineSink, LineSource
from floater.cli.run import on_signals
from floater.client import Client
from floater.config import ClientConfig
from floater.errors import FloaterError
from floater.tasks import Tasks


async def headless(config: ClientConfig) -> int:
    """Carry out the lines of stdin until they end (then log out), or `quit`, or a signal."""
    output = os.dup(1)
    os.dup2(2, 1)  # whatever some library prints must not pass for a reply
    stopped = asyncio.Event()
    sink = LineSink(output, gone=stopped.set)
    client = Client(config, lambda event: lines.emit(event))
    lines = Lines(client, sink.write)
    on_signals(stopped.set)
    tasks = Tasks()
    try:
        async with client:
            running = tasks.start(lines.run(LineSource(0)), "lines")
            stopping = tasks.start(stopped.wait(), "wait for a signal")
            await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
            ended_by_quit = stopped.is_set() or running.result()
            await tasks.close()
            if not ended_by_quit:
                with suppress(FloaterError):  # nobody is logged in
                    await client.do(api.LogOut())
    finally:
        await tasks.close()
        await sink.close()
    return 0
