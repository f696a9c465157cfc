from pathlib import Path

import pytest

from tests.floater.desktop.conftest import run_script

pytest.importorskip("PyQt6.QtWebEngineCore")

SCRIPT = """
import sys
from pathlib import Path
from PyQt6.QtGui import QCloseEvent, QIcon
from PyQt6.QtWebEngineCore import QWebEnginePage
from PyQt6.QtWidgets import QApplication
from floater.desktop.window import Window

qt = QApplication(sys.argv[:1])
place = Path(sys.argv[1])
left = []

def leave():
    left.append("left")
    return len(left) > 1

window = Window(QWebEnginePage(), place, leave, "FLOATER", QIcon())
for talk in ("a", "b", "a", ""):
    window.note_unread(talk)
    print(window.windowTitle())
window.show()
window.come_front()
qt.processEvents()
print(window.isActiveWindow(), window.windowTitle())
window.resize(520, 600)
print("closes", window.close(), window.close(), left)
again = Window(QWebEnginePage(), place, leave, "FLOATER", QIcon())
print(again.width(), again.height())
"""


def test_it_counts_by_talk_comes_front_leaves_politely_and_keeps_its_place(tmp_path: Path) -> None:
    assert run_script(SCRIPT, tmp_path / "window.ini") == [
        "(1) FLOATER",
        "(2) FLOATER",
        "(3) FLOATER",
        "(4) FLOATER",
        "True FLOATER",
        "closes False True ['left', 'left']",
        "520 600",
    ]
