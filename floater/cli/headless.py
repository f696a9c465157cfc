"""`floater headless`: the client for scripts. Commands on stdin; only replies and events on stdout."""

import asyncio
import os
from contextlib import suppress

from floater import api
from floater.bridge.lines import Lines
from floater.bridge.pipes import LineSink, LineSource
from floater.cli.run import on_signals
from floater.client import Client
from floater.config import ClientConfig
from floater.errors import FloaterError
from floater.tasks import Tasks


async def headless(config: ClientConfig) -> int:
    """Carry out the lines of stdin until their end, `quit`, or a signal.

    The log-in is kept only after `quit` and after a signal. If the reader closes
    the output, the input counts as ended.
    """
    client = Client(config, lambda event: lines.emit(event))
    stopped = asyncio.Event()
    on_signals(stopped.set)
    output = os.dup(1)
    os.dup2(2, 1)  # output of a library must not look like a reply
    source = LineSource(0)  # from here on `stop` has to be called, or stdin is left non-blocking
    sink = LineSink(output, gone=source.stop)
    lines = Lines(client, sink)
    tasks = Tasks()
    try:
        async with client:
            running = tasks.start(lines.run(source), "lines")
            stopping = tasks.start(stopped.wait(), "wait for a signal")
            await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
            keep = running.result() if running.done() else True
            await tasks.close()
            if not keep:
                with suppress(FloaterError):  # the person is not logged in
                    await client.do(api.LogOut())
    finally:
        await tasks.close()
        source.stop()
        await sink.close()
    return 0
