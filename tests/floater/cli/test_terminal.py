"""The whole play runs in tests/end_to_end/test_demo.py; here is what it does when it goes wrong."""

import sys
from pathlib import Path

import pytest

from floater.cli.terminal import play_in_terminal
from floater.sentences import sentence


@pytest.mark.asyncio
async def test_a_program_that_ends_at_once_fails_the_play_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho the last words >&2\nexit 3\n")
    program.chmod(0o700)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(sys, "executable", str(program))
    assert await play_in_terminal("en") == 1
    said = capsys.readouterr().err
    assert sentence("demo.failed", "en") in said
    assert "server: ended before event ready\n    the last words" in said
    assert list((tmp_path / "temporary").iterdir()) == []
