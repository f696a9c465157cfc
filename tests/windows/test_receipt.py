"""How one is connected is told in the window, to whoever has a keyboard alone, too."""

from pathlib import Path

import pytest

from tests.helpers.keys import Keys
from tests.helpers.window import stage

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(180)]


async def test_the_receipt_is_read_copied_and_saved_by_keys(tmp_path: Path) -> None:
    async with stage(tmp_path) as (server, windows, bob):
        window = await windows.open(server, tmp_path / "ann", language="zh-CN", hand=True)
        await window.meet(server, bob)
        page, keys = window.page, Keys(window)
        badge = ((await page.locator(".PathBadge").text_content()) or "").strip()

        await keys.tab_to(badge)
        await keys.press("Enter")
        await page.get_by_text(await window.word("way.lan"), exact=True).wait_for()
        await page.get_by_text("秒，双方都打了招呼。").wait_for()
        words = await page.locator("dialog li").all_inner_texts()
        await keys.go("receipt.copy")
        await page.locator("dialog .toast").get_by_text(await window.word("receipt.copied")).wait_for()
        saved = tmp_path / "saved.txt"
        window.type_into_dialog(saved)
        await keys.go("receipt.save")
        await page.locator("dialog .toast").get_by_text(await window.word("receipt.saved")).wait_for()
        await keys.press("Escape")
        assert await page.locator("dialog").count() == 0
        assert await page.evaluate("document.activeElement.className.includes('PathBadge')")

        text = saved.read_text("utf-8")
        assert text.splitlines()[2:] == words
        assert not [name for name in ("安", "Bob", "127.0.0.1") if name in text]
        await keys.press("Control+m")
        await keys.press("Control+v")
        await page.wait_for_function("() => document.querySelector('textarea').value.includes('FLOATER')")
        assert await page.locator("textarea").input_value() == text


async def test_the_receipt_follows_the_talk_and_is_there_when_it_is_over(tmp_path: Path) -> None:
    async with stage(tmp_path) as (server, windows, bob):
        window = await windows.open(server, tmp_path / "ann")
        await window.sign_up_and_log_in(server, "ann@example.org", "Ann")
        await bob.sign_up_and_log_in("bob@example.org", "Bob")
        await bob.do("set", hide_address=True)
        await window.meet_again(bob)
        await window.page.locator(".PathBadge").click()
        lines = window.page.locator("dialog li")
        await lines.get_by_text(await window.word("why_relay.hidden"), exact=True).wait_for()
        assert await lines.get_by_text("both had said hello").count() == 0
        await bob.do("hang_up")
        await lines.get_by_text(await window.word("receipt.over"), exact=True).wait_for()
        await window.page.keyboard.press("Escape")
        await window.press("receipt.title_over")
        await lines.get_by_text(await window.word("receipt.over"), exact=True).wait_for()
