"""A real window without a screen, driven through its page. Needs Playwright, which only development has.

It is played as a person would play it: by what stands on the page, and by keys.
"""

import asyncio
import os
import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, ConsoleMessage, Page, Playwright

PATIENCE: Final = 20.0
"Seconds that anything on a page may take."


class Driven:
    """One window. `page` is Playwright's, once `attach` was called.

    Args:
        playwright: already started.
        process: the program, started with the environment of `offscreen`.
        port: the one given to `offscreen`.
        log: where the program logs.
    """

    page: Page

    def __init__(
        self, playwright: Playwright, process: asyncio.subprocess.Process, port: int, log: Path
    ) -> None:
        self.process = process
        self.log = log
        self.complaints: list[str] = []
        "What the page's console said in earnest. All was well only if this is empty."
        self.requests: list[str] = []
        "Every address the page asked for."
        self._playwright = playwright
        self._port = port
        self._browser: Browser | None = None

    async def attach(self) -> None:
        """Take hold of the page: at first, or again after `detach` or the end of its renderer.

        Raises:
            WindowEnded: the program has ended.
            TimeoutError: there is no page.
        """
        await self.detach()
        async with asyncio.timeout(PATIENCE):
            while self._browser is None:
                if self.process.returncode is not None:
                    raise WindowEnded(self.story())
                with suppress(Exception):  # nobody listens yet: Playwright has no name for that
                    browser = await self._playwright.chromium.connect_over_cdp(
                        f"http://127.0.0.1:{self._port}", no_defaults=True
                    )
                    if pages := browser.contexts[0].pages:
                        self._browser, self.page = browser, pages[0]
                        break
                await asyncio.sleep(0.05)  # a port cannot be awaited
        self.page.set_default_timeout(PATIENCE * 1000)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)
        self.page.on("request", lambda request: self.requests.append(request.url))

    async def detach(self) -> None:
        """Let the page go: what it does then, it does as if nobody watched."""
        browser, self._browser = self._browser, None
        if browser is not None:
            await browser.close()

    async def on(self, screen: str) -> None:
        """Wait until a screen is there, by the name of its view."""
        await self.page.locator(f".{screen}").first.wait_for()

    def story(self) -> str:
        """The end of the log."""
        return self.log.read_text("utf-8", "replace")[-4_000:]

    async def close(self) -> None:
        """Close the window as its person would, and wait until the program has ended."""
        if self.process.returncode is None:
            _signal(self.process, signal.SIGTERM)
            try:
                async with asyncio.timeout(PATIENCE):
                    await self.process.wait()
            except TimeoutError:
                _signal(self.process, signal.SIGKILL)
                await self.process.wait()

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.complaints.append(said.text)


class WindowEnded(Exception):
    """The program of a window has ended too early; the text is the end of its log."""


def offscreen() -> tuple[int, dict[str, str]]:
    """A free port, and the environment for a window that can be driven through it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port, {"QT_QPA_PLATFORM": "offscreen", "QTWEBENGINE_REMOTE_DEBUGGING": f"127.0.0.1:{port}"}


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
