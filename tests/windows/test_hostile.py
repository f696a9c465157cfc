"""Whatever a peer sends is shown as text or not at all."""

import asyncio
from pathlib import Path

import pytest

from tests.helpers.headless import Person
from tests.helpers.pictures import claimed_gif, claimed_jpeg, claimed_png, noise_png
from tests.helpers.window import Window, stage

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(180)]

SCRIPT = "<script>window.broken = 1</script><img src=x onerror='window.broken = 1'>"
TEXTS = {
    "script": SCRIPT,
    "markup": "<b>bold</b> &amp; <a href='javascript:window.broken=1'>link</a> {@html 'x'} ${1}",
    "long": "长" * 21_000,
    "wide": "x" * 65_000,
    "emoji": "😀" * 10_000,
    "bidi": "abc\u202egnp.exe\u2066 def",
    "zero": "zero\u200b\u200c\u200d\ufeffwidth",
    "marks": "e" + "\u0301" * 500,
}


NAME = "<i>Bob</i>\u202e"


async def is_whole(window: Window) -> None:
    """Nothing ran, nothing is wider than the window, and the page still listens."""
    assert await window.page.evaluate("window.broken") is None
    assert await window.page.locator("script:not([src]), [onerror], iframe, object").count() == 0
    wide = await window.page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide[0] <= wide[1], "nothing pushes the page wider than the window"
    column = await window.page.evaluate(
        "(list => [list.scrollWidth, list.clientWidth])(document.querySelector('.MessageList'))"
    )
    assert column[0] <= column[1], "no message is wider than the list"


async def test_hostile_texts_are_only_texts(tmp_path: Path) -> None:
    async with stage(tmp_path) as (server, windows, bob):
        window = await windows.open(server, tmp_path / "ann", size=(360, 640))
        await window.meet(server, bob, peer_name=NAME)
        assert await window.page.locator(".peer").inner_text() == "<i>Bob</i>"
        for text in TEXTS.values():
            await bob.do("send_text", text=text)
        await bob.do("send_text", text="the last")
        await window.said("the last").wait_for()
        await is_whole(window)
        # What is out of sight is not laid out, and has no inner text.
        shown = await window.page.locator(".Bubble .text").all_text_contents()
        assert len(shown) == len(TEXTS) + 1
        assert shown[0] == SCRIPT
        for text in shown:
            assert not set(text) & set("\u202e\u2066\u200b\ufeff")
        assert len(max(shown, key=len)) == 65_000
        marks = shown[list(TEXTS).index("marks")]
        assert len(marks) <= 4


async def test_a_link_is_shown_whole_and_opened_only_when_asked(tmp_path: Path) -> None:
    async with stage(tmp_path) as (server, windows, bob):
        window = await windows.open(server, tmp_path / "ann")
        await window.meet(server, bob, peer_name=NAME)
        window.requests.clear()
        await bob.do("send_text", text="see https://аpple.example/free and javascript:alert(1)")
        await window.page.locator(".Bubble .link").click()
        await window.page.get_by_text("https://xn--pple-43d.example/free").wait_for()
        await window.page.keyboard.press("Escape")
        assert await window.page.locator(".Bubble .link").count() == 1
        assert await window.page.locator("a[href]").count() == 0
        assert window.requests == []


