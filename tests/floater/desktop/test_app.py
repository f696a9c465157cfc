from pathlib import Path

import pytest

from floater.lock import FolderLock
from tests.floater.desktop.conftest import run_script

pytest.importorskip("PyQt6.QtWebEngineWidgets")

ENDS = """
import sys
from pathlib import Path
from PyQt6.QtCore import QTimer
from floater.config import ClientConfig
from floater.desktop import app

config = ClientConfig(data_dir=Path(sys.argv[1]), server="", proxy="none")
began = app._Desktop.begin

def begin(self):
    self._core.happened.connect(lambda event: print(type(event).__name__, flush=True))
    self._speech.changed.connect(lambda: print(self._speech.language, flush=True))
    began(self)
    QTimer.singleShot(500, self.leave)

app._Desktop.begin = begin
print(app.run(config, (400, 500), (0, 0)))
"""

REFUSED = """
import sys
from pathlib import Path
from PyQt6.QtWidgets import QMessageBox
from floater.config import ClientConfig
from floater.desktop import app

QMessageBox.open = lambda self: (print(self.text()), self.finished.emit(0))
print(app.run(ClientConfig(data_dir=Path(sys.argv[1]), server="", proxy="none")))
"""


def test_it_begins_follows_the_client_and_ends_with_a_goodbye(tmp_path: Path) -> None:
    lines = run_script(ENDS, tmp_path)
    assert lines[-1] == "0"
    assert {"Ready", "StateChanged", "en"} <= set(lines)


def test_a_folder_that_is_in_use_is_said_so_and_is_the_exit_code(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    lock.take()
    lines = run_script(REFUSED, tmp_path)
    lock.give_back()
    assert lines[-1] == "2"
    assert "data" in lines[0] or "folder" in lines[0]
