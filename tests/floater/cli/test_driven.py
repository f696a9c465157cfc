import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

pytest.importorskip("playwright")

from playwright.async_api import async_playwright

from floater.cli import driven
from floater.cli.driven import Driven, WindowEnded, offscreen
from tests.floater.desktop.conftest import ENVIRONMENT
from tests.helpers.unmeasured import unmeasured

pytestmark = pytest.mark.asyncio


WINDOW = """
from PyQt6.QtWidgets import QApplication
from PyQt6.QtWebEngineWidgets import QWebEngineView
app = QApplication(["window"])
view = QWebEngineView()
view.setHtml("<!doctype html><main class='Home'>here</main>")
view.show()
app.exec()
"""
"A real window with a small page."


DEAF = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
signal.pause()
"""


async def started(
    script: str, log: Path, environment: Mapping[str, str] | None = None
) -> asyncio.subprocess.Process:
    with log.open("wb") as file:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", script),
            stdout=file,
            stderr=file,
            env={**unmeasured(), **(environment or {})},
            start_new_session=True,
        )


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.01)  # neither a file nor a list can be awaited


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


async def test_a_window_is_taken_hold_of_twice_and_what_its_page_complains_of_is_kept(tmp_path: Path) -> None:
    pytest.importorskip("PyQt6.QtWebEngineWidgets")
    port, debugging = offscreen()
    process = await started(WINDOW, tmp_path / "log", {**ENVIRONMENT, **debugging})
    async with async_playwright() as playwright:
        window = Driven(playwright, process, port, tmp_path / "log")
        try:
            await window.attach()
            await window.on("Home")
            await window.page.evaluate("console.log('fine'), console.error('bad')")
            await window.page.evaluate("void fetch(URL.createObjectURL(new Blob(['asked'])))")
            await window.page.evaluate("void setTimeout(() => { throw new Error('worse'); })")
            await until(lambda: len(window.complaints) == 2 and len(window.requests) == 1)
            assert sorted(window.complaints) == ["bad", "worse"]
            assert window.requests[0].startswith("blob:")
            await window.attach()
            await window.on("Home")
            assert await window.page.locator(".Home").inner_text() == "here"
            await window.detach()
        finally:
            await window.close()
    assert process.returncode == -signal.SIGTERM


async def test_a_window_that_does_not_listen_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    process = await started(DEAF, log)
    await until(log.read_bytes)
    monkeypatch.setattr(driven, "PATIENCE", 0.1)
    await Driven(cast(Any, None), process, 1, log).close()
    assert process.returncode == -signal.SIGKILL


async def test_it_is_closed_as_a_person_would(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = await started("import time; print('here', flush=True); time.sleep(600)", log)
    await until(log.read_bytes)
    window = Driven(cast(Any, None), process, 1, log)
    await window.close()
    assert process.returncode == -15
    assert not os.path.exists(f"/proc/{process.pid}")
