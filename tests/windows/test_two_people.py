"""Two people in two real windows, from the sign-up mail to the hang-up."""

import asyncio
from pathlib import Path

import pytest

from tests.helpers.headless import Server
from tests.helpers.pictures import noise_png
from tests.helpers.window import Window, Windows

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(180)]


BRING = """([bytes, how]) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], `${how}.png`, { type: "image/png" }));
  const about = { bubbles: true, cancelable: true };
  const [place, event] = how === "paste"
    ? ["textarea", new ClipboardEvent("paste", { clipboardData: data, ...about })]
    : [".TalkView", new DragEvent("drop", { dataTransfer: data, ...about })];
  document.querySelector(place).dispatchEvent(event);
}"""
"Paste or drop a picture as a person would."


async def talk(ann: Window, bob: Window) -> None:
    """Bring two people at home into a talk."""
    await asyncio.gather(ann.seek(), bob.seek())
    await asyncio.gather(ann.on("Greeting"), bob.on("Greeting"))
    await asyncio.gather(ann.page.locator(".hello").click(), bob.page.locator(".hello").click())
    await asyncio.gather(ann.on("TalkView"), bob.on("TalkView"))


async def two(server: Server, windows: Windows, folder: Path) -> tuple[Window, Window]:
    """Two people at home, one in Chinese and one in English."""
    ann, bob = await asyncio.gather(
        windows.open(server, folder / "ann", language="zh-CN"),
        windows.open(server, folder / "bob", language="en"),
    )
    await asyncio.gather(
        ann.sign_up_and_log_in(server, "ann@example.org", "安"),
        bob.sign_up_and_log_in(server, "bob@example.org", "Bob"),
    )
    return ann, bob


async def test_they_meet_greet_talk_and_part(tmp_path: Path) -> None:
    async with Server(tmp_path / "server") as server, Windows() as windows:
        ann, bob = await two(server, windows, tmp_path)
        await talk(ann, bob)
        assert await ann.page.locator(".peer").inner_text() == "Bob"

        await ann.page.keyboard.type("你好，Bob")
        await ann.page.keyboard.press("Shift+Enter")
        await ann.page.keyboard.type("第二行")
        await ann.page.keyboard.press("Enter")
        await bob.said("你好，Bob\n第二行").wait_for()
        await ann.page.get_by_title(await ann.word("delivery.delivered")).wait_for()

        await bob.page.locator(".Bar .danger").click()
        await bob.page.locator("dialog .danger").click()
        await asyncio.gather(ann.on("Home"), bob.on("Home"))
        await ann.page.get_by_text(await ann.word("ended.peer_hung_up")).wait_for()
        await bob.page.get_by_text(await bob.word("ended.you_hung_up")).wait_for()


async def test_both_hang_up_at_once_and_both_come_home(tmp_path: Path) -> None:
    async with Server(tmp_path / "server") as server, Windows() as windows:
        ann, bob = await two(server, windows, tmp_path)
        for _ in range(3):
            await talk(ann, bob)
            await asyncio.gather(*(window.page.keyboard.press("Escape") for window in (ann, bob)))
            await asyncio.gather(*(window.page.locator("dialog .danger").wait_for() for window in (ann, bob)))
            await asyncio.gather(*(window.page.keyboard.press("Escape") for window in (ann, bob)))
            await asyncio.gather(ann.on("Home"), bob.on("Home"))


async def test_a_picture_is_offered_dropped_seen_and_gone_with_the_talk(tmp_path: Path) -> None:
    picture = tmp_path / "lake.png"
    picture.write_bytes(noise_png(100_000))
    async with Server(tmp_path / "server") as server, Windows() as windows:
        ann, bob = await two(server, windows, tmp_path)
        await talk(ann, bob)
        for how in ("paste", "drop"):
            await ann.page.evaluate(BRING, [list(picture.read_bytes()), how])
            card = bob.page.get_by_role("article", name=f"{how}.png")
            await card.wait_for()
            assert await card.locator("img").count() == 0, "nothing is fetched before the tap"
            assert await card.locator("canvas").count() == 1, "the preview is there"
            await card.get_by_role("button", name=await bob.word("file.see")).click()
            await card.locator("img").wait_for()
            await bob.page.wait_for_function(
                "name => document.querySelector(`img[alt='${name}']`)?.naturalWidth > 100", arg=f"{how}.png"
            )
            await ann.page.get_by_text(await ann.word("file.sent")).last.wait_for()
        assert any((tmp_path / "ann" / "staging").rglob("*.png"))
        await ann.page.keyboard.press("Escape")
        await ann.page.locator("dialog .danger").click()
        await asyncio.gather(ann.on("Home"), bob.on("Home"))
        async with asyncio.timeout(30):
            while (tmp_path / "ann" / "staging").exists():
                await asyncio.sleep(0.02)  # a folder cannot be awaited


async def test_a_reload_and_a_dead_renderer_land_in_the_same_talk(tmp_path: Path) -> None:
    async with Server(tmp_path / "server") as server, Windows() as windows:
        ann, bob = await two(server, windows, tmp_path)
        await talk(ann, bob)
        await bob.page.keyboard.type("still there?")
        await bob.page.keyboard.press("Enter")
        await ann.said("still there?").wait_for()
        await ann.page.reload()
        await ann.said("still there?").wait_for()
        assert await ann.page.locator(".peer").inner_text() == "Bob"
