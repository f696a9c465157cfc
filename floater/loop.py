"""Makes the fastest event loop of this system, and hides differences between the loops."""

import asyncio
import importlib
import os
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

Result = TypeVar("Result")


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Make a loop that can watch sockets: uvloop's, or asyncio's own on systems without uvloop."""
    try:
        uvloop = importlib.import_module("uvloop")
    except ImportError:  # Windows
        return asyncio.SelectorEventLoop()
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory()


def open_standard_descriptors() -> None:
    """Open those of 0, 1 and 2 that our parent closed: if uvloop itself has one, it aborts the program.

    Each program has to call this before it opens anything.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    # Python found none of these as it started. What is printed to no stream at all goes to stdout, or raises.
    sys.stdout = sys.stdout or open(1, "w", errors="replace", closefd=False)
    sys.stderr = sys.stderr or open(2, "w", errors="replace", closefd=False)


def abort(transport: asyncio.WriteTransport) -> None:
    """Close a stream at once and send nothing more; nothing happens if it is over already."""
    with suppress(AttributeError):  # what asyncio's TLS raises then in Python 3.11.2, which Debian 12 has
        transport.abort()


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work` to its end on a loop of `new_event_loop`."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(work)
