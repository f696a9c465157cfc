"""The one window: where it stood last time, how many words are unread, and what a close means."""

from collections.abc import Callable
from pathlib import Path

from PyQt6.QtCore import QEvent, QSettings
from PyQt6.QtGui import QCloseEvent, QGuiApplication, QHideEvent, QIcon
from PyQt6.QtWebEngineWidgets import QWebEngineView
from PyQt6.QtWidgets import QMainWindow

from floater.desktop.page import Page

SMALLEST = (360, 480)
FIRST = (460, 760)


class Window(QMainWindow):
    """The page in its frame.

    Args:
        page: what it shows.
        place: an `.ini` file that remembers size and position.
        leave: called when the person closes it; says whether it may close now.
        title: without the number of unread words.
    """

    def __init__(self, page: Page, place: Path, leave: Callable[[], bool], title: str, icon: QIcon) -> None:
        super().__init__()
        self._leave = leave
        self._title = title
        self._unread = 0
        self._settings = QSettings(str(place), QSettings.Format.IniFormat)
        self._view = QWebEngineView(self)
        self._view.setPage(page)
        self.setCentralWidget(self._view)
        self.setMinimumSize(*SMALLEST)
        self.resize(*FIRST)
        self.setWindowIcon(icon)
        self.setWindowTitle(title)
        if (place_before := self._settings.value("geometry")) is not None:
            self.restoreGeometry(place_before)

    def note_unread(self) -> None:
        """Something came while the person looked elsewhere."""
        self._show_unread(self._unread + 1)

    def come_front(self) -> None:
        """Show the window, whatever hides it."""
        self.showNormal() if self.isMinimized() else self.show()
        self.raise_()
        self.activateWindow()

    def changeEvent(self, event: QEvent | None) -> None:
        """Take the badge off once the person looks."""
        super().changeEvent(event)
        if event is not None and event.type() is QEvent.Type.ActivationChange and self.isActiveWindow():
            self._show_unread(0)

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Remember the place: whatever ends the program, it hides the window first."""
        self._settings.setValue("geometry", self.saveGeometry())
        super().hideEvent(event)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Close only when the client has said goodbye."""
        assert event is not None
        event.setAccepted(self._leave())

    def _show_unread(self, count: int) -> None:
        self._unread = count
        app = QGuiApplication.instance()
        assert isinstance(app, QGuiApplication)
        app.setBadgeNumber(count)
        self.setWindowTitle(f"({count}) {self._title}" if count else self._title)
