"""A walk through every screen and state of the window: the real program, a real server, a real stranger.

`tour` calls `stop(window, name)` wherever there is something to look at; what
is done there is the caller's. A name is that of the picture it may become.
"""

import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from playwright.async_api import Locator

from tests.helpers.headless import PASSWORD, Person, Server
from tests.helpers.pictures import lake, program
from tests.helpers.window import Window, Windows

Stop = Callable[[Window, str], Awaitable[None]]

WORDS: Final = {
    "zh-CN": {
        "name": "阿岚",
        "peer": "渡口的人",
        "lake": "傍晚的湖.png",
        "notes": "歌词.txt",
        "music": "河边的录音.flac",
        "program": "看看这个.exe",
        "talk": [
            ("peer", "你好呀！你那边现在几点？"),
            ("me", "晚上八点多，刚下过雨。"),
            ("me", "窗外全是青蛙叫 🐸"),
            ("peer", "真好。我在江边，风有点大，船都靠岸了。"),
            ("peer", "你去过湖边的那条步道吗？照片在这里：\nhttps://例子.中国/湖边步道"),
            ("me", "还没有，看起来不错。等天晴了去走走，听说走完一圈要两个小时，中间有一家卖藕粉的小店。"),
        ],
        "writes": "那家店还开着吗？",
        "unread": ("雨停了。", "月亮出来了，你看得到吗？"),
        "away": "你还在吗？",
    },
    "en": {
        "name": "Ada",
        "peer": "Wanderer by the sea",
        "lake": "lake at dusk.png",
        "notes": "song.txt",
        "music": "river recording.flac",
        "program": "look at this.exe",
        "talk": [
            ("peer", "Hello! What time is it where you are?"),
            ("me", "A little past eight in the evening. It has just stopped raining."),
            ("me", "The frogs outside are very loud 🐸"),
            ("peer", "Lovely. I am down by the river, it is windy and the boats are all in."),
            ("peer", "Do you know the path around the lake? There are pictures here:\nhttps://example.org/lake-path"),
            ("me", "Not yet, but it looks good. I will go when the sun is back; they say it takes two hours "
                   "and that there is a tea house half way."),
        ],
        "writes": "Is that tea house still open?",
        "unread": ("The rain has stopped.", "The moon is out. Can you see it?"),
        "away": "Are you still there?",
    },
}  # fmt: skip

BRING: Final = """([bytes, name, type]) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], name, { type }));
  const dropped = new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
  document.querySelector(".TalkView").dispatchEvent(dropped);
}"""
"Drop a file into the talk, as a person would."


async def tour(windows: Windows, folder: Path, language: str, stop: Stop) -> None:
    """Walk through everything in one language."""
    async with (
        Server(folder / "server") as server,
        Person(server, folder / "bob", "--log", "warning") as bob,
    ):
        walk = _Walk(windows, folder, language, stop, server, bob)
        await walk.first_run()
        await walk.account()
        await walk.meeting()
        await walk.talk()
        await walk.files()
        await walk.trouble()


