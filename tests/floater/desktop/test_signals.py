import os
import select
import signal
from collections.abc import Iterator, Sized
from functools import partial

import pytest

pytest.importorskip("PyQt6.QtCore")

from floater.desktop.signals import LEAVING, Signals
from tests.floater.desktop.conftest import Until


@pytest.fixture
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in LEAVING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("qt", "handlers")
def test_a_signal_wakes_the_loop_once(until: Until) -> None:
    came: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _frame: came.append(number))
    signals = Signals(lambda: None)
    try:
        os.kill(os.getpid(), signal.SIGUSR1)
        until(partial(_has, came, 1))
        until(lambda: not select.select([signals._ours], [], [], 0)[0])
    finally:
        signals.close()
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.usefixtures("qt", "handlers")
def test_every_signal_leaves_the_program(until: Until) -> None:
    assert signal.SIGHUP in LEAVING
    left: list[str] = []
    signals = Signals(lambda: left.append("left"))
    try:
        for count, number in enumerate(LEAVING, start=1):
            os.kill(os.getpid(), number)
            until(partial(_has, left, count))
    finally:
        signals.close()
    assert signal.set_wakeup_fd(-1) == -1, "the wake-up is given back"


def _has(left: Sized, count: int) -> bool:
    return len(left) == count
