"""Drive a real window without a screen through its page. Needs Playwright, a development dependency.

The driver acts as a person would: by what the page shows, and by keys.
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
"Longest time, in seconds, for any step on a page."


class Driven:
    """One window. `page` is Playwright's page, after `attach`.

    Args:
        playwright: already started.
        process: the program, started with the environment of `offscreen`.
        port: the port given to `offscreen`.
        log: the log file of the program.
    """

    page: Page

    def __init__(
        self, playwright: Playwright, process: asyncio.subprocess.Process, port: int, log: Path
    ) -> None:
        self.process = process
        self.log = log
        self.complaints: list[str] = []
        "Errors and warnings of the page's console. A test succeeds only if this is empty."
        self.requests: list[str] = []
        "Every URL that the page requested."
        self._playwright = playwright
        self._port = port
        self._browser: Browser | None = None

    async def attach(self) -> None:
        """Connect to the page: at first, or again after `detach` or the end of its renderer.

        Raises:
            WindowEnded: the program has ended.
            TimeoutError: no page appeared in time.
        """
        await self.detach()
        async with asyncio.timeout(PATIENCE):
            while self._browser is None:
                if self.process.returncode is not None:
                    raise WindowEnded(self.story())
                with suppress(Exception):  # the port is not open yet; Playwright has no class for this error
                    browser = await self._playwright.chromium.connect_over_cdp(
                        f"http://127.0.0.1:{self._port}", no_defaults=True
                    )
                    if pages := browser.contexts[0].pages:
                        self._browser, self.page = browser, pages[0]
                        break
                await asyncio.sleep(0.05)  # there is no event for a port that opens
        self.page.set_default_timeout(PATIENCE * 1000)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)
        self.page.on("request", lambda request: self.requests.append(request.url))

    async def detach(self) -> None:
        """Disconnect from the page, so that the driver does not influence what it does."""
        browser, self._browser = self._browser, None
        if browser is not None:
            await browser.close()

    async def on(self, screen: str) -> None:
        """Wait until the page shows a screen, given by the name of its view."""
        await self.page.locator(f".{screen}").first.wait_for()

    def story(self) -> str:
        """Return the last lines of the log."""
        return self.log.read_text("utf-8", "replace")[-4_000:]

    async def close(self) -> None:
        """Close the window as a person would, and wait until the program has ended."""
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
    """The program of a window ended too early; the message is the end of its log."""


def offscreen() -> tuple[int, dict[str, str]]:
    """Return a free port, and the environment for a window that listens on it for a driver."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port, {"QT_QPA_PLATFORM": "offscreen", "QTWEBENGINE_REMOTE_DEBUGGING": f"127.0.0.1:{port}"}


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
