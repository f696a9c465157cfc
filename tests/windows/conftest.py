"""What windows need of the machine, asked once."""

import subprocess
import sys

import pytest

from hatch_build import PAGE


@pytest.fixture(scope="session", autouse=True)
def can_show_windows(pytestconfig: pytest.Config) -> None:
    """Leave the windows out where a library of the system is missing, and say which."""
    engine = [sys.executable, "-c", "import PyQt6.QtWebEngineWidgets"]
    tried = subprocess.run(engine, capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"windows cannot be shown here: {tried.stderr.strip().splitlines()[-1]}")
    if not (pytestconfig.rootpath / PAGE / "index.html").is_file():
        pytest.fail("the page is not built: python hatch_build.py")
