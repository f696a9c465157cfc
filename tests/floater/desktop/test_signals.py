import os
import signal
from collections.abc import Iterator
from functools import partial

import pytest

pytest.importorskip("PyQt6.QtCore")

from floater.desktop.signals import Signals
from tests.floater.desktop.conftest import Until


@pytest.fixture
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("qt", "handlers")
def test_both_signals_leave_the_program(until: Until) -> None:
    left: list[str] = []
    signals = Signals(lambda: left.append("left"))
    try:
        for count, number in enumerate((signal.SIGINT, signal.SIGTERM), start=1):
            os.kill(os.getpid(), number)
            until(partial(_has, left, count))
    finally:
        signals.close()
    assert signal.set_wakeup_fd(-1) == -1, "the wake-up is given back"


def _has(left: list[str], count: int) -> bool:
    return len(left) == count
