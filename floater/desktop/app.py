"""The desktop program, in its order of starting.

1. The scheme is registered, because that must come before the QApplication.
2. If the program already runs for this data folder, that one comes to the front and this one ends.
3. The core starts in its own thread.
4. Door, scheme, page, window and tray are made and tied together.
5. On the way out the core says goodbye to the peer and the server, within a bound.
"""

import hashlib
import json
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from PyQt6.QtCore import QSocketNotifier, QTimer
from PyQt6.QtGui import QIcon
from PyQt6.QtNetwork import QLocalServer, QLocalSocket
from PyQt6.QtWidgets import QApplication, QMessageBox
from PyQt6.sip import voidptr

from floater import api
from floater.config import ClientConfig
from floater.desktop import scheme
from floater.desktop.core_thread import CoreThread
from floater.desktop.door import Door
from floater.desktop.page import Page, make_profile
from floater.desktop.shell import Shell, encode
from floater.desktop.tray import Tray
from floater.desktop.window import Window
from floater.sentences import sentence
from floater.store.settings import SettingsFile

CANNOT_START: Final = 2
"Exit code."
GOODBYE: Final = 3.0
"Seconds that a goodbye may take before the program ends all the same."
_FOREIGN: Final = '"reply":"shell-'


def run(
    config: ClientConfig, size: tuple[int, int] | None = None, place: tuple[int, int] | None = None
) -> int:
    """Run the window until it is closed. Returns the exit code.

    Args:
        config: the knobs of the client.
        size: width and height of the window in pixels; None: as it was last time.
        place: its left and upper edge on the screen, where the system lets a window choose.
    """
    scheme.register()
    qt = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(qt, QApplication)
    qt.setApplicationName("FLOATER")
    qt.setDesktopFileName("floater")
    qt.setQuitOnLastWindowClosed(False)
    single = _Single(config.data_dir)
    if single.is_second():
        return 0
    desktop = _Desktop(qt, config)
    single.on_second(desktop.window.come_front)
    if size is not None:
        desktop.window.resize(*size)
    if place is not None:
        desktop.window.move(*place)
    signals = _Signals(desktop.leave)
    desktop.begin()
    code = qt.exec()
    signals.close()
    return code


class _Desktop:
    """Everything that lives as long as the program."""

    def __init__(self, qt: QApplication, config: ClientConfig) -> None:
        self._qt = qt
        self._asked: dict[str, Callable[[dict[str, Any]], None]] = {}
        self._leaving = False
        language = SettingsFile(config.data_dir).language

        def say(key: str) -> str:
            return sentence(key, language)

        self._say = say

        self._core = CoreThread(config)
        self._shell = Shell(self._ask, say, config.data_dir / "staging")
        self._shell.clear()
        self._door = Door(self._core.send, self._do_here)
        self._handler = scheme.SchemeHandler(self._shell.picture, self._shell.upload)
        icon = QIcon(str(Path(__file__).with_name("icon.svg")))
        self._profile = make_profile(self._handler, qt)
        self._page = Page(self._profile, self._door, qt)
        self.window = Window(self._page, config.data_dir / "window.ini", self._leave, "漂 FLOATER", icon)
        self._shell.parent = self.window
        self._tray = Tray(icon, self.window, say, self.window.come_front, self.leave)
        self._core.line.connect(self._from_core)
        self._core.happened.connect(self._note)
        self._core.refused.connect(self._explain)
        self._core.ended.connect(self._finish)

    def begin(self) -> None:
        """Start the core and show the window."""
        self._core.start()
        self._page.begin()
        self.window.show()

    def _do_here(
        self, command: Any, reply: Callable[[Any], None], refuse: Callable[[dict[str, Any]], None]
    ) -> None:
        self._shell.do(command, reply, refuse)

    def _ask(self, command: dict[str, Any], hear: Callable[[dict[str, Any]], None]) -> None:
        number = f"shell-{len(self._asked) + 1}-{id(hear)}"
        self._asked[number] = hear
        self._core.send(encode(command, number))

    def _from_core(self, line: str) -> None:
        if line.startswith("{" + _FOREIGN):
            answer = json.loads(line)
            if (hear := self._asked.pop(answer["reply"], None)) is not None:
                hear(answer)
            return
        self._door.tell(line)

    def _note(self, event: api.Event) -> None:
        self._shell.note(event)
        if not self.window.isActiveWindow() and self._tray.tell(event):
            self.window.note_unread()

    def leave(self) -> None:
        """Say goodbye, then end the program."""
        self._leave()

    def _leave(self) -> bool:
        if not self._leaving:
            self._leaving = True
            self.window.hide()
            self._core.stop()
            QTimer.singleShot(int(GOODBYE * 1000), self._finish)
        return False

    def _explain(self, code: str) -> None:
        """Say why there is no client, and end with the exit code of every face that cannot start."""
        words = self._say(f"code.{code}")
        sys.stderr.write(f"floater: {words}\n")
        self._core.ended.disconnect(self._finish)
        box = QMessageBox(QMessageBox.Icon.Warning, "漂 FLOATER", words, parent=self.window)
        box.finished.connect(lambda _button: self._qt.exit(CANNOT_START))
        box.open()

    def _finish(self) -> None:
        self._shell.clear()
        self._page.deleteLater()
        QTimer.singleShot(0, self._qt.quit)


class _Signals:
    """Ctrl+C and SIGTERM say goodbye, too. Python handles a signal only when it runs; the wake-up lets it."""

    def __init__(self, leave: Callable[[], None]) -> None:
        self._ours, theirs = socket.socketpair()
        self._theirs = theirs
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.fileno())
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda _number, _frame: leave())
        self._notifier = QSocketNotifier(voidptr(self._ours.fileno()), QSocketNotifier.Type.Read)
        self._notifier.activated.connect(lambda: self._ours.recv(64))

    def close(self) -> None:
        """Handle no more signals."""
        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(-1)
        self._ours.close()
        self._theirs.close()


class _Single:
    """One program for one data folder."""

    def __init__(self, data_dir: Path) -> None:
        self._name = "floater-" + hashlib.sha256(str(data_dir.resolve()).encode()).hexdigest()[:24]
        self._server = QLocalServer()
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)

    def is_second(self) -> bool:
        """Whether another one runs; it is then told to come to the front."""
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if socket.waitForConnected(500):
            socket.disconnectFromServer()
            return True
        QLocalServer.removeServer(self._name)
        self._server.listen(self._name)
        return False

    def on_second(self, come_front: Callable[[], None]) -> None:
        """Call `come_front` whenever a second one is started."""

        def come() -> None:
            while (socket := self._server.nextPendingConnection()) is not None:
                socket.deleteLater()
            come_front()

        self._server.newConnection.connect(come)
