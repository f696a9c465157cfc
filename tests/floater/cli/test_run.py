import asyncio
import logging
import os
import signal

import pytest

from floater.cli.run import LEVELS, on_signals, run


@pytest.fixture(autouse=True)
def log_as_before() -> object:
    root = logging.getLogger("floater")
    before = root.level, list(root.handlers), root.propagate
    yield
    root.setLevel(before[0])
    root.handlers[:], root.propagate = before[1], before[2]


@pytest.mark.parametrize("level", LEVELS)
def test_the_exit_code_is_that_of_the_work(level: str) -> None:
    async def work() -> int:
        return 7

    assert run(work(), level) == 7


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.asyncio
async def test_a_signal_asks_to_leave(number: signal.Signals) -> None:
    left = asyncio.Event()
    on_signals(left.set)
    os.kill(os.getpid(), number)
    async with asyncio.timeout(30):
        await left.wait()
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().remove_signal_handler(each)