class _Walk:
    window: Window

    def __init__(
        self, windows: Windows, folder: Path, language: str, stop: Stop, server: Server, bob: Person
    ) -> None:
        self._windows = windows
        self._folder = folder
        self._language = language
        self._stop = stop
        self._server = server
        self._bob = bob
        self._words = WORDS[language]

    async def _see(self, name: str) -> None:
        await self._stop(self.window, name)

    def _word(self, key: str) -> str:
        return str(self._words[key])

    async def _to_end(self) -> None:
        await self.window.page.locator(".MessageList").evaluate("list => list.scrollTo(0, list.scrollHeight)")

    def _card(self, name: str) -> Locator:
        return self.window.page.get_by_role("article", name=name, exact=True)

    async def first_run(self) -> None:
        """Without any server."""
        self.window = window = await self._windows.open(None, self._folder / "new", language=self._language)
        await self._see("welcome")
        await window.press("welcome.practise")
        await window.on("Home")
        await window.page.get_by_text(await window.word("home.practising")).wait_for()
        await window.page.wait_for_function("() => document.querySelector('.seek:enabled')")
        await self._see("practice")
        await window.press("practice.end")
        await window.button(await window.word("welcome.practise")).wait_for()
        await window.press("welcome.server")
        await window.fill("server.address", "floater://nowhere")
        await window.press("server.use")
        await window.page.locator(".Field .error").wait_for()
        await self._see("server")
        await window.press("server.host")
        await window.page.locator(".qr").wait_for()
        await self._see("server-hosted")
        await window.close()

    async def account(self) -> None:
        """From the sign-up to home, and what lies over it."""
        env = {"FLOATER_MAIL_FOLDER": str(self._server.outbox)}
        self.window = window = await self._windows.open(
            self._server, self._folder / "ann", language=self._language, env=env
        )
        page = window.page
        await window.press("welcome.sign_up")
        await window.fill("field.email", "ann@example.org")
        await window.fill("field.username", self._word("name") + "x" * 40)
        await window.fill("field.password", PASSWORD)
        await page.get_by_role("checkbox").check()
        await window.press("sign_up.do")
        await page.locator(".Field .error").wait_for()
        await self._see("sign-up-refused")
        await window.fill("field.username", self._word("name"))
        await window.press("sign_up.do")
        await page.locator(".CheckMail .digits").wait_for()
        await self._see("check-mail")
        await window.press("check_mail.fill_in")
        await window.press("check_mail.do")
        await window.on("Account form:not(.CheckMail)")
        await window.quiet()
        await window.fill("field.email", "ann@example.org")
        await window.fill("field.password", "not this one")
        await window.press("log_in.do")
        await page.locator(".problem").wait_for()
        await self._see("log-in-refused")
        await window.press("log_in.forgot")
        await window.fill("field.email", "ann@example.org")
        await self._see("forgot")
        await window.press("forgot.do")
        await page.locator(".CheckMail .digits").wait_for()
        await self._see("reset")
        await window.press("back")
        await window.fill("field.email", "ann@example.org")
        await window.fill("field.password", PASSWORD)
        await window.press("log_in.do")
        await window.on("Home")
        await page.wait_for_function("() => document.querySelector('.seek:enabled')")
        await window.quiet()
        await self._see("home")

        await page.keyboard.press("Control+,")
        await page.locator("dialog").wait_for()
        await self._see("settings")
        await window.press("settings.check")
        await page.locator("dialog ul li").first.wait_for()
        await page.locator("dialog summary").click()
        await page.locator("dialog .primary").scroll_into_view_if_needed()
        await self._see("settings-end")
        await page.keyboard.press("Escape")
        await page.keyboard.press("Control+/")
        await page.locator("dialog kbd").first.wait_for()
        await self._see("shortcuts")
        await page.keyboard.press("Escape")
        await page.locator(".seek").click()
        await page.locator("dialog").wait_for()
        await self._see("address")
        await page.locator("dialog .primary").click()
        await window.on("Waiting")
        await self._see("seeking")
        await page.locator(".nobody").get_by_text(await window.word("waiting.nobody")).wait_for()
        await self._see("seeking-long")
        await page.keyboard.press("Escape")
        await window.on("Home")

    async def meeting(self) -> None:
        """Connecting, and the three faces of the greeting."""
        window, bob = self.window, self._bob
        await bob.sign_up_and_log_in("bob@example.org", self._word("peer"))
        await bob.do("seek")
        bob.process.send_signal(signal.SIGSTOP)
        await window.seek()
        await window.page.get_by_text(await window.word("trying.relay_too")).wait_for()
        await self._see("connecting")
        bob.process.send_signal(signal.SIGCONT)
        await window.on("Greeting")
        await bob.event("state", state="greeting")
        await self._see("greeting")
        await window.page.locator(".hello").click()
        await bob.event("peer_greeted")
        await self._see("greeting-you")
        await bob.do("hang_up")
        await window.on("Home .ended")
        await self._see("ended")
        await window.meet_again(bob)
        await bob.do("greet", language=self._language)
        await window.page.locator("dd").get_by_text("✓").wait_for()
        await self._see("greeting-peer")
        await window.page.locator(".hello").click()
        await window.on("TalkView")
        await bob.event("state", state="talking")

    async def talk(self) -> None:
        """Words, and what lies over them."""
        window, bob, page = self.window, self._bob, self.window.page
        await self._see("talk-empty")
        for who, text in self._words["talk"]:
            if who == "me":
                await page.locator("textarea").fill(text)
                await page.keyboard.press("Enter")
                await bob.event("text", text=text)
            else:
                await bob.do("send_text", text=text)
                await page.locator(".Bubble .text").last.get_by_text(text.split("\n")[0]).wait_for()
        await page.get_by_title(await window.word("delivery.delivered")).last.wait_for()
        await page.locator("textarea").fill(self._word("writes"))
        await bob.do("typing", typing=True)
        await page.locator(".typing").wait_for()
        await self._see("talk")
        await page.locator("textarea").fill("")
        await window.press("talk.emoji")
        await page.locator(".EmojiPicker").wait_for()
        await self._see("emoji")
        await page.keyboard.press("Escape")
        await page.locator(".link").click()
        await page.locator("dialog").wait_for()
        await self._see("link")
        await page.keyboard.press("Escape")
        await page.keyboard.press("Escape")
        await page.locator("dialog").wait_for()
        await self._see("hang-up")
        await page.keyboard.press("Enter")
        await page.locator("textarea").fill("长" * 30_000)
        await page.keyboard.press("Enter")
        await page.locator(".toast.grave").wait_for()
        await page.locator("textarea").fill("")
        await self._see("toast")
        await window.quiet()

    async def files(self) -> None:
        """File cards in every state."""
        window, bob, page = self.window, self._bob, self.window.page
        picture, notes, music, setup = (
            self._folder / self._word(key) for key in ("lake", "notes", "music", "program")
        )
        picture.write_bytes(lake(720, 480))
        setup.write_bytes(program(81_920))
        notes.write_text("la la la\n" * 200, "utf-8")
        with music.open("wb") as file:
            file.truncate(300_000_000)
        await bob.do("send_file", path=str(picture))
        await bob.do("send_file", path=str(setup))
        await page.evaluate(BRING, [list(notes.read_bytes()), notes.name, "text/plain"])
        await self._card(notes.name).wait_for()
        await self._card(setup.name).wait_for()
        await self._see("files-offered")

        offered = await bob.event("offer")
        await bob.do("accept", transfer_id=offered["transfer_id"], to=str(self._folder / "bob"))
        await self._card(notes.name).locator(".good").wait_for()
        await self._card(setup.name).get_by_role("button", name=await window.word("file.decline")).click()
        await self._card(picture.name).locator(".primary").click()
        await self._card(picture.name).locator("img").wait_for()
        await page.wait_for_function("() => document.querySelector('.Picture img')?.naturalWidth > 0")
        await self._to_end()
        await self._see("files-done")
        await self._card(picture.name).locator(".Picture").click()
        await page.locator(".Lightbox").wait_for()
        await self._see("lightbox")
        await page.keyboard.press("Escape")

        big = (await bob.do("send_file", path=str(music)))["transfer_id"]
        await self._card(music.name).locator(".primary").click()
        while (await bob.event("progress", transfer_id=big))["bytes"] < 100_000_000:
            pass
        await bob.do("pause", transfer_id=big)
        await self._card(music.name).get_by_text(await window.word("file.paused_by_peer")).wait_for()
        await self._to_end()
        await self._see("files-paused")
        await bob.do("cancel", transfer_id=big)
        await self._card(music.name).locator("progress").wait_for(state="detached")

    async def trouble(self) -> None:
        """What is unseen, a peer out of reach, a text that did not arrive, a server that is gone."""
        window, bob, page = self.window, self._bob, self.window.page
        await page.locator(".MessageList").evaluate("list => list.scrollTo(0, 0)")
        await page.locator(".down").wait_for()
        for text in self._words["unread"]:
            await bob.do("send_text", text=text)
        await page.locator(".down").get_by_text(await window.fill_in("talk.unread", count=2)).wait_for()
        await self._see("unread")
        await page.locator(".down").click()
        bob.process.send_signal(signal.SIGSTOP)
        await page.locator("textarea").fill(self._word("away"))
        await page.keyboard.press("Enter")
        await page.locator(".away").wait_for()
        await self._see("away")
        await page.locator(".mark.failed").wait_for(timeout=40_000)
        await self._see("failed")
        bob.process.send_signal(signal.SIGCONT)
        await page.locator(".away").wait_for(state="detached")
        await bob.do("hang_up")
        await window.on("Home .ended")
        os.killpg(self._server.process.pid, signal.SIGKILL)
        await page.locator(".offline").wait_for()
        await self._see("offline")
        await window.press("receipt.title_over")
        await page.locator("dialog li").first.wait_for()
        await self._see("receipt")
