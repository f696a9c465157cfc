"""The desktop program, in its order of starting.

1. The scheme is registered, because that must come before the QApplication.
2. If the program already runs for this data folder, that one comes to the front and this one ends.
3. Channel, scheme, page, window and tray are made and tied together.
4. The core starts in its own thread, and the window is shown.
5. On the way out the core says goodbye to the peer and the server, within a bound.
"""

import sys
from pathlib import Path
from typing import Final

from PyQt6.QtCore import QTimer
from PyQt6.QtGui import QIcon
from PyQt6.QtWidgets import QApplication, QMessageBox

from floater import api
from floater.codes import Code
from floater.config import ClientConfig
from floater.desktop import safety, scheme
from floater.desktop.channel import Channel
from floater.desktop.core_thread import CoreThread
from floater.desktop.files import Files
from floater.desktop.hang_up import HangUp
from floater.desktop.page import Page, make_profile
from floater.desktop.safety import under_net
from floater.desktop.shell import Shell
from floater.desktop.signals import Signals
from floater.desktop.single import Single
from floater.desktop.speech import Speech
from floater.desktop.tray import Tray
from floater.desktop.window import Window

CANNOT_START: Final = 2
"Exit code."
GOODBYE: Final = 3.0
"Seconds that a goodbye may take before the program ends all the same."


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
    single = Single(config.data_dir)
    if single.is_second():
        return 0
    desktop = _Desktop(qt, config)
    single.on_second(desktop.window.come_front)
    if size is not None:
        desktop.window.resize(*size)
    if place is not None:
        desktop.window.move(*place)
    signals = Signals(desktop.leave)
    desktop.begin()
    code = qt.exec()
    signals.close()
    single.close()
    return code


class _Desktop:
    """Everything that lives as long as the program."""

    def __init__(self, qt: QApplication, config: ClientConfig) -> None:
        self._qt = qt
        self._leaving = False
        self._core = CoreThread(config)
        self._speech = Speech(self._core.do)
        self._files = Files(config.data_dir / "staging")
        self._files.clear()
        self._core.failed.connect(self._fail)
        safety.install(self._core.failed.emit)
        self._shell = Shell(self._speech.do, self._speech.say, self._files)
        self._channel = Channel(self._speech.do, self._shell.do)
        self._handler = scheme.SchemeHandler(self._files.picture, self._files.upload)
        icon = QIcon(str(Path(__file__).with_name("icon.svg")))
        self._profile = make_profile(self._handler, qt)
        self._page = Page(self._profile, self._channel, qt)
        self.window = Window(self._page, config.data_dir / "window.ini", self._leave, "漂 FLOATER", icon)
        self._shell.parent = self.window
        hang_up = HangUp(self.window, self._speech.say, self._core.do)  # the window keeps it
        self._page.failed.connect(hang_up.page_failed)
        self._tray = Tray(
            icon, self.window, self._speech.say, self.window.come_front, hang_up.action, self.leave
        )
        self._speech.changed.connect(hang_up.translate)
        self._speech.changed.connect(self._tray.translate)
        self._core.happened.connect(self._note)
        self._core.happened.connect(hang_up.note)
        self._core.refused.connect(self._explain)
        self._core.ended.connect(under_net(lambda: self._finish()))

    def begin(self) -> None:
        """Start the core and show the window."""
        self._core.start()
        self._speech.ask()
        self._page.begin()
        self.window.show()

    def leave(self) -> None:
        """Say goodbye, then end the program."""
        self._leave()

    @under_net
    def _note(self, event: api.Event) -> None:
        self._channel.tell(event)
        self._files.note(event)
        if not self.window.isActiveWindow() and self._tray.tell(event):
            self.window.note_unread(event.talk if isinstance(event, api.TalkEvent) else "")

    def _leave(self) -> bool:
        if not self._leaving:
            self._leaving = True
            self.window.hide()
            self._core.stop()
            QTimer.singleShot(int(GOODBYE * 1000), under_net(lambda: self._finish()))
        return False

    @under_net
    def _fail(self, code: Code) -> None:
        self._channel.tell(api.Notice(code.value, self._speech.say(f"code.{code.value}")))

    @under_net
    def _explain(self, error: api.Error) -> None:
        """Say why there is no client, and end with the exit code of every face that cannot start."""
        sys.stderr.write(f"floater: {error.message}\n")
        self._core.ended.disconnect()
        box = QMessageBox(QMessageBox.Icon.Warning, "漂 FLOATER", error.message, parent=self.window)
        box.finished.connect(under_net(lambda _button: self._finish(CANNOT_START)))
        box.open()

    def _finish(self, code: int = 0) -> None:
        self._files.clear()
        self._page.deleteLater()
        QTimer.singleShot(0, under_net(lambda: self._qt.exit(code)))
