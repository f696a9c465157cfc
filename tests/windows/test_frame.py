"""What the frame around the page tells: that something came, how often, and never what or from whom."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from floater.desktop.tray import TELLING
from floater.sentences import sentence

SCRIPT = """
import sys
from pathlib import Path
from PyQt6.QtGui import QIcon
from PyQt6.QtWebEngineCore import QWebEnginePage
from PyQt6.QtWidgets import QApplication, QWidget
from floater.desktop.window import Window

qt = QApplication(sys.argv[:1])
window = Window(QWebEnginePage(), Path(sys.argv[1]), lambda: True, "FLOATER", QIcon())
print(window.windowTitle())
for _ in range(2):
    window.note_unread("a talk")
    print(window.windowTitle())
window.show()
window.come_front()
qt.processEvents()
print(window.isActiveWindow(), window.windowTitle())
"""


def test_what_came_elsewhere_is_counted_until_the_person_looks(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "window.ini")],
        env={
            **os.environ,
            "QT_QPA_PLATFORM": "offscreen",
            "QTWEBENGINE_CHROMIUM_FLAGS": "--no-sandbox --disable-gpu",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines() == ["FLOATER", "(1) FLOATER", "(2) FLOATER", "True FLOATER"], done.stderr


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_a_notice_has_no_place_for_a_name_or_a_word(language: str) -> None:
    for key in TELLING.values():
        words = sentence(key, language)
        assert words != key
        assert "{" not in words
