"""Notices a page that hangs.

    OFF ──begin──▶ WATCHING ──a page that can answer does not for LIMIT──▶ hangs, OFF
     ▲────end─────────┘

The page is asked for a sign of life now and then; whatever it says counts as one.
"""

from collections.abc import Callable
from typing import Final

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from floater.desktop.safety import under_net

INTERVAL: Final = 2_000
"Milliseconds from one question to the next."
LIMIT: Final = 5
"Questions in a row without an answer after which the page hangs. A computer that sleeps asks none."


class Watchdog(QObject):
    """Watches the page from its first word on.

    Args:
        ask: asks the page for a sign of life; returns whether it could be asked now.
    """

    hangs = pyqtSignal()
    "The page does not answer. It is not watched any more."

    def __init__(self, ask: Callable[[], bool]) -> None:
        super().__init__()
        self._ask = ask
        self._unanswered = 0
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL)
        self._timer.timeout.connect(self._tick)

    def heard(self) -> None:
        """Note a sign of life; begin to watch if it is the first one."""
        self._unanswered = 0
        if not self._timer.isActive():
            self._timer.start()

    def end(self) -> None:
        """Watch no more until the page is heard again."""
        self._unanswered = 0
        self._timer.stop()

    @under_net
    def _tick(self) -> None:
        if self._unanswered >= LIMIT:
            self.end()
            self.hangs.emit()
        elif self._ask():
            self._unanswered += 1
