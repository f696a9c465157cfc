"""The one window: its place, the number of unread messages, and what closing it means."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from PyQt6.QtCore import QEvent, QSettings
from PyQt6.QtGui import QCloseEvent, QGuiApplication, QHideEvent, QIcon
from PyQt6.QtWebEngineWidgets import QWebEngineView
from PyQt6.QtWidgets import QMainWindow

from floater.desktop.page import Page
from floater.desktop.safety import under_net

SMALLEST = (360, 480)
FIRST = (460, 760)


class Window(QMainWindow):
    """The page in its frame.

    Args:
        page: what it shows.
        place: an `.ini` file that remembers size and position.
        leave: called when the person closes it; returns whether it may close now.
        title: without the number of unread messages.
        icon: of the window.
    """

    def __init__(self, page: Page, place: Path, leave: Callable[[], bool], title: str, icon: QIcon) -> None:
        super().__init__()
        self._leave = leave
        self._title = title
        self._unread: Counter[str] = Counter()
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

    def note_unread(self, talk: str) -> None:
        """Count what came in this talk (empty: in none) while the window was not in front."""
        self._unread[talk] += 1
        self._show_unread()

    @under_net
    def come_front(self) -> None:
        """Show the window above all others."""
        self.showNormal() if self.isMinimized() else self.show()
        self.raise_()
        self.activateWindow()

    @under_net
    def changeEvent(self, event: QEvent | None) -> None:
        """Take the number off when the window comes to the front: it shows all talks that are on."""
        super().changeEvent(event)
        if event is not None and event.type() is QEvent.Type.ActivationChange and self.isActiveWindow():
            self._unread.clear()
            self._show_unread()

    @under_net
    def hideEvent(self, event: QHideEvent | None) -> None:
        """Remember the place: every end of the program hides the window first."""
        self._settings.setValue("geometry", self.saveGeometry())
        super().hideEvent(event)

    @under_net
    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Close only when the client has said goodbye."""
        assert event is not None
        event.setAccepted(self._leave())

    def _show_unread(self) -> None:
        count = self._unread.total()
        app = QGuiApplication.instance()
        assert isinstance(app, QGuiApplication)
        app.setBadgeNumber(count)
        self.setWindowTitle(f"({count}) {self._title}" if count else self._title)
