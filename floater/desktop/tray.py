"""Tray and notifications. A notification says that something came, never from whom or what."""

from collections.abc import Callable
from typing import Final

from PyQt6.QtGui import QAction, QIcon
from PyQt6.QtWidgets import QMenu, QSystemTrayIcon, QWidget

from floater import api
from floater.desktop.safety import under_net

TELLING: Final[dict[type[api.Event], str]] = {
    api.Matched: "notify.matched",
    api.PeerGreeted: "notify.greeted",
    api.TextReceived: "notify.text",
    api.Offer: "notify.offer",
    api.TalkEnded: "notify.ended",
}
"The events that the person is notified of, and the keys of the sentences."


class Tray:
    """The icon beside the clock, where the system has a place for it.

    Args:
        icon: its picture.
        parent: the window.
        say: key of a sentence → the sentence.
        show: brings the window to the front; called by a click on the icon or a notification.
        hang_up: an entry of the menu, between these two.
        quit_: leaves the program.
    """

    def __init__(
        self,
        icon: QIcon,
        parent: QWidget,
        say: Callable[[str], str],
        show: Callable[[], None],
        hang_up: QAction,
        quit_: Callable[[], None],
    ) -> None:
        self._say = say
        self._menu = QMenu(parent)
        self._entries: dict[str, QAction] = {}
        for key, action in (("tray.show", show), ("tray.quit", quit_)):
            entry = self._entries[key] = QAction(self._menu)
            entry.triggered.connect(under_net(lambda _checked=False, action=action: action()))
            self._menu.addAction(entry)
        self._menu.insertAction(self._entries["tray.quit"], hang_up)
        self._icon = QSystemTrayIcon(icon, parent)
        self._icon.setToolTip("漂 FLOATER")
        self._icon.setContextMenu(self._menu)
        self._icon.activated.connect(under_net(lambda _reason: show()))
        self._icon.messageClicked.connect(under_net(lambda: show()))
        self.translate()
        if QSystemTrayIcon.isSystemTrayAvailable():
            self._icon.show()

    @under_net
    def translate(self) -> None:
        """Write the menu anew, in the language that `say` has now."""
        for key, entry in self._entries.items():
            entry.setText(self._say(key))

    def tell(self, event: api.Event) -> bool:
        """Notify about an event the person may have missed. Returns whether it is such an event."""
        key = TELLING.get(type(event))
        if key is None:
            return False
        if self._icon.isVisible():
            self._icon.showMessage("漂 FLOATER", self._say(key), self._icon.icon())
        return True
