"""Ctrl+C, SIGTERM and the end of the terminal end the program politely."""

import signal
import socket
from collections.abc import Callable
from typing import Final

from PyQt6.QtCore import QSocketNotifier
from PyQt6.sip import voidptr

from floater.desktop.safety import under_net

LEAVING: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"Windows has no SIGHUP."


class Signals:
    """Calls `leave` on SIGINT, SIGTERM and SIGHUP until `close`.

    Python handles a signal only while its own code runs. The wake-up descriptor makes Qt's loop run some.
    """

    def __init__(self, leave: Callable[[], None]) -> None:
        self._ours, theirs = socket.socketpair()
        self._theirs = theirs
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.fileno())
        for number in LEAVING:
            signal.signal(number, under_net(lambda _number, _frame: leave()))
        self._notifier = QSocketNotifier(voidptr(self._ours.fileno()), QSocketNotifier.Type.Read)
        self._notifier.activated.connect(under_net(lambda: self._ours.recv(64)))

    def close(self) -> None:
        """Wake Qt's loop no more."""
        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(-1)
        self._ours.close()
        self._theirs.close()
