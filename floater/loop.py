"""The fastest event loop there is on this system."""

import asyncio
import importlib
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Make a loop that can watch sockets: uvloop's, or asyncio's own where there is none."""
    try:
        uvloop = importlib.import_module("uvloop")
    except ImportError:  # Windows
        return asyncio.SelectorEventLoop()
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory()


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work` on such a loop to its end."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(work)
