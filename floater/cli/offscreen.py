"""The demo without a screen: play two real windows through their pages, and take pictures of them."""

import asyncio
import io
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Playwright, async_playwright

from floater.cli.driven import Driven, WindowEnded, offscreen
from floater.cli.playground import AN, BOB, PASSWORD, NoWindows, Person, Playground
from floater.cli.stage import Stage, moon

SIZE: Final = "460x760"
_GAP: Final = 12
_BETWEEN: Final = (130, 150, 155)
"The colour between the two windows of a picture."
_DROP: Final = """([bytes, name]) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
  const dropped = new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
  document.querySelector(".TalkView").dispatchEvent(dropped);
}"""
"Drops a picture into a talk, as a person would."


class Seat:
    """One of the two people: the window, and the column on the stage."""

    def __init__(self, stage: Stage, column: int, person: Person, window: Driven) -> None:
        self.person = person
        self.window = window
        self.page = window.page
        self._stage = stage
        self._column = column

    def show(self, key: str, **values: object) -> None:
        """Print what this person does."""
        self._stage.show(self._column, f"▸ {self._stage.say(key, **values)}")

    def sees(self, key: str, **values: object) -> None:
        """Print what this person sees."""
        self._stage.show(self._column, f"◂ {self._stage.say(key, **values)}")

    async def sign_up(self) -> None:
        """Sign up: go from the welcome screen to the mail, which the page shows."""
        self.show("signs_up", address=self.person.address)
        await self.page.locator("button.primary").click()
        await self.page.locator("input[type=email]").fill(self.person.address)
        await self.page.locator("input[autocomplete=nickname]").fill(self.person.name)
        await self.page.locator("input[type=password]").fill(PASSWORD)
        await self.page.locator("input[type=checkbox]").check()
        await self.page.locator("form button.primary").click()
        code = await self.page.locator(".CheckMail .digits").inner_text()
        self.sees("mail", code=code)

    async def activate_and_log_in(self) -> None:
        """Activate: go from the mail to the home screen."""
        await self.page.locator(".CheckMail .mail button").click()
        await self.page.locator(".CheckMail button.primary").click()
        await self.page.locator(".toast button").click()  # the person reads the mail and closes it
        self.show("logs_in")
        await self.page.locator("input[autocomplete=current-password]").fill(PASSWORD)
        await self.page.locator("input[type=email]").fill(self.person.address)
        await self.page.locator("form button.primary").click()
        await self.window.on("Home")

    async def seek(self) -> None:
        """Press 聊一聊, and agree that the stranger sees the address."""
        self.show("seeks")
        await self.page.locator(".seek").click()
        await self.page.locator("dialog button.primary").click()

    async def greet(self) -> None:
        """Greet."""
        word = await self.page.locator(".hello").inner_text()
        self.show("presses", button=word)
        await self.page.locator(".hello").click()

    async def say(self, text: str, other: "Seat") -> None:
        """Send a text, and wait until the other window shows it."""
        self.show("says", text=text)
        await self.page.locator("textarea").fill(text)
        await self.page.keyboard.press("Enter")
        await other.page.get_by_role("log").get_by_text(text, exact=True).wait_for()
        other.sees("reads", text=text)

    async def send_picture(self, other: "Seat") -> None:
        """Send a picture, which the other person accepts and opens."""
        self.show("offers", name="moon.png")
        await self.page.evaluate(_DROP, [list(moon(384)), "moon.png"])
        card = other.page.get_by_role("article", name="moon.png")
        await card.locator("button.primary").click()
        other.show("accepts")
        await card.locator(".Picture img").wait_for()
        await other.page.wait_for_function("document.querySelector('.Picture img').naturalWidth === 384")
        other.sees("picture")

    async def hang_up(self) -> None:
        """Hang up, and confirm."""
        self.show("hangs_up")
        await self.page.locator(".Bar .danger").click()
        await self.page.locator("dialog .danger").click()


