"""Measure what a peer that talks without end does to the window, and to `floater headless`.

The window is a real one without a screen. While the peer floods it, it is asked for a sign of
life again and again; for comparison, in the same run, while nothing happens.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import perf_counter
from typing import Final

from benchmarks.flooder import FLOODS
from benchmarks.report import aim, note, percentile, start, table
from hatch_build import PAGE
from tests.helpers.headless import Person, Server
from tests.helpers.window import Window, Windows

ROOT: Final = Path(__file__).parents[1]
PAUSE: Final = 0.02
"Seconds from one answer of the page to the next question."
AFTER: Final = 5.0
"Seconds for which it is watched after a flood."
SOON: Final = 0.3
"Seconds within which the page has to answer."
MEMORY: Final = 600
"MiB that what draws the page may take."
WORDS: Final = {
    "short": "texts of one character",
    "long": "texts of 64 KiB",
    "typing": "typing",
    "offers": "offers taken back",
}


class Flooder:
    """The peer, in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def do(self, command: str) -> None:
        """Have it do something, and wait until that is done."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(command.encode() + b"\n")
        if await self._process.stdout.readline() != b"done\n":
            raise RuntimeError(f"the peer ended during: {command}")


@asynccontextmanager
async def flooder(server: Server, folder: Path) -> AsyncIterator[Flooder]:
    """Start the peer."""
    argv = [sys.executable, "-m", "benchmarks.flooder", server.url, str(server.data_dir), str(folder)]
    process = await asyncio.create_subprocess_exec(
        *argv, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield Flooder(process)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


# -- the window -----------------------------------------------------------------------------


async def answers(window: Window, until: float) -> list[float]:
    """Seconds that the page takes for an answer, asked again and again until then."""
    took = []
    while (began := perf_counter()) < until:
        await window.page.evaluate("1")
        took.append(perf_counter() - began)
        await asyncio.sleep(PAUSE)
    return took


async def flood(window: Window, peer: Flooder, kind: str, seconds: float) -> list[float]:
    """Seconds for each answer during a flood and after it."""
    took, _ = await asyncio.gather(
        answers(window, perf_counter() + seconds + AFTER), peer.do(f"flood {kind} {seconds}")
    )
    return took


def row_of(words: str, took: list[float], window: Window) -> tuple[list[str], float]:
    """A row of answers and memory, and the memory of what draws the page, in MiB."""
    program, page = (size / (1 << 20) for size in memory_of(window.process.pid))
    figures = percentile(took, 50), percentile(took, 99), max(took)
    return [words, *(f"{figure * 1e3:.1f}" for figure in figures), f"{page:.0f}", f"{program:.0f}"], page


async def measure_window(windows: Windows, folder: Path, seconds: float) -> None:
    """A talk for each flood."""
    rows: list[list[str]] = []
    slowest = largest = 0.0
    for kind in FLOODS:
        home = folder / kind
        async with Server(home / "server") as server, flooder(server, home / "peer") as peer:
            window = await windows.open(server, home / "fay")
            await asyncio.gather(window.sign_up_and_log_in(server, "fay@example.org", "Fay"), peer.do("come"))
            await asyncio.gather(window.seek(), peer.do("seek"))
            await window.on("Greeting")
            await asyncio.gather(window.page.locator(".hello").click(), peer.do("greet"))
            await window.on("TalkView")
            if not rows:
                calm = await answers(window, perf_counter() + 2.0)
                rows.append(row_of("nothing happens", calm, window)[0])
            took = await flood(window, peer, kind, seconds)
            row, size = row_of(WORDS[kind], took, window)
            rows.append(row)
            slowest, largest = max(slowest, percentile(took, 99)), max(largest, size)
            await window.close()
    table(
        f"The window during {seconds:g} s of each, and {AFTER:g} s after",
        ["milliseconds until the page answers", "p50", "p99", "longest", "page, MiB", "program, MiB"],
        rows,
    )
    aim("the page answers within 300 ms (p99)", slowest <= SOON, f"{slowest * 1e3:.0f} ms")
    aim("what draws the page takes less than 600 MiB", largest < MEMORY, f"{largest:.0f} MiB")


# -- without a window -----------------------------------------------------------------------


async def statuses(person: Person, until: float) -> list[float]:
    """Seconds that a client takes to tell its status, asked again and again until then or its end."""
    took = []
    while (began := perf_counter()) < until and person.process.returncode is None:
        await person.do("status")
        took.append(perf_counter() - began)
        await asyncio.sleep(PAUSE)
    return took


async def measure_headless(folder: Path, seconds: float) -> None:
    """A talk for each flood, whose events a script reads."""
    rows: list[list[str]] = []
    ended = 0
    for kind in FLOODS:
        home = folder / f"headless-{kind}"
        async with (
            Server(home / "server") as server,
            flooder(server, home / "peer") as peer,
            Person(server, home / "fay") as fay,
        ):
            await asyncio.gather(fay.sign_up_and_log_in("fay@example.org", "Fay"), peer.do("come"))
            await asyncio.gather(fay.do("seek"), peer.do("seek"))
            await asyncio.gather(fay.do("greet"), peer.do("greet"))
            before = len(fay.everything)
            took, _ = await asyncio.gather(
                statuses(fay, perf_counter() + seconds + AFTER), peer.do(f"flood {kind} {seconds}")
            )
            ended += fay.process.returncode is not None
            figures = percentile(took, 50), percentile(took, 99), max(took)
            lines = len(fay.everything) - before - len(took)
            size = rss_of(fay.process.pid) / (1 << 20)
            rows.append([WORDS[kind], *(f"{at * 1e3:.1f}" for at in figures), str(lines), f"{size:.0f}"])
    table(
        f"`floater headless` during {seconds:g} s of each, and {AFTER:g} s after",
        ["milliseconds until status is told", "p50", "p99", "longest", "events", "program, MiB"],
        rows,
    )
    aim("no client ends", ended == 0, f"{ended} did")


# -- what the system tells ------------------------------------------------------------------


def memory_of(pid: int) -> tuple[int, int]:
    """Bytes in memory (RSS) of the program, and of the largest process that it or its helpers have made."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    ours = {pid}
    while more := {child for child, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return rss_of(pid), max((rss_of(each) for each in ours - {pid}), default=0)


def rss_of(pid: int) -> int:
    """What a process has in memory, in bytes; 0 if it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1_024
    return 0


async def measure(options: argparse.Namespace) -> None:
    """Measure one after the other."""
    with tempfile.TemporaryDirectory(prefix="floater-bench-") as name:
        folder = Path(name)
        if (ROOT / PAGE / "index.html").is_file():
            async with Windows() as windows:
                await measure_window(windows, folder, options.seconds)
        else:
            note("the window is not measured: the page is not built: python hatch_build.py")
        await measure_headless(folder, options.seconds)


def main(argv: list[str] | None = None) -> None:
    """Read the options and measure."""

    def options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--seconds", type=float, default=8.0, help="of each flood")

    start("talkative", __doc__, options, measure, argv)


if __name__ == "__main__":
    main()
