"""Operate the system's dialogs as a person would: `python -m tests.helpers.hand WISH` in place of `floater`.

At SIGUSR1 it types what is in the file WISH into the file dialog that is
open, or will be, and presses its button; if WISH is `press NAME`, it presses
the button of that name in the question that is open, else that entry of the
menu, and then removes WISH. At SIGUSR2 it copies that picture, as
another program would, so that it can be pasted. Both happen inside the
program, because without a screen no other process can reach its dialogs.
"""

import signal
import sys
from pathlib import Path
from typing import Final

from PyQt6.QtCore import QTimer
from PyQt6.QtGui import QAction, QGuiApplication, QImage
from PyQt6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QDialogButtonBox,
    QFileDialog,
    QLineEdit,
    QMessageBox,
)

from floater.__main__ import main

AGAIN: Final = 20
"Milliseconds after which it looks again whether a dialog is open."
PRESS: Final = "press "


class Hand:
    """Does what the file says."""

    def __init__(self, wish: Path) -> None:
        self._wish = wish
        signal.signal(signal.SIGUSR1, lambda _number, _frame: self.use())
        signal.signal(signal.SIGUSR2, lambda _number, _frame: self.copy())

    def use(self) -> None:
        """Type or press, as the wish says."""
        wish = self._wish.read_text("utf-8")
        if wish.startswith(PRESS):
            self.press(wish.removeprefix(PRESS))
        else:
            self.type()

    def press(self, name: str) -> None:
        """Press a button of a question, else an entry of a menu, that can be pressed."""
        named = [each for each in _pressable() if each.text() == name]
        if not named:
            QTimer.singleShot(AGAIN, lambda: self.press(name))
            return
        if isinstance(named[0], QAction):
            named[0].trigger()
        else:
            named[0].click()
        self._wish.unlink()

    def type(self) -> None:
        """Type a path into the dialog."""
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, QFileDialog):
            QTimer.singleShot(AGAIN, self.type)
            return
        field, buttons = dialog.findChild(QLineEdit), dialog.findChild(QDialogButtonBox)
        assert field is not None
        assert buttons is not None
        field.selectAll()
        field.insert(self._wish.read_text("utf-8"))
        buttons.buttons()[0].click()

    def copy(self) -> None:
        """Copy a picture."""
        clipboard = QGuiApplication.clipboard()
        assert clipboard is not None
        clipboard.setImage(QImage(self._wish.read_text("utf-8")))


def _pressable() -> list[QAbstractButton | QAction]:
    tops = QApplication.topLevelWidgets()
    boxes = [top for top in tops if isinstance(top, QMessageBox) and top.isVisible()]
    buttons: list[QAbstractButton | QAction] = [button for box in boxes for button in box.buttons()]
    actions = [action for top in tops for action in top.findChildren(QAction) if action.isEnabled()]
    return [*buttons, *actions]


if __name__ == "__main__":
    hand = Hand(Path(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
