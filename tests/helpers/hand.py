"""Operate the system's dialogs as a person would: `python -m tests.helpers.hand WISH` in place of `floater`.

At SIGUSR1 it types what is in the file WISH into the file dialog that is
open, or will be, and presses its button. At SIGUSR2 it copies that picture, as
another program would, so that it can be pasted. Both happen inside the
program, because without a screen no other process can reach its dialogs.
"""

import signal
import sys
from pathlib import Path
from typing import Final

from PyQt6.QtCore import QTimer
from PyQt6.QtGui import QGuiApplication, QImage
from PyQt6.QtWidgets import QApplication, QDialogButtonBox, QFileDialog, QLineEdit

from floater.__main__ import main

AGAIN: Final = 20
"Milliseconds after which it looks again whether a dialog is open."


class Hand:
    """Does what the file says."""

    def __init__(self, wish: Path) -> None:
        self._wish = wish
        signal.signal(signal.SIGUSR1, lambda _number, _frame: self.type())
        signal.signal(signal.SIGUSR2, lambda _number, _frame: self.copy())

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


if __name__ == "__main__":
    hand = Hand(Path(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
