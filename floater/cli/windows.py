"""`floater demo --windows`: open two windows of two people on this screen, ready to press 聊一聊."""

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from floater.cli.console import speakable
from floater.cli.playground import AN, BOB, PASSWORD, NoWindows, Playground
from floater.cli.run import on_signals
from floater.sentences import sentence
from floater.tasks import Tasks

PLACES: Final = ("460x760+60+60", "460x760+560+60")
"Geometries side by side, for systems that let a window choose its place."
BIRTH: Final = 10.0
"If both windows fail within so many seconds, they never opened."
GOODBYE: Final = 6.0
"Longest time, in seconds, for a window to close."


async def show_windows(language: str) -> int:
    """Open both windows; return when both are closed, or on Ctrl+C or SIGTERM.

    Raises:
        NoWindows: neither window opened.
    """
    spoken = speakable(language)
    stopped = asyncio.Event()
    on_signals(stopped.set)
    tasks = Tasks()
    async with Playground(language) as ground:
        await asyncio.gather(*(ground.move_in(person) for person in (AN, BOB)))
        windows = []
        began = time.monotonic()
        for person, place in zip((AN, BOB), PLACES, strict=True):
            log = ground.folder / f"{person.folder}.log"
            windows.append((await ground.start(ground.window(person, place), log, {}), log))
        print(sentence("demo.windows", spoken), flush=True)
        print(
            sentence("demo.accounts", spoken, one=AN.address, other=BOB.address, password=PASSWORD),
            flush=True,
        )
        closing = tasks.start(_closed([window for window, _ in windows]), "windows")
        stopping = tasks.start(stopped.wait(), "wait for a signal")
        try:
            await asyncio.wait((closing, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await asyncio.gather(*(_end(window) for window, _ in windows))
            await tasks.close()
        failed = [log for window, log in windows if window.returncode and not stopped.is_set()]
        if len(failed) == len(windows) and time.monotonic() - began < BIRTH:
            raise NoWindows(_last_line(failed[0]))
        for log in failed:
            print(sentence("demo.failed", spoken), _last_line(log), file=sys.stderr)
        return 1 if failed else 0


async def _closed(windows: list[asyncio.subprocess.Process]) -> None:
    await asyncio.gather(*(window.wait() for window in windows))


async def _end(window: asyncio.subprocess.Process) -> None:
    if window.returncode is not None:
        return
    with suppress(ProcessLookupError):
        os.kill(window.pid, signal.SIGTERM)  # terminate() would reap it before wait()
    try:
        async with asyncio.timeout(GOODBYE):
            await window.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            if hasattr(os, "killpg"):
                os.killpg(window.pid, signal.SIGKILL)
            else:
                window.kill()
        await window.wait()


def _last_line(log: Path) -> str:
    return (log.read_text("utf-8", "replace").strip().splitlines() or [""])[-1]
