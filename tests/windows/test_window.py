"""What people expect of a window: that it comes back as it was, obeys the keyboard, and leaves politely."""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from floater.sentences import sentence
from tests.helpers.headless import PASSWORD
from tests.helpers.pictures import lake
from tests.helpers.window import Window, Windows, stage, start_program, window_argv

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(180)]


def renderer_of(window: Window) -> int:
    """Find the process that draws the page: the one that a helper of Chromium has made."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            parent = Path("/proc", str(_parent(folder)))
            if b"QtWebEngineProcess" in (parent / "cmdline").read_bytes():
                if _parent(parent) == window.process.pid:
                    return int(folder.name)
    raise AssertionError("no renderer")


def _parent(folder: Path) -> int:
    return int((folder / "stat").read_text().rpartition(")")[2].split()[1])


async def come_back(window: Window, dead: int) -> None:
    """Wait until another process draws the page."""
    async with asyncio.timeout(60):
        while True:
            with suppress(AssertionError):  # none does at the moment
                if renderer_of(window) != dead:
                    return
            await asyncio.sleep(0.05)  # no event tells of a process of Chromium


async def hang_up(window: Window) -> None:
    """Press Escape twice, the second time when the question is there."""
    await window.page.keyboard.press("Escape")
    await window.page.locator("dialog").wait_for()
    await window.page.keyboard.press("Escape")
    await window.on("Home")


COMPOSITION = """(async () => {
  document.querySelector("textarea").addEventListener("keydown", event => {
    window.composing = [event.key, event.isComposing];
  });
})()"""


async def test_a_renderer_that_dies_comes_back_in_the_same_talk(tmp_path: Path) -> None:
    async with stage(tmp_path) as (server, windows, bob):
        window = await windows.open(server, tmp_path / "ann")
        await window.meet(server, bob)
        for number in range(2):
            await bob.do("send_text", text=f"before {number}")
            await window.said(f"before {number}").wait_for()
            dead = renderer_of(window)
            os.kill(dead, signal.SIGKILL)
            await window.attach()
            await window.on("TalkView")
            assert renderer_of(window) != dead
        assert await window.page.locator(".peer").inner_text() == "Bob"
        assert await window.page.locator(".Bubble .text").all_inner_texts() == ["before 0", "before 1"]
        await window.page.keyboard.type("after")
        await window.page.keyboard.press("Enter")
        await bob.event("text", text="after")


async def test_a_page_that_hangs_is_noticed_and_comes_back_in_the_same_talk(tmp_path: Path) -> None:
    async with stage(tmp_path) as (server, windows, bob):
        window = await windows.open(server, tmp_path / "ann", hand=True)
        await window.meet(server, bob)
        await bob.do("send_text", text="before")
        await window.said("before").wait_for()
        dead = renderer_of(window)
        os.kill(dead, signal.SIGSTOP)
        await bob.do("send_text", text="meanwhile")
        await come_back(window, dead)
        await window.attach()
        await window.on("TalkView")
        assert await window.page.locator(".Bubble .text").all_inner_texts() == ["before", "meanwhile"]
        await window.press_outside_the_page(sentence("dialog.go_on", "en"))
        await window.page.keyboard.type("after")
        await window.page.keyboard.press("Enter")
        await bob.event("text", text="after")


async def test_a_talk_can_be_hung_up_and_the_window_closed_while_the_page_is_dead(tmp_path: Path) -> None:
    async with stage(tmp_path) as (server, windows, bob):
        window = await windows.open(server, tmp_path / "ann", hand=True)
        await window.meet(server, bob)
        os.kill(renderer_of(window), signal.SIGSTOP)
        await window.press_outside_the_page(sentence("tray.hang_up", "en"))
        await window.press_outside_the_page(sentence("dialog.stay", "en"))
        await bob.do("send_text", text="still there?")
        await window.press_outside_the_page(sentence("tray.hang_up", "en"))
        await window.press_outside_the_page(sentence("tray.hang_up", "en"))
        await bob.event("ended", reason="peer_hung_up")
        window.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(window.process.wait(), 20) == 0


async def test_a_log_out_during_a_talk_asks_first(tmp_path: Path) -> None:
    async with stage(tmp_path) as (server, windows, bob):
        window = await windows.open(server, tmp_path / "ann")
        await window.meet(server, bob)
        await window.page.keyboard.press("Control+,")
        await window.press("settings.log_out")
        await window.press("hang_up.stay")
        await bob.do("send_text", text="still there?")
        await window.said("still there?").wait_for()
        await window.page.keyboard.press("Control+,")
        await window.press("settings.log_out")
        await window.page.locator("dialog .danger").click()
        await bob.event("ended")
        await window.on("Account")


async def test_a_reload_lands_in_the_same_state_whichever_it_is(tmp_path: Path) -> None:
    async with stage(tmp_path) as (server, windows, bob):
        window = await windows.open(server, tmp_path / "ann")
        page = window.page

        async def reload(screen: str) -> None:
            await page.reload()
            await window.on(screen)

        await window.press("welcome.sign_up")
        await reload("Account form")
        await window.fill("field.email", "ann@example.org")
        await window.fill("field.username", "安")
        await window.fill("field.password", PASSWORD)
        await page.get_by_role("checkbox").check()
        await window.press("sign_up.do")
        await window.on("CheckMail")
        await reload("CheckMail")
        await page.get_by_text("ann@example.org").wait_for()
        await window.fill("field.code", await server.mailed_code("ann@example.org"))
        await window.press("check_mail.do")
        await window.fill("field.email", "ann@example.org")
        await window.fill("field.password", PASSWORD)
        await window.press("log_in.do")
        await window.on("Home")
        await reload("Home")
        await page.get_by_text("安").wait_for()

        await window.seek()
        await window.on("Waiting")
        await reload("Waiting")
        await bob.sign_up_and_log_in("bob@example.org", "Bob")
        await bob.do("seek")
        await bob.event("state", state="greeting")
        await window.on("Greeting")
        await bob.do("greet")
        await page.get_by_text("✓ Hello").wait_for()
        await reload("Greeting")
        await page.get_by_text("✓ Hello").wait_for()
        await page.locator(".hello").click()
        await window.on("TalkView")
        await bob.do("send_text", text="again?")
        await window.said("again?").wait_for()
        await page.keyboard.press("Escape")
        await page.locator("dialog").wait_for()
        await reload("TalkView")
        await page.locator("dialog").wait_for()
        await page.keyboard.press("Enter")
        await window.said("again?").wait_for()
        assert await page.locator("dialog").count() == 0

        await bob.do("hang_up")
        await page.get_by_text(await window.word("ended.peer_hung_up")).wait_for()
        await reload("Home .ended")
        await page.get_by_text(await window.word("ended.peer_hung_up")).wait_for()
        await window.press("home.home")
        await reload("Home")
        assert await page.locator(".ended").count() == 0


async def test_one_folder_has_one_window_that_keeps_its_size_and_takes_leave(tmp_path: Path) -> None:
    async with stage(tmp_path) as (server, windows, bob):
        window = await windows.open(server, tmp_path / "ann", size=(520, 600))
        await window.meet(server, bob)
        second, _ = await start_program(window_argv(tmp_path / "ann"), tmp_path / "ann")
        assert await asyncio.wait_for(second.wait(), 20) == 0
        await bob.do("send_text", text="still the first?")
        await window.said("still the first?").wait_for()

        window.process.send_signal(signal.SIGTERM)
        await bob.event("ended", reason="peer_hung_up")
        assert await asyncio.wait_for(window.process.wait(), 20) == 0
        again = await windows.open(server, tmp_path / "ann", size=None)
        assert await again.page.evaluate("[innerWidth, innerHeight]") == [520, 600]


async def test_keys_in_a_talk_mean_what_they_say(tmp_path: Path) -> None:
    async with stage(tmp_path) as (server, windows, bob):
        window = await windows.open(server, tmp_path / "ann", language="zh-CN")
        await window.meet(server, bob)
        page = window.page

        # An input method keeps its Enter.
        await page.evaluate(COMPOSITION)
        debugger = await page.context.new_cdp_session(page)
        composition = {"text": "nihao", "selectionStart": 5, "selectionEnd": 5}
        await debugger.send("Input.imeSetComposition", composition)
        await page.keyboard.press("Enter")
        assert await page.evaluate("window.composing") == ["Enter", True]
        await debugger.send("Input.insertText", {"text": "你好"})
        written = await page.locator("textarea").input_value()
        assert written.rstrip("\n") == "你好", "a real input method would have kept the Enter to itself"
        assert await page.locator(".Bubble").count() == 0
        await page.keyboard.press("Enter")
        await bob.event("text", text="你好")

        # Escape asks, Enter stays, Escape again hangs up.
        await page.keyboard.press("Escape")
        await page.locator("dialog").wait_for()
        await page.keyboard.press("Enter")
        await page.locator("dialog").wait_for(state="detached")
        await page.keyboard.type("still here")
        await page.keyboard.press("Enter")
        await bob.event("text", text="still here")
        await hang_up(window)
        await bob.event("ended", reason="peer_hung_up")


async def test_what_comes_unseen_is_counted_and_marked(tmp_path: Path) -> None:
    async with stage(tmp_path) as (server, windows, bob):
        window = await windows.open(server, tmp_path / "ann")
        await window.meet(server, bob)
        log = window.page.get_by_role("log")
        for number in range(30):
            await bob.do("send_text", text=f"line {number}")
        await window.said("line 29").wait_for()
        await window.page.wait_for_function(
            "() => { const list = document.querySelector('.MessageList');"
            " return list.scrollHeight - list.scrollTop - list.clientHeight < 5; }"
        )
        assert await window.page.locator(".unread").count() == 0
        await log.evaluate("list => list.scrollTo(0, 0)")
        down = window.page.get_by_role("button", name=await window.word("talk.to_end"))
        await down.wait_for()
        for number in range(2):
            await bob.do("send_text", text=f"unseen {number}")
        await down.get_by_text(await window.fill_in("talk.unread", count=2)).wait_for()
        assert await log.evaluate("list => list.scrollTop") == 0, "nothing moves what is being read"
        await down.click()
        await down.wait_for(state="detached")
        marker = window.page.get_by_text(await window.word("talk.new_below"))
        below = await marker.evaluate("mark => mark.nextElementSibling.textContent")
        assert "unseen 0" in below
        await log.evaluate("list => list.scrollTo(0, 0)")
        await down.wait_for()
        await window.page.keyboard.press("Control+m")
        await window.page.keyboard.type("seen")
        await window.page.keyboard.press("Enter")
        await marker.wait_for(state="detached")
        await down.wait_for(state="detached")  # whoever speaks is back at the end


async def test_a_picture_out_of_sight_is_put_away_and_comes_back(tmp_path: Path) -> None:
    picture = tmp_path / "lake.png"
    picture.write_bytes(lake(640, 400))
    async with stage(tmp_path) as (server, windows, bob):
        window = await windows.open(server, tmp_path / "ann")
        await window.meet(server, bob)
        await bob.do("send_file", path=str(picture))
        await window.press("file.see")
        frame, shown = window.page.locator(".Picture"), window.page.locator(".Picture img")
        await window.page.wait_for_function(
            "() => document.querySelector('.Picture img')?.naturalWidth === 640"
        )
        width, height = await frame.evaluate("frame => [frame.clientWidth, frame.clientHeight]")
        assert width / height == pytest.approx(640 / 400, rel=0.01)
        for number in range(60):
            await bob.do("send_text", text=f"line {number}")
        await shown.wait_for(state="detached")
        assert await frame.evaluate("frame => [frame.clientWidth, frame.clientHeight]") == [width, height]
        await window.page.get_by_role("log").evaluate("list => list.scrollTo(0, 0)")
        await shown.wait_for()


async def test_a_practice_needs_no_server_and_says_what_it_is(tmp_path: Path) -> None:
    async with Windows() as windows:
        window = await windows.open(None, tmp_path / "ann", language="zh-CN")
        await window.press("welcome.practise")
        await window.on("Home")
        practising = window.page.get_by_text(await window.word("home.practising"))
        await practising.wait_for()
        await window.page.locator(".seek:enabled").click()
        await window.on("Greeting")
        assert await window.page.locator("dialog").count() == 0, "a script may see the address"
        assert await window.page.locator(".peer").inner_text() == await window.word("practice.name")
        await window.page.locator(".hello").click()
        name = await window.word("practice.you")
        assert name != await window.word("you"), "it would say: you are you"
        await window.page.get_by_text(await window.fill_in("bar.you", name=name)).wait_for()
        await window.said(await window.word("practice.1")).wait_for()
        await hang_up(window)
        await window.page.reload()
        await practising.wait_for()
        await window.press("practice.end")
        await window.button(await window.word("welcome.practise")).wait_for()


@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_settings_that_cannot_be_read_are_told_of_in_the_window(tmp_path: Path, language: str) -> None:
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann" / "settings.json").write_text("{broken")
    async with Windows() as windows:
        window = await windows.open(None, tmp_path / "ann", language=language)
        await window.page.locator(".toast").get_by_text(sentence("code.settings_reset", language)).wait_for()
        assert (tmp_path / "ann" / "settings.json.broken").is_file()
