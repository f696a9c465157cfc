import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.asyncio


async def headless(folder: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "floater", "headless", "--data-dir", str(folder)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"},
    )


def messages(out: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


async def test_lines_in_give_replies_and_numbered_events_and_nothing_else(tmp_path: Path) -> None:
    process = await headless(tmp_path)
    async with asyncio.timeout(60):
        out, _ = await process.communicate(b'{"id": 1, "command": "status"}\n{"id": 2, "command": "quit"}\n')
    assert process.returncode == 0
    said = messages(out)
    events = [message for message in said if "event" in message]
    assert [event["event"] for event in events[:2]] == ["ready", "state"]
    assert [event["n"] for event in events] == list(range(1, len(events) + 1))
    status, farewell = (message for message in said if "reply" in message)
    assert (status["reply"], status["state"], status["talks"]) == (1, "signed_out", [])
    assert status["n"] <= len(events)
    assert farewell == {"reply": 2, "ok": True}


async def test_a_signal_ends_it(tmp_path: Path) -> None:
    process = await headless(tmp_path)
    assert process.stdout is not None
    async with asyncio.timeout(60):
        assert json.loads(await process.stdout.readline())["event"] == "ready"
        process.send_signal(signal.SIGTERM)
        await process.communicate()
    assert process.returncode == 0


async def test_the_end_of_the_input_ends_it(tmp_path: Path) -> None:
    process = await headless(tmp_path)
    async with asyncio.timeout(60):
        out, _ = await process.communicate(b"")
    assert (process.returncode, messages(out)[0]["event"]) == (0, "ready")


async def test_a_client_that_cannot_begin_leaves_its_input_as_it_was(tmp_path: Path) -> None:
    reading, writing = os.pipe()  # the reading end is shared with the next program, as in `(floater …; cat)`
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "floater", "headless", "--data-dir", str(tmp_path), "--server", "ftp://x"),
        stdin=reading,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(60):
        assert await process.wait() != 0
    assert os.get_blocking(reading)
    os.close(reading)
    os.close(writing)


async def test_a_parent_that_gives_no_input_ends_it(tmp_path: Path) -> None:
    command = f"{sys.executable} -m floater headless --data-dir {tmp_path} <&-"
    process = await asyncio.create_subprocess_shell(
        command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    assert (process.returncode, messages(out)[0]["event"]) == (0, "ready")
