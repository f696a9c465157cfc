"""Qt without a screen, in the process of the tests; what needs a browser runs in a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

ENVIRONMENT = {
    "QT_QPA_PLATFORM": "offscreen",
    "QTWEBENGINE_CHROMIUM_FLAGS": "--no-sandbox --disable-gpu",
    "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    "LANG": "en_US.UTF-8",
    "LC_ALL": "en_US.UTF-8",
}
PATIENCE = 30.0
"Seconds that Qt may take to come to something."


class Until(Protocol):
    def __call__(self, holds: Callable[[], Any]) -> None: ...


@pytest.fixture(scope="session")
def qt() -> Any:
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    widgets = pytest.importorskip("PyQt6.QtWidgets")
    return widgets.QApplication.instance() or widgets.QApplication(["tests"])


@pytest.fixture
def until(qt: Any) -> Until:
    """Let Qt work until something holds."""

    def work(holds: Callable[[], Any]) -> None:
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end, "it did not come to that"
            qt.processEvents()
            time.sleep(0.001)

    return work


def run_script(script: str, *args: str | Path) -> list[str]:
    """Run a script with a browser in it. Returns the lines that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, args)],
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()
