"""Run a face in a terminal: a loop, a log on stderr, and a clean end on a signal."""

import asyncio
import logging
import os
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
    _open_standard_descriptors()
    set_up_log(logging.getLevelNamesMapping()[level.upper()])
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        log_loop_errors(runner.get_loop(), log)
        return runner.run(work)


def _open_standard_descriptors() -> None:
    """Open those of 0, 1 and 2 that our parent closed: if uvloop itself has one, it aborts the program."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free


def on_signals(leave: Callable[[], None]) -> None:
    """Call `leave` on Ctrl+C, SIGTERM and, where there is one, SIGHUP: the terminal was closed."""
    loop = asyncio.get_running_loop()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        with suppress(NotImplementedError, AttributeError):  # Windows; Ctrl+C cancels the main task there
            loop.add_signal_handler(getattr(signal, name), leave)
