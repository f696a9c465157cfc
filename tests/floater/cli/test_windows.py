"""Two real windows are opened in tests/windows/test_demo.py; here is what happens when none comes."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from floater.cli import windows as module
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


DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


@pytest.mark.parametrize(
    ("script", "has_groups"),
    [("", True), (DEAF, True), (DEAF, False)],
    ids=["they-listen", "they-are-deaf", "no-groups"],
)
async def test_a_signal_closes_both_windows_even_those_that_do_not_listen(
    script: str, has_groups: bool, programs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs += [f"import signal\n{script}\nprint('up', flush=True)\nsignal.pause()"] * 2
    monkeypatch.setattr(module, "GOODBYE", 0.1 if script else 60.0)
    if not has_groups:  # as on Windows
        monkeypatch.delattr(os, "killpg")
    showing = asyncio.get_running_loop().create_task(show_windows("en"))
    async with asyncio.timeout(60):
        while [log.read_text() for log in tmp_path.glob("*/*.log")] != ["up\n", "up\n"]:
            assert not showing.done()
            await asyncio.sleep(0.01)  # a file cannot be awaited
        os.kill(os.getpid(), signal.SIGTERM)
        assert await showing == 0
    assert list(tmp_path.iterdir()) == []
