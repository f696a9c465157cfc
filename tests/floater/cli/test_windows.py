"""Two real windows are opened in tests/windows/test_demo.py; here is what happens when none comes."""

import asyncio
import sys
from pathlib import Path

import pytest

from floater.cli.playground import NoWindows, Playground
from floater.cli.windows import show_windows

pytestmark = pytest.mark.asyncio


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What is run in place of the windows, in their order."""
    scripts: list[str] = []
    really_start = Playground.start

    async def start(
        self: Playground, argv: list[str], log: Path, extra: dict[str, str]
    ) -> asyncio.subprocess.Process:
        return await really_start(self, [sys.executable, "-c", scripts.pop(0)], log, extra)

    monkeypatch.setattr(Playground, "start", start)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    return scripts


FAILS = "import sys; print('no display'); sys.exit(1)"


async def test_when_both_fail_at_once_there_are_no_windows_here(programs: list[str], tmp_path: Path) -> None:
    programs += [FAILS, FAILS]
    with pytest.raises(NoWindows, match="no display"):
        await show_windows("en")
    assert list(tmp_path.iterdir()) == []


async def test_one_that_fails_is_the_exit_code_and_is_told(
    programs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    programs += [FAILS, "pass"]
    assert await show_windows("en") == 1
    assert "no display" in capsys.readouterr().err


async def test_closed_windows_end_it(programs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    programs += ["pass", "pass"]
    assert await show_windows("en") == 0
    said = capsys.readouterr().out
    assert "an@example.org" in said
    assert "bob@example.org" in said
