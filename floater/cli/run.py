"""Run a face in a terminal: a loop, a log on stderr, and a clean end on a signal."""

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from floater.log import log_loop_errors, set_up_log
from floater.loop import new_event_loop

log = logging.getLogger("floater.cli")

LEVELS: Final = ("debug", "info", "warning", "error")


def run(work: Coroutine[Any, Any, int], level: str) -> int:
    """Run a face on the fastest loop of this system, and return its exit code."""
    set_up_log(logging.getLevelNamesMapping()[level.upper()])
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        log_loop_errors(runner.get_loop(), log)
        return runner.run(work)


def on_signals(leave: Callable[[], None]) -> None:
    """Call `leave` on Ctrl+C, SIGTERM and, where there is one, SIGHUP: the terminal was closed."""
    loop = asyncio.get_running_loop()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        with suppress(NotImplementedError, AttributeError):  # Windows; Ctrl+C cancels the main task there
            loop.add_signal_handler(getattr(signal, name), leave)
