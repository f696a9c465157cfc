"""Hang up without the page: an action of the window itself, which works when the page does not."""

from collections.abc import Callable
from typing import Final

from PyQt6.QtCore import QObject, Qt
from PyQt6.QtGui import QAction, QKeySequence
from PyQt6.QtWidgets import QMessageBox, QWidget

from floater import api
from floater.desktop.channel import Do
from floater.desktop.safety import under_net

KEYS: Final = "Ctrl+Shift+H"
_ON: Final = (api.Standing.CONNECTING, api.Standing.GREETING, api.Standing.OPEN)
_WITHOUT_A_STRANGER: Final = (api.State.SIGNED_OUT, api.State.HOME, api.State.SEEKING)


class HangUp(QObject):
    """Knows which talks are on, asks once, and ends the newest one.

    Args:
        parent: the window; `KEYS` in it ask.
        say: key of a sentence → the sentence.
        core: carries out commands of `floater.api`.
    """

    def __init__(self, parent: QWidget, say: Callable[[str], str], core: Do) -> None:
        super().__init__(parent)
        self.action = QAction(parent)
        "For menus; enabled while a talk is on."
        self._parent = parent
        self._say = say
        self._core = core
        self._on: list[str] = []
        self._stranger = ""
        self._box: QMessageBox | None = None
        self.action.setShortcut(QKeySequence(KEYS))
        self.action.setShortcutContext(Qt.ShortcutContext.ApplicationShortcut)
        self.action.setEnabled(False)
        self.action.triggered.connect(self.ask)
        parent.addAction(self.action)
        self.translate()

    @under_net
    def translate(self) -> None:
        """Write the action anew, in the language that `say` has now."""
        self.action.setText(self._say("tray.hang_up"))

    @under_net
    def note(self, event: api.Event) -> None:
        """Learn from an event which talks are on."""
        match event:
            case api.Matched(talk=talk):
                self._stranger = talk
                self._begun(talk)
            case api.TalkChanged(talk=talk, standing=standing) if standing in _ON:
                self._begun(talk)
            case api.TalkChanged(talk=talk) | api.TalkEnded(talk=talk):
                self._over(talk)
            case api.StateChanged(state) if state in _WITHOUT_A_STRANGER:
                self._over(self._stranger)
        self.action.setEnabled(bool(self._on))

    @under_net
    def ask(self) -> None:
        """Ask whether to hang up, in a dialog of the system."""
        if not self._on:
            return
        if self._box is not None:
            self._box.done(0)
        box = self._make_box(QMessageBox.Icon.Question, "dialog.hang_up")
        self._add_hang_up(box, self._on[-1])
        box.setDefaultButton(box.addButton(self._say("dialog.stay"), QMessageBox.ButtonRole.RejectRole))
        box.open()

    @under_net
    def page_failed(self) -> None:
        """Tell the person that the page is loaded again, and offer to hang up while a talk is on."""
        if self._box is not None:
            return
        box = self._make_box(QMessageBox.Icon.Warning, "dialog.page_failed")
        box.setDefaultButton(box.addButton(self._say("dialog.go_on"), QMessageBox.ButtonRole.RejectRole))
        if self._on:
            self._add_hang_up(box, self._on[-1])
        box.setWindowModality(Qt.WindowModality.NonModal)  # the page may be back before it is read
        box.show()

    def _begun(self, talk: str) -> None:
        if talk not in self._on:
            self._on.append(talk)

    def _over(self, talk: str) -> None:
        if talk in self._on:
            self._on.remove(talk)

    def _make_box(self, icon: QMessageBox.Icon, key: str) -> QMessageBox:
        box = self._box = QMessageBox(icon, "漂 FLOATER", self._say(key), parent=self._parent)
        box.finished.connect(under_net(lambda: self._closed(box)))
        return box

    def _closed(self, box: QMessageBox) -> None:
        if self._box is box:
            self._box = None
        box.deleteLater()

    def _add_hang_up(self, box: QMessageBox, talk: str) -> None:
        button = box.addButton(self._say("tray.hang_up"), QMessageBox.ButtonRole.DestructiveRole)
        assert button is not None
        button.clicked.connect(under_net(lambda: self._core(api.HangUp(talk=talk), lambda _: None)))
