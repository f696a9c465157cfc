"""`floater demo` in a terminal; tests/windows plays it in windows."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from floater.cli.stage import moon
from floater.core.talk.sniff import HEAD, sniff


async def play(folder: Path, *options: str, **environment: str) -> tuple[int, str, str]:
    """Run the demo with its temporary folder inside `folder`; exit code, stdout, stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "floater",
        "demo",
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(folder), **environment},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(50):
            out, error = await process.communicate()
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    assert process.returncode is not None
    return process.returncode, out.decode(), error.decode()


@pytest.mark.asyncio
async def test_the_main_job_is_played_and_nothing_stays(tmp_path: Path) -> None:
    code, out, error = await play(tmp_path, "--terminal", "--language", "zh")
    assert code == 0, out + error
    words = ("按下「聊一聊」", "先互相打个招呼", "两边的文件完全相同", "你挂断了。")
    assert [word for word in words if word not in out] == []
    assert "\x1b" not in out, "no colours where nobody watches"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.asyncio
async def test_where_windows_cannot_be_shown_it_says_why_and_plays_in_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "temporary").mkdir()
    (tmp_path / "PyQt6").mkdir()
    (tmp_path / "PyQt6" / "__init__.py").write_text("raise ImportError('libEGL.so.1 is not there')")
    broken = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(__file__).parents[2]}", "DISPLAY": ":99"}
    code, out, error = await play(tmp_path / "temporary", "--language", "en", **broken)
    assert code == 0, out + error
    assert "libEGL.so.1 is not there" in out
    assert "both files are equal" in out
    code, _, error = await play(tmp_path / "temporary", "--windows", "--language", "en", **broken)
    assert code == 1
    assert "libEGL.so.1 is not there" in error


def test_the_moon_is_an_image() -> None:
    assert sniff(moon()[:HEAD]) == "image/png"
