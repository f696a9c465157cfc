"""A real window, played through its page: the program offscreen, driven over the remote debugging port.

async with stage(tmp_path) as (server, windows, bob):
    ann = await windows.open(server, tmp_path / "ann", language="zh-CN")
    await ann.sign_up_and_log_in("ann@example.org", "安")
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from playwright.async_api import Locator, Playwright, async_playwright

from floater.cli.driven import PATIENCE, Driven, offscreen
from tests.helpers.headless import PASSWORD, Person, Server

BESIDE_THE_POINT: Final = "--no-sandbox --disable-gpu"
"Chromium as root, without a screen: for tests only."


class Window(Driven):
    """One person's window, and the words on its page."""

    began: float
    "When its program was started, in seconds since 1970."
    wish: Path
    "What its hand is to type or copy (`tests.helpers.hand`), if it was opened with one."

    def button(self, name: str) -> Locator:
        """A button by its whole name."""
        return self.page.get_by_role("button", name=name, exact=True)

    def said(self, text: str) -> Locator:
        """Something in the list of messages."""
        return self.page.get_by_role("log").get_by_text(text, exact=True)

    async def words(self, *keys: str) -> list[str]:
        """The sentences that stand under keys of the page's own locale, in the language it speaks."""
        language = await self.page.evaluate("document.documentElement.lang")
        return [_words(language)[key] for key in keys]

    async def word(self, key: str) -> str:
        """One such sentence."""
        return (await self.words(key))[0]

    async def fill_in(self, key: str, **fill: str | int) -> str:
        """One such sentence with its blanks filled in."""
        return (await self.word(key)).format(**fill)

    async def press(self, key: str) -> None:
        """Click the button whose name stands under a key."""
        await self.button(await self.word(key)).click()

    async def fill(self, key: str, text: str) -> None:
        """Write into the field whose label stands under a key."""
        await self.page.get_by_label(await self.word(key), exact=True).fill(text)

    async def sign_up_and_log_in(self, server: Server, address: str, username: str) -> None:
        """Go from the welcome to home, by way of the activation mail."""
        await self.press("welcome.sign_up")
        await self.fill("field.email", address)
        await self.fill("field.username", username)
        await self.fill("field.password", PASSWORD)
        await self.page.get_by_role("checkbox").check()
        await self.press("sign_up.do")
        await self.on("CheckMail")
        await self.fill("field.code", await server.mailed_code(address))
        await self.press("check_mail.do")
        await self.fill("field.email", address)
        await self.fill("field.password", PASSWORD)
        await self.press("log_in.do")
        await self.on("Home")

    def type_into_dialog(self, path: Path) -> None:
        """Have the hand give this path to the file dialog that is about to open."""
        self.wish.write_text(str(path), "utf-8")
        self.process.send_signal(signal.SIGUSR1)

    async def press_outside_the_page(self, name: str) -> None:
        """Have the hand press this button of a question of the system, or this entry of the menu."""
        self.wish.write_text(f"press {name}", "utf-8")
        self.process.send_signal(signal.SIGUSR1)
        async with asyncio.timeout(PATIENCE):
            while self.wish.exists():
                await asyncio.sleep(0.02)  # a file cannot be awaited

    def copy_picture(self, path: Path) -> None:
        """Have the hand copy this picture, so that it can be pasted."""
        self.wish.write_text(str(path), "utf-8")
        self.process.send_signal(signal.SIGUSR2)

    async def drop(self, path: Path) -> None:
        """Drag a file into the middle of the page, and let go."""
        debugger = await self.page.context.new_cdp_session(self.page)
        width, height = await self.page.evaluate("[innerWidth, innerHeight]")
        data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            await debugger.send(
                "Input.dispatchDragEvent", {"type": kind, "x": width // 2, "y": height // 2, "data": data}
            )
        await debugger.detach()

    async def quiet(self) -> None:
        """Put every toast away."""
        toasts = self.page.locator(".toast button")
        while await toasts.count():
            await toasts.first.click()

    async def meet(self, server: Server, peer: Person, *, name: str = "安", peer_name: str = "Bob") -> None:
        """Come from the welcome into a talk with a headless person."""
        await self.sign_up_and_log_in(server, "ann@example.org", name)
        await peer.sign_up_and_log_in("bob@example.org", peer_name)
        await self.meet_again(peer)
        await asyncio.gather(self.page.locator(".hello").click(), peer.do("greet"))
        await self.on("TalkView")
        await peer.event("state", state="talking")

    async def meet_again(self, peer: Person) -> None:
        """Come from home to the greeting."""
        await asyncio.gather(self.seek(), peer.do("seek"))
        await self.on("Greeting")
        await peer.event("state", state="greeting")

    async def seek(self) -> None:
        """Press 聊一聊, and answer the question about the address if it is asked."""
        await self.page.locator(".seek").click()
        question = self.button(await self.word("address.direct"))
        if await question.is_visible():
            await question.click()


class Windows:
    """All windows of one test."""

    def __init__(self) -> None:
        self._playwright: Playwright | None = None
        self._open: list[Window] = []

    async def __aenter__(self) -> Self:
        self._playwright = await async_playwright().start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._playwright is not None
        for window in self._open:
            await window.close()
        await self._playwright.stop()
        if kind is None:
            assert [complaint for window in self._open for complaint in window.complaints] == []
            asked = {url.partition(":")[0] for window in self._open for url in window.requests}
            assert asked <= {"floater", "blob", "data"}

    async def open(
        self,
        server: Server | str | None,
        data_dir: Path,
        *,
        language: str = "en",
        size: tuple[int, int] | None = (460, 760),
        env: Mapping[str, str] | None = None,
        hand: bool = False,
    ) -> Window:
        """Start a window and wait until its page is there; with a hand for the dialogs, if need be."""
        options = [] if size is None else ["--size", f"{size[0]}x{size[1]}"]
        if server is not None:
            options += ["--server", server if isinstance(server, str) else server.url]
        argv = window_argv(data_dir, *options)
        wish = data_dir.parent / f"{data_dir.name}.wish"
        if hand:
            argv[argv.index("floater") : argv.index("window")] = ["tests.helpers.hand", str(wish)]
        window = await self.drive(argv, data_dir, language=language, env=env)
        window.wish = wish
        await window.on("App main")
        return window

    async def drive(
        self,
        argv: Sequence[str],
        data_dir: Path,
        *,
        language: str = "en",
        env: Mapping[str, str] | None = None,
    ) -> Window:
        """Start any program that shows a page, and take hold of it."""
        assert self._playwright is not None
        port, debugging = offscreen()
        began = time.time()
        process, log = await start_program(
            argv, data_dir, language=language, env={**debugging, **(env or {})}
        )
        window = Window(self._playwright, process, port, log)
        window.began = began
        self._open.append(window)
        await window.attach()
        return window


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[tuple[Server, Windows, Person]]:
    """A server, windows, and a stranger without one, in folders of these names."""
    async with (
        Server(folder / "server") as server,
        Windows() as windows,
        Person(server, folder / "bob") as bob,
    ):
        yield server, windows, bob


def window_argv(data_dir: Path, *options: str) -> list[str]:
    """What starts the window of a data folder."""
    return [
        *(sys.executable, "-m", "floater", "window"),
        *("--data-dir", str(data_dir), "--log", "info", *options),
    ]


async def start_program(
    argv: Sequence[str], data_dir: Path, *, language: str = "en", env: Mapping[str, str] | None = None
) -> tuple[asyncio.subprocess.Process, Path]:
    """Start something with a window, without a screen. Returns it and the file of its log."""
    tag = f"{language.replace('-', '_')}.UTF-8"
    log = data_dir.parent / f"{data_dir.name}.log"
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            env={
                **os.environ,
                "HOME": str(data_dir.parent),  # where downloads go
                "LANG": tag,
                "LC_ALL": tag,
                "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
                "QT_QPA_PLATFORM": "offscreen",
                "QTWEBENGINE_CHROMIUM_FLAGS": BESIDE_THE_POINT,
                **(env or {}),
            },
        )
    return process, log


@cache
def _words(language: str) -> dict[str, str]:
    root = Path(__file__).parents[2]
    own: dict[str, str] = json.loads((root / "web_ui/src/locales" / f"{language}.json").read_text("utf-8"))
    core: dict[str, str] = json.loads((root / "floater/locales" / f"{language}.json").read_text("utf-8"))
    return {**core, **own}