async def test_files_that_lie_do_no_harm(tmp_path: Path) -> None:
    async with stage(tmp_path) as (server, windows, bob):
        window = await windows.open(server, tmp_path / "ann", size=(360, 640))
        await window.meet(server, bob, peer_name=NAME)
        vector = b"<svg xmlns='http://www.w3.org/2000/svg'><script>window.broken=1</script></svg>"
        files = {
            "broken.png": b"\x89PNG\r\n\x1a\n" + b"\xff" * 4_000,
            "a" * 200 + "<img src=x onerror=window.broken=1>.png": noise_png(4_000),
            "giant.png": claimed_png(60_000, 60_000),
            "giant.gif": claimed_gif(60_000, 60_000),
            "giant.jpg": claimed_jpeg(60_000, 60_000),
            "vector.svg": vector,
            "vector.png": vector,
        }
        for name, data in files.items():
            path = tmp_path / name.replace("/", "")
            path.write_bytes(data)
            await bob.do("send_file", path=str(path))
        cards = window.page.locator(".FileCard")
        await cards.nth(len(files) - 1).wait_for()
        for index in range(len(files)):
            await cards.nth(index).locator("button.primary").click()
        await window.page.wait_for_function(
            "count => document.querySelectorAll('.FileCard .good').length === count", arg=len(files)
        )
        refused = window.page.get_by_text(await window.word("file.not_shown"))
        for index in range(len(files)):
            await cards.nth(index).scroll_into_view_if_needed()  # what is far away is not even loaded
        await refused.nth(3).wait_for()
        assert await refused.count() == 4, "the broken one and the three giants"
        await window.page.locator(".Picture").scroll_into_view_if_needed()
        images = window.page.locator(".FileCard img")
        await images.wait_for()
        assert await images.count() == 1, "a vector image is never shown, whatever its name"
        assert await images.evaluate("image => image.naturalWidth") > 0
        await is_whole(window)
        await alive(window, bob)
        window.complaints.clear()  # that four pictures were not to be had


async def alive(window: Window, bob: Person) -> None:
    """The talk goes on, in the same page."""
    await bob.do("send_text", text="still here")
    await window.said("still here").wait_for()


async def test_the_channel_does_nothing_for_what_got_into_the_page(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("mine")
    async with stage(tmp_path) as (server, windows, bob):
        window = await windows.open(server, tmp_path / "ann")
        await window.meet(server, bob, peer_name=NAME)
        bob.forget()
        await window.page.evaluate(BREAK_OUT, str(secret))
        await window.detach()  # a debugger holds new windows back and may evaluate anything, the page may not
        await asyncio.sleep(1.5)  # it is what does not happen that counts
        await window.attach()
        while len(outcome := await window.page.evaluate("window.tried")) < TRIED:
            await asyncio.sleep(0.02)  # what was begun ends when the window has time for it
        assert outcome.pop("here") == "floater://app/index.html"
        assert outcome.pop("store") in ("refused", "null")
        assert len(outcome) == TRIED - 2
        assert set(outcome.values()) == {"refused"}, outcome
        await window.page.reload()  # the script had taken the page's end of the channel
        await alive(window, bob)
        assert not [line for line in bob.everything if line.get("event") == "offer"]
        window.complaints.clear()  # that it was refused


BREAK_OUT = """path => {
  const tried = window.tried = {};
  const refused = what => () => (tried[what] = "refused");
  const get = (what, url) => fetch(url).then(r => (tried[what] = r.ok ? "open" : "refused"), refused(what));
  const ask = wishes => new QWebChannel(qt.webChannelTransport, ({objects: {channel}}) => {
    channel.lines.connect(lines => lines.split("\\n").map(line => JSON.parse(line)).forEach(reply => {
      if (reply.reply >= 1e6) tried[wishes[reply.reply - 1e6].command] = reply.ok ? "open" : "refused";
    }));
    wishes.forEach((wish, at) => channel.send(JSON.stringify({id: 1e6 + at, ...wish})));
  });
  setTimeout(() => {
    get("file:", "file://" + path);
    get("https:", "https://example.org/");
    get("http:", "http://127.0.0.1:1/");
    get("floater:", "floater://elsewhere/");
    get("outside", "floater://app/../api.py");
    get("media", "floater://media/" + path);
    get("qrc:", "qrc:///qtwebchannel/qwebchannel.js");
    get("data:", "data:text/plain,x");
    const socket = new WebSocket("wss://example.org/");
    socket.onerror = refused("ws:");
    try { tried.eval = eval("'open'"); } catch { tried.eval = "refused"; }
    try { tried.store = String(localStorage); } catch { tried.store = "refused"; }
    try { new Worker("app.js").onerror = refused("worker"); } catch { tried.worker = "refused"; }
    tried.popup = window.open("https://example.org/") === null ? "refused" : "open";
    ask([
      {command: "send_file", path}, {command: "accept", transfer_id: "x", to: path},
      {command: "set", downloads: "/"}, {command: "quit"},
    ]);
    location.href = "https://example.org/";
    setTimeout(() => (tried.here = location.href), 500);
  }, 200);
}"""
"What a script that got into the page would try."
TRIED = 18
"What it has found out then."
