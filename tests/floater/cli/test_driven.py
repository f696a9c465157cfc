"""A window is driven in tests/windows; here is what happens without one."""

import asyncio
import os
import socket
import sys
from pathlib import Path
from typing import Any, cast

import pytest

pytest.importorskip("playwright")

from floater.cli.driven import Driven, WindowEnded, offscreen

pytestmark = pytest.mark.asyncio


async def started(script: str, log: Path) -> asyncio.subprocess.Process:
    with log.open("wb") as file:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, stdout=file, stderr=file, start_new_session=True
        )


async def test_a_port_is_free_and_named_to_the_window() -> None:
    port, environment = offscreen()
    assert environment["QTWEBENGINE_REMOTE_DEBUGGING"] == f"127.0.0.1:{port}"
    with socket.create_server(("127.0.0.1", port)):
        pass


async def test_a_program_that_ended_has_no_page_and_its_log_says_why(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = await started("print('no display')", log)
    await process.wait()
    window = Driven(cast(Any, None), process, 1, log)
    with pytest.raises(WindowEnded, match="no display"):
        await window.attach()
    await window.close()


async def test_it_is_closed_as_a_person_would(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = await started("import time; print('here', flush=True); time.sleep(600)", log)
    while not log.read_bytes():
        await asyncio.sleep(0.01)  # a file cannot be awaited
    window = Driven(cast(Any, None), process, 1, log)
    await window.close()
    assert process.returncode == -15
    assert not os.path.exists(f"/proc/{process.pid}")
