"""The whole story: two people in two windows, one at the keyboard alone, the other at the mouse.

Pictures come as they do from people: pasted from the clipboard, dragged in,
and chosen in the dialog of the system. At the end both hang up at once.
"""

import asyncio
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Locator

from tests.helpers.headless import PASSWORD, Server
from tests.helpers.keys import Keys
from tests.helpers.pictures import noise_png
from tests.helpers.window import Window, Windows

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(240)]

OTHER: Final = {"zh-CN": "en", "en": "zh-CN"}


@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_from_the_sign_up_to_the_hang_up(tmp_path: Path, language: str) -> None:
    async with Server(tmp_path / "server") as server, Windows() as windows:
        ann, bob = await asyncio.gather(
            windows.open(server, tmp_path / "ann", language=language, hand=True),
            windows.open(server, tmp_path / "bob", language=OTHER[language], hand=True),
        )
        keys = Keys(ann)
        await asyncio.gather(
            arrive(server, ann, keys), bob.sign_up_and_log_in(server, "bob@example.org", "Bob")
        )
        await look_around(ann, keys)
        await meet(ann, keys, bob)
        await talk(ann, keys, bob)
        await give_by_keys(ann, keys, bob, tmp_path)
        await give_by_mouse(ann, keys, bob, tmp_path)
        await hang_up_at_once(ann, keys, bob)


async def arrive(server: Server, ann: Window, keys: Keys) -> None:
    """From the welcome to home, by keys."""
    await keys.go("welcome.sign_up")
    await ann.on("Account form")
    await keys.enter("field.email", "ann@example.org")
    await keys.enter("field.username", "Ann")
    await keys.enter("field.password", PASSWORD)
    await keys.tab_to(await ann.word("field.adult"))
    await keys.press("Space")
    await keys.press("Enter")
    await ann.on("CheckMail")
    await keys.enter("field.code", await server.mailed_code("ann@example.org"))
    await keys.press("Enter")
    await ann.on("Account form:not(.CheckMail)")
    await keys.enter("field.email", "ann@example.org")
    await keys.enter("field.password", PASSWORD)
    await keys.press("Enter")
    await ann.on("Home")


async def look_around(ann: Window, keys: Keys) -> None:
    """See the shortcuts and the network check, and come back."""
    await keys.press("Control+/")
    await ann.page.locator("dialog kbd").first.wait_for()
    await keys.press("Escape")
    await keys.press("Control+,")
    await ann.page.locator("dialog.wide").wait_for()
    await keys.go("settings.check")
    await ann.page.locator("dialog ul").wait_for()
    await keys.press("Escape")
    assert await ann.page.locator("dialog").count() == 0


async def meet(ann: Window, keys: Keys, bob: Window) -> None:
    """Seek, think better of it, seek again, and greet."""
    await keys.seek()
    await ann.page.get_by_text(await ann.word("address.title")).wait_for()
    await keys.press("Enter")
    await ann.on("Waiting")
    await keys.press("Escape")
    await ann.on("Home")
    await asyncio.gather(keys.seek(), bob.seek())
    await asyncio.gather(ann.on("Greeting"), bob.on("Greeting"))
    await bob.page.locator(".hello").click()
    await ann.page.get_by_text(await ann.word("greeting.peer_did")).wait_for()
    await keys.press("Enter")
    await asyncio.gather(ann.on("TalkView"), bob.on("TalkView"))


async def talk(ann: Window, keys: Keys, bob: Window) -> None:
    """A word from each."""
    await keys.write("by hand")
    await keys.press("Shift+Enter")
    await keys.write("alone 你好")
    await keys.press("Enter")
    await bob.said("by hand\nalone 你好").wait_for()
    await bob.fill("talk.write", "with the mouse")
    await bob.press("talk.send")
    await ann.said("with the mouse").wait_for()


COUNT_PASTED = """() => document.addEventListener(
  "paste", event => (window.pasted = (window.pasted ?? 0) + event.clipboardData.files.length), true
)"""


async def give_by_keys(ann: Window, keys: Keys, bob: Window, folder: Path) -> None:
    """Ann pastes one picture and chooses another; Bob looks at both and saves one."""
    picture = folder / "choice.png"
    picture.write_bytes(noise_png(50_000))
    ann.copy_picture(picture)
    await keys.press("Control+m")
    await ann.page.evaluate(COUNT_PASTED)
    while not await ann.page.evaluate(
        "window.pasted"
    ):  # the copy comes when the window's loop has time for it
        await keys.press("Control+v")
        await asyncio.sleep(0.2)  # so does the paste
    await see(bob, bob.page.get_by_role("article", name="image.png"))

    ann.type_into_dialog(picture)
    await keys.press("Control+u")
    card = bob.page.get_by_role("article", name="choice.png")
    await see(bob, card)
    saved = folder / "saved by Bob.png"
    bob.type_into_dialog(saved)
    await card.get_by_role("button", name=await bob.word("file.save")).click()
    assert saved.read_bytes() == picture.read_bytes()


async def see(window: Window, card: Locator) -> None:
    """Tap an offered picture; before that there is nothing of it but the preview."""
    await card.wait_for()
    assert await card.locator("img").count() == 0
    assert await card.locator("canvas").count() == 1
    await card.get_by_role("button", name=await window.word("file.see")).click()
    await card.locator("img").wait_for()


async def give_by_mouse(ann: Window, keys: Keys, bob: Window, folder: Path) -> None:
    """Bob drags one picture in and presses the button for another; Ann takes both, and zooms."""
    dragged, chosen = folder / "dragged.png", folder / "pressed.png"
    for picture in (dragged, chosen):
        picture.write_bytes(noise_png(50_000))
    await bob.drop(dragged)
    await ann.page.get_by_role("article", name=dragged.name).wait_for()
    await keys.go("file.see")
    await ann.page.locator(f"img[alt='{dragged.name}']").wait_for()
    bob.type_into_dialog(chosen)
    await bob.press("talk.attach")
    await ann.page.get_by_role("article", name=chosen.name).wait_for()
    await keys.go("file.see")
    await ann.page.locator(f"img[alt='{chosen.name}']").wait_for()

    await keys.tab_to(await ann.fill_in("file.open", name=chosen.name))
    await keys.press("Enter")
    large = ann.page.locator(".Lightbox img")
    await large.wait_for()
    before = await large.evaluate("picture => picture.width")
    await keys.press("+")
    assert await large.evaluate("picture => picture.width") > before
    await keys.press("Escape")
    await keys.press("Control+m")
    await keys.write("seen")
    await keys.press("Enter")
    await bob.said("seen").wait_for()


async def hang_up_at_once(ann: Window, keys: Keys, bob: Window) -> None:
    """Ann by Escape twice, Bob by the red button twice, neither after the other."""
    await asyncio.gather(keys.press("Escape"), bob.page.locator(".Bar .danger").click())
    await asyncio.gather(*(window.page.locator("dialog .danger").wait_for() for window in (ann, bob)))
    red = await bob.page.locator("dialog .danger").bounding_box()
    assert red is not None
    at_once = bob.page.mouse.click(red["x"] + red["width"] / 2, red["y"] + red["height"] / 2)
    await asyncio.gather(keys.press("Escape"), at_once)
    await asyncio.gather(ann.on("Home .ended"), bob.on("Home .ended"))
    for window, peer in ((ann, "Bob"), (bob, "Ann")):
        ended = window.page.locator(".ended")
        assert peer in await ended.inner_text()
        how = await ended.locator("h1").inner_text()
        assert how in await window.words("ended.you_hung_up", "ended.peer_hung_up")
