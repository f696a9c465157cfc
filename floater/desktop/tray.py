"""Tray and notices. A notice says that something came, never from whom or what."""

from collections.abc import Callable

from PyQt6.QtGui import QAction, QIcon
from PyQt6.QtWidgets import QMenu, QSystemTrayIcon, QWidget

from floater import api

_TELLING = {
    api.Matched: "notify.matched",
    api.PeerGreeted: "notify.greeted",
    api.TextReceived: "notify.text",
    api.Offer: "notify.offer",
    api.TalkEnded: "notify.ended",
}


class Tray:
    """The icon beside the clock, where the system has a place for it.

    Args:
        say: key of a sentence → the sentence.
        show: bring the window to the front.
        quit_: leave the program.
    """

    def __init__(
        self,
        icon: QIcon,
        parent: QWidget,
        say: Callable[[str], str],
        show: Callable[[], None],
        quit_: Callable[[], None],
    ) -> None:
        self._say = say
        self._menu = QMenu(parent)
        for key, action in (("tray.show", show), ("tray.quit", quit_)):
            entry = QAction(say(key), self._menu)
            entry.triggered.connect(lambda _checked=False, action=action: action())
            self._menu.addAction(entry)
        self._icon = QSystemTrayIcon(icon, parent)
        self._icon.setToolTip("漂 FLOATER")
        self._icon.setContextMenu(self._menu)
        self._icon.activated.connect(lambda _reason: show())
        self._icon.messageClicked.connect(show)
        if QSystemTrayIcon.isSystemTrayAvailable():
            self._icon.show()

    def tell(self, event: api.Event) -> bool:
        """Notify about an event the person may have missed; says whether it is one."""
        key = _TELLING.get(type(event))
        if key is None:
            return False
        if self._icon.isVisible():
            self._icon.showMessage("漂 FLOATER", self._say(key), self._icon.icon())
        return True
