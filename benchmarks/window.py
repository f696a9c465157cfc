"""Measure the window: start-up, press to greeting, frames during many messages, memory.

Real windows without a screen, driven over the debugging port. Each figure is
printed beside one of the same run: a view with an empty page (`benchmarks.blank`),
or two people without windows. A page is usable at its first contentful paint: it
paints nothing before it has the state. The processor does all drawing here; with a
graphics chip the figures are better.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Final

from benchmarks.meeting import meetings
from benchmarks.people import Someone
from benchmarks.report import aim, note, percentile, spread, start, table
from floater import api
from hatch_build import PAGE
from tests.helpers.headless import Person, Server
from tests.helpers.pictures import lake
from tests.helpers.window import Window, Windows

ROOT: Final = Path(__file__).parents[1]
BLANK: Final = (sys.executable, "-m", "benchmarks.blank")
SOON: Final = 2.0
"Seconds within which a warm start has to show a usable page."
FRAME: Final = 50.0
"Milliseconds that the page's own work may take from one frame to the next."
REST: Final = 0.5
"Seconds between two meetings, as in `benchmarks.meeting`."
WATCHED: Final = 2.0
"Seconds for which an idle page is watched."
CALM: Final = 3.0
"Seconds until the memory that was needed for a moment has been given back."
CHUNK: Final = 50
"Messages that are sent before the page is waited for; a picture follows each such chunk."
SIZE: Final = (1_280, 853)
"Pixels of a picture: 4.4 MB once it is decoded."

PAINTED: Final = """() => {
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return paint && performance.timeOrigin + paint.startTime;
}"""

PRESS: Final = """() => new Promise(done => {
  const now = () => performance.timeOrigin + performance.now();
  const watch = new MutationObserver(() => {
    if (!document.querySelector(".Greeting")) return;
    watch.disconnect();
    requestAnimationFrame(() => setTimeout(() => done([pressed, now()])));  // it is painted
  });
  watch.observe(document.body, { childList: true, subtree: true });
  const pressed = now();
  document.querySelector(".seek").click();
})"""

WATCH: Final = """() => {
  const frames = [], long = [];
  const note = list => long.push(...list.map(entry => entry.duration));
  const observer = new PerformanceObserver(list => note(list.getEntries()));
  observer.observe({ type: "long-animation-frame" });
  let last = null, next = requestAnimationFrame(function tick(now) {
    if (last !== null) frames.push(now - last);
    last = now;
    next = requestAnimationFrame(tick);
  });
  window.watched = () => {
    cancelAnimationFrame(next);
    note(observer.takeRecords());
    observer.disconnect();
    return [frames, long];
  };
}"""
"Note how long each frame is, and those in which the page's own thread was busy for 50 ms or more."

POUR: Final = """([count, all]) => new Promise(done => {
  let number = 0;
  const timer = setInterval(() => {
    for (const last = all ? count : number + count / 100; number < last; number += 1) {
      const line = document.createElement("p");
      line.textContent = `${number}: what the weather is like here`;
      document.body.append(line);
    }
    scrollTo(0, document.body.scrollHeight);
    if (number < count) return;
    clearInterval(timer);
    done();
  }, 10);
})"""
"Append so many bare paragraphs to an empty page, all at once or within a second."

HAS: Final = "count => document.querySelectorAll('.Bubble').length >= count"


# -- start-up ------------------------------------------------------------------------------


async def starts(windows: Windows, folder: Path, times: int) -> tuple[list[float], list[float]]:
    """Seconds from the start of a program to the first paint: the window's, and an empty page's."""
    took: tuple[list[float], list[float]] = ([], [])
    for number in range(times):
        for kind in (0, 1):
            home = folder / f"start-{number}-{kind}"
            window = await (windows.drive(BLANK, home) if kind else windows.open(None, home))
            painted = await (await window.page.wait_for_function(PAINTED)).json_value()
            took[kind].append(painted / 1_000 - window.began)
            await window.close()
    return took


async def measure_starts(windows: Windows, folder: Path, times: int) -> None:
    """One cold start, then so many warm ones."""
    ours, empty = await starts(windows, folder, times + 1)
    rows = [
        ["an empty page, first in this run", *spread(empty[:1], 1e3, 0)],
        ["an empty page, again", *spread(empty[1:], 1e3, 0)],
        ["the window, first in this run", *spread(ours[:1], 1e3, 0)],
        ["the window, again", *spread(ours[1:], 1e3, 0)],
    ]
    table(
        "From the start of the program to a usable page",
        ["milliseconds", "min", "median", "p95", "starts"],
        rows,
    )
    aim(
        "p95 of a warm start less than 2 s",
        percentile(ours[1:], 95) < SOON,
        f"{percentile(ours[1:], 95):.2f} s",
    )


# -- press to greeting ---------------------------------------------------------------------


async def greetings(ann: Window, bob: Window, times: int) -> list[float]:
    """Seconds from the later press to the later greeting screen."""
    took = []
    for _ in range(times):
        await asyncio.sleep(REST)
        seen = await asyncio.gather(*(window.page.evaluate(PRESS) for window in (ann, bob)))
        took.append((max(shown for _, shown in seen) - max(pressed for pressed, _ in seen)) / 1_000)
        await ann.page.keyboard.press("Escape")
        await ann.page.locator("dialog .danger").click()
        await asyncio.gather(*(window.on("Home") for window in (ann, bob)))
    return took


async def measure_greetings(windows: Windows, folder: Path, times: int) -> None:
    """Two windows, then two people without."""
    async with Server(folder / "greetings") as server:
        ann, bob = await asyncio.gather(*(windows.open(server, folder / name) for name in ("ann", "bob")))
        for window, name in ((ann, "ann"), (bob, "bob")):
            await window.sign_up_and_log_in(server, f"{name}@example.org", name)
        await asyncio.gather(ann.seek(), bob.seek())  # one to warm up, and for the question about the address
        await asyncio.gather(ann.on("Greeting"), bob.on("Greeting"))
        await ann.page.keyboard.press("Escape")
        await ann.page.locator("dialog .danger").click()
        await asyncio.gather(ann.on("Home"), bob.on("Home"))
        took = await greetings(ann, bob, times)
        await asyncio.gather(ann.close(), bob.close())
        async with Person(server, folder / "cai") as cai, Person(server, folder / "dov") as dov:
            for person, name in ((cai, "cai"), (dov, "dov")):
                await person.sign_up_and_log_in(f"{name}@example.org", name)
            bare, _, _ = await meetings(cai, dov, times)
    rows = [
        ["without windows", *spread(bare, 1e3)],
        ["two windows, both painted", *spread(took, 1e3)],
    ]
    table(
        "From both pressing 聊一聊 to both greeting",
        ["milliseconds", "min", "median", "p95", "meetings"],
        rows,
    )
    aim("p95 less than 1 s", percentile(took, 95) < 1.0, f"{percentile(took, 95):.3f} s")


# -- a long talk ---------------------------------------------------------------------------


async def meet(server: Server, window: Window, peer: Someone) -> None:
    """Bring both from the sign-up into a talk."""
    await asyncio.gather(window.sign_up_and_log_in(server, "fay@example.org", "Fay"), peer.come_home())
    await asyncio.gather(window.seek(), peer.client.do(api.Seek()))
    await asyncio.gather(window.on("Greeting"), peer.at(api.State.GREETING))
    await asyncio.gather(window.page.locator(".hello").click(), peer.client.do(api.Greet()))
    await asyncio.gather(window.on("TalkView"), peer.at(api.State.TALKING))


async def say(peer: Someone, first: int, count: int) -> None:
    """Say so much, one after the other."""
    for number in range(first, first + count):
        await peer.client.do(api.SendText(f"{number}: what the weather is like here"))


async def fill(
    window: Window, peer: Someone, messages: int, images: int, picture: bytes, folder: Path
) -> None:
    """Have a long talk, with pictures evenly among the words, each taken by the page's own button."""
    sent = 0
    for number in range(max(images, -(-messages // CHUNK))):
        await say(peer, sent, count := min(CHUNK, messages - sent))
        sent += count
        await window.page.wait_for_function(HAS, arg=sent)
        if number < images:
            name = f"lake {number}.png"
            (folder / name).write_bytes(picture)
            await peer.client.do(api.SendFile(str(folder / name)))
            await window.page.get_by_role("article", name=name, exact=True).locator(".primary").click()
            await peer.event(api.Sent)


async def watch_idle(window: Window) -> tuple[list[float], list[float]]:
    """Frames, and the long ones, while nothing happens."""
    await window.page.evaluate(WATCH)
    await asyncio.sleep(WATCHED)
    frames, long = await window.page.evaluate("window.watched()")
    return frames, long


async def watch_burst(
    window: Window, peer: Someone, there: int, count: int
) -> tuple[list[float], list[float], float]:
    """The same while `count` messages arrive within a second, and how long that took."""
    await window.page.evaluate(WATCH)
    began = perf_counter()

    for step in range(100):
        await asyncio.sleep(began + step / 100 - perf_counter())
        first, last = count * step // 100, count * (step + 1) // 100
        await say(peer, there + first, last - first)
    await window.page.wait_for_function(HAS, arg=there + count, polling=100)
    took = perf_counter() - began
    frames, long = await window.page.evaluate("window.watched()")
    return frames, long, took


async def tidy(window: Window) -> None:
    """Have the page collect its garbage and give back what it could make again, as Chromium does in need."""
    debugger = await window.page.context.new_cdp_session(window.page)
    await debugger.send("HeapProfiler.collectGarbage")
    await debugger.send("Memory.simulatePressureNotification", {"level": "critical"})
    await debugger.detach()
    await asyncio.sleep(CALM)


def row_of(words: str, frames: Sequence[float], long: Sequence[float]) -> list[str]:
    """A row of frame times."""
    return [words, *spread(frames, 1, 1)[1:3], f"{max(frames):.1f}", str(len(frames)), str(len(long))]


def memory_row(words: str, window: Window) -> tuple[list[str], int]:
    """A row of memory, and its whole in bytes."""
    main, renderer, rest = memory_of(window.process.pid)
    whole = main + renderer + rest
    return [words, *(f"{figure / (1 << 20):.0f}" for figure in (main, renderer, rest, whole))], whole


async def measure_talk(windows: Windows, folder: Path, options: argparse.Namespace) -> None:
    """Memory at first and after a long talk, and frames in it."""
    messages, images, burst = options.messages, options.images, options.burst
    empty = await windows.drive(BLANK, folder / "blank")
    nothing = await watch_idle(empty)
    await empty.page.evaluate(POUR, [messages, True])
    await empty.page.evaluate(WATCH)
    await empty.page.evaluate(POUR, [burst, False])
    bare = await empty.page.evaluate("window.watched()")
    await empty.close()
    empty = await windows.drive(BLANK, folder / "blank again")
    await asyncio.sleep(CALM)
    memory = [memory_row("an empty page", empty)[0]]
    await empty.close()
    async with Server(folder / "talk") as server:
        peer = Someone(server, folder, "eva")
        async with peer.client:
            window = await windows.open(server, folder / "fay")
            await meet(server, window, peer)
            await asyncio.sleep(CALM)
            row, fresh = memory_row("the window in a new talk", window)
            memory.append(row)
            await fill(window, peer, messages, images, lake(*SIZE), folder)
            await asyncio.sleep(CALM)
            row, _ = memory_row(f"after {messages} messages and {images} images", window)
            memory.append(row)
            calm = await watch_idle(window)
            frames, long, took = await watch_burst(window, peer, messages, burst)
            await tidy(window)  # only now: what it throws away is missed in the next frames
            row, kept = memory_row(f"and {burst} more, tidied up", window)
            memory.append(row)
            await window.close()
    rows = [
        row_of("an empty page", *nothing),
        row_of(f"{messages} bare paragraphs, {burst} more come", *bare),
        row_of(f"{messages} messages, nothing comes", *calm),
        row_of(f"{burst} more come in {took:.2f} s", frames, long),
    ]
    table("Frames", ["milliseconds", "median", "p95", "longest", "frames", "busy ≥ 50 ms"], rows)
    note(f"load average {os.getloadavg()[0]:.1f}: whatever else runs here holds frames up, too")
    aim("no frame over 50 ms from the page's own work", max(long, default=0) <= FRAME, f"{len(long)} were")
    table("Memory (PSS)", ["MiB", "program", "page", "rest of Chromium", "in all"], memory)
    decoded = SIZE[0] * SIZE[1] * 4 >> 10
    each = (kept - fresh) / (messages + burst + images) / 1_024
    note(
        f"{each:.1f} KiB for each message or image is kept; an image that stayed decoded would take {decoded}"
    )


# -- what the system tells ------------------------------------------------------------------


def memory_of(pid: int) -> tuple[int, int, int]:
    """PSS in bytes: of the program, of what draws its page (made by a zygote), and of the rest."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(folder.name))
    helpers = children.get(pid, [])
    drawing, at = [made for helper in helpers for made in children.get(helper, [])], 0
    while at < len(drawing):
        drawing += children.get(drawing[at], [])
        at += 1
    return pss_of(pid), sum(map(pss_of, drawing)), sum(map(pss_of, helpers))


def pss_of(pid: int) -> int:
    """The proportional share of a process, in bytes."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1_024
    return 0


async def measure(options: argparse.Namespace) -> None:
    """Measure one after the other."""
    if not (ROOT / PAGE / "index.html").is_file():
        note("not measured: the page is not built: python hatch_build.py")
        return
    with tempfile.TemporaryDirectory(prefix="floater-bench-") as name:
        folder = Path(name)
        async with Windows() as windows:
            await measure_starts(windows, folder, options.starts)
            await measure_greetings(windows, folder, options.times)
            await measure_talk(windows, folder, options)


def main(argv: list[str] | None = None) -> None:
    """Read the options and measure."""

    def options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--starts", type=int, default=10, help="warm starts")
        parser.add_argument("--times", type=int, default=20, help="meetings")
        parser.add_argument("--messages", type=int, default=10_000)
        parser.add_argument("--images", type=int, default=200)
        parser.add_argument("--burst", type=int, default=1_000, help="messages in one second")

    start("window", __doc__, options, measure, argv)


if __name__ == "__main__":
    main()
