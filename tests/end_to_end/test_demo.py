"""`floater demo`, as `make demo` runs it."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from floater.cli.demo import moon
from floater.core.sniff import HEAD, sniff


async def play(folder: Path, *options: str) -> tuple[int, str, str]:
    """Run the demo with its temporary folder inside `folder`; exit code, stdout, stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "floater",
        "demo",
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(folder)},
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
@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["presses 「聊一聊」", "First both of you greet", "both files are equal", "You hung up."]),
        ("zh", ["按下「聊一聊」", "先互相打个招呼", "两边的文件完全相同", "你挂断了。"]),
    ],
)
async def test_the_main_job_is_played_and_nothing_stays(
    tmp_path: Path, language: str, words: list[str]
) -> None:
    code, out, error = await play(tmp_path, "--language", language)
    assert code == 0, out + error
    assert [word for word in words if word not in out] == []
    assert "\x1b" not in out, "no colours where nobody watches"
    assert list(tmp_path.iterdir()) == []


def test_the_moon_is_an_image() -> None:
    assert sniff(moon()[:HEAD]) == "image/png"