async def play_offscreen(language: str, pictures: Path | None) -> int:
    """Play from sign-up to hang-up, leave pictures of both windows, and return the exit code.

    Args:
        language: `zh-CN` or `en`.
        pictures: the folder for the pictures; None for a new temporary one.

    Raises:
        NoWindows: windows do not work here, even without a screen.
    """
    stage = Stage(language, (AN.name + " (An)", BOB.name))
    try:
        async with AsyncExitStack() as stack:
            playwright = await stack.enter_async_context(async_playwright())
            ground = await stack.enter_async_context(Playground(language))
            stage.title(stage.say("server", url=ground.hosted.url))
            windows = await asyncio.gather(
                *(_open(stack, playwright, ground, person) for person in (AN, BOB))
            )
            stage.heads()
            folder = pictures or Path(tempfile.mkdtemp(prefix="floater-pictures-"))
            folder.mkdir(parents=True, exist_ok=True)
            an, bob = (
                Seat(stage, column, person, window)
                for column, (person, window) in enumerate(zip((AN, BOB), windows, strict=True))
            )
            took = await _play(stage, an, bob, Album(folder, windows))
            complaints = [text for window in windows for text in window.complaints]
    except (PlaywrightError, WindowEnded, TimeoutError) as error:
        stage.fail(f"{type(error).__name__}: {error}")
        return 1
    if complaints:
        stage.fail("\n".join(complaints))
        return 1
    stage.title(stage.say("done", ms=round(took * 1_000)))
    stage.title(stage.say("pictures", folder=folder))
    return 0


async def _open(stack: AsyncExitStack, playwright: Playwright, ground: Playground, person: Person) -> Driven:
    port, environment = offscreen()
    log = ground.folder / f"{person.folder}.log"
    process = await ground.start(ground.window(person, SIZE), log, environment)
    window = Driven(playwright, process, port, log)
    stack.push_async_callback(window.close)
    try:
        await window.attach()
        await window.on("App main")
    except (PlaywrightError, WindowEnded, TimeoutError) as error:
        raise NoWindows((window.story().strip().splitlines() or [type(error).__name__])[-1]) from error
    return window


async def _play(stage: Stage, an: Seat, bob: Seat, album: "Album") -> float:
    """Play all acts; return the seconds from the presses until both can greet."""
    both = (an, bob)
    await album.keep("welcome")
    await asyncio.gather(*(one.sign_up() for one in both))
    await album.keep("mail")
    await asyncio.gather(*(one.activate_and_log_in() for one in both))
    await album.keep("home")
    await stage.breathe()
    began = time.monotonic()
    await asyncio.gather(*(one.seek() for one in both))
    await asyncio.gather(*(one.window.on("Greeting") for one in both))
    took = time.monotonic() - began
    await an.greet()
    await bob.page.locator("dl").get_by_text("✓").wait_for()
    await album.keep("greeting")
    await bob.greet()
    await asyncio.gather(*(one.window.on("TalkView") for one in both))
    await stage.breathe()
    await an.say("你那边现在是几点？我这里下着小雨。", bob)
    await bob.say("Nine in the morning, and the sea is calm. 海很静。", an)
    await an.send_picture(bob)
    await album.keep("talk")
    await stage.breathe()
    await an.hang_up()
    await asyncio.gather(*(one.window.on("Home") for one in both))
    await album.keep("end")
    return took


class Album:
    """Takes numbered pictures of both windows, side by side.

    Args:
        folder: where to save them.
        windows: from left to right.
    """

    def __init__(self, folder: Path, windows: list[Driven]) -> None:
        self._folder = folder
        self._windows = windows
        self._count = 0

    async def keep(self, name: str) -> None:
        """Take one picture."""
        shots = [Image.open(io.BytesIO(await window.page.screenshot())) for window in self._windows]
        width = sum(shot.width for shot in shots) + _GAP * (len(shots) - 1)
        whole = Image.new("RGB", (width, max(shot.height for shot in shots)), _BETWEEN)
        left = 0
        for shot in shots:
            whole.paste(shot, (left, 0))
            left += shot.width + _GAP
        self._count += 1
        whole.save(self._folder / f"{self._count}-{name}.png")
