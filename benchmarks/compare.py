"""Compare this commit with another one, in turn: what a person waits for, and the cost of an idle user.

The other commit is a checkout of its own (`git worktree add FOLDER COMMIT`). For
each pair the real programs of both checkouts are started anew and run side by
side; they are driven from here by JSON lines. Every meeting and every text of one
is followed by one of the other, so that whatever else the machine does affects both
alike. Of each pair the ratio of the medians (this to the other) is kept; printed are
the median of the ratios and its 95 % interval by order statistics, which assumes no
distribution.
"""

import argparse
import asyncio
import json
import math
import os
import re
import select
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from time import perf_counter
from typing import Final

from benchmarks.meeting import RTT, meetings, two_homes
from benchmarks.report import aim, note, start, table
from tests.helpers.headless import DEADLINE, ROOT_VARIABLE, Person, greet, meet

HERE: Final = Path(__file__).parents[1]
AIM: Final = 1.05
WARM_UP: Final = 20
PAUSE: Final = 0.01
"Seconds between two texts: a peer that says more than some 100 a second is slowed down."
IDLE: Final = re.compile(r"floater user, logged in, idle +([0-9.]+)")

Sides = dict[Path, dict[str, float]]
"By checkout, the median of each measure: milliseconds, round trips or KiB, as its name says."


async def at_home(person: Person) -> None:
    """Wait until a person's talk is over."""
    await person.event("state", state="home")


async def two_by_two(
    stack: AsyncExitStack, roots: Sequence[Path], *, wire: bool
) -> dict[Path, tuple[Person, Person]]:
    """Start a server and two people of each checkout, who have met once."""
    people = {}
    for root in roots:
        os.environ[ROOT_VARIABLE] = os.environ["PYTHONPATH"] = str(root)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="floater-bench-")))
        people[root] = await two_homes(stack, folder, wire=wire)
        await meet(*people[root])
        await people[root][0].do("hang_up")
        await asyncio.gather(*map(at_home, people[root]))
    return people


async def on_loopback(roots: Sequence[Path], times: int) -> Sides:
    """Meet `times` times, then send `times` × 50 texts, in turn; return medians in milliseconds."""
    async with AsyncExitStack() as stack:
        people = await two_by_two(stack, roots, wire=False)
        took: dict[Path, list[float]] = {root: [] for root in roots}
        texts: dict[Path, list[float]] = {root: [] for root in roots}
        for _ in range(times):
            for root, (ann, bob) in people.items():
                took[root] += (await meetings(ann, bob, 1))[0]
        pipes = {}
        for root, pair in people.items():
            await meet(*pair)
            await greet(*pair)
            pipes[root] = Pipes(pair[0]), Pipes(pair[1])
            for each in pipes[root]:
                stack.callback(each.close)
        for number in range(1_000, 1_000 + WARM_UP + times * 50):
            for root in roots:
                texts[root].append(one_text(*pipes[root], number))
                await asyncio.sleep(PAUSE)
    return {
        root: {
            "press → greeting, loopback, ms": statistics.median(took[root]) * 1e3,
            "a text, loopback, ms": statistics.median(texts[root][WARM_UP:]) * 1e3,
        }
        for root in roots
    }


class Pipes:
    """A person's commands and replies, without the event loop, whose own time would be measured too."""

    def __init__(self, person: Person) -> None:
        transport = getattr(person.process, "_transport")  # noqa: B009  # no public way
        self._reader = transport.get_pipe_transport(1)
        self._reader.pause_reading()
        self._ends = [transport.get_pipe_transport(end).get_extra_info("pipe").fileno() for end in (0, 1)]
        self._poll = select.poll()
        self._poll.register(self._ends[1], select.POLLIN)
        self._came = b""

    def close(self) -> None:
        """Let the event loop read the replies again."""
        self._reader.resume_reading()

    def write(self, **command: object) -> None:
        """Give a command."""
        os.write(self._ends[0], json.dumps(command).encode() + b"\n")

    def read_until(self, words: bytes) -> None:
        """Read up to the line that has these words in it."""
        while words not in self._came:
            if not self._poll.poll(DEADLINE * 1e3):
                raise TimeoutError(words.decode())
            self._came += os.read(self._ends[1], 65_536)
        self._came = self._came[self._came.index(words) :].partition(b"\n")[2]


def one_text(ann: Pipes, bob: Pipes, number: int) -> float:
    """Send a text; return the seconds until the other is told of it."""
    began = perf_counter()
    ann.write(command="send_text", id=number, text=f"text {number}.")
    bob.read_until(b"text %d." % number)
    took = perf_counter() - began
    ann.read_until(b'"reply":%d' % number)
    return took


async def over_the_wire(roots: Sequence[Path], times: int) -> Sides:
    """Meet behind two home routers, in turn; return the medians from `matched` to authenticated, in RTT."""
    sides: Sides = {}
    for root in roots:  # one laboratory at a time: its networks have names
        async with AsyncExitStack() as stack:
            ann, bob = (await two_by_two(stack, [root], wire=True))[root]
            for person in (ann, bob):
                person.everything.clear()
            await meetings(ann, bob, times)
            proved = [
                line["receipt"]["proved_ms"]
                for person in (ann, bob)
                for line in person.everything
                if line.get("event") == "path"
            ]
        sides[root] = {"matched → authenticated, 80 ms, RTT": statistics.median(proved) / RTT / 1e3}
    return sides


def idle(root: Path, users: int) -> dict[str, float]:
    """Return the memory of an idle user in KiB, measured by that checkout's own benchmark."""
    said = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", "--users", str(users)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found = IDLE.search(said)
    return {} if found is None else {"an idle user at the server, KiB": float(found[1])}


async def one_pair(roots: Sequence[Path], options: argparse.Namespace) -> Sides:
    """Measure both checkouts once, in this order."""
    sides = await on_loopback(roots, options.times)
    if options.wire_times:
        for root, figures in (await over_the_wire(roots, options.wire_times)).items():
            sides[root] |= figures
    if options.users:
        for root in roots:
            sides[root] |= await asyncio.to_thread(idle, root, options.users)
    return sides


def interval(ratios: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of the median, by order statistics; fewer than 6 ratios give all of them."""
    ordered, count = sorted(ratios), len(ratios)
    outside, below = 0.0, 0
    while below < count // 2:
        outside += math.comb(count, below) / 2**count
        if 2 * outside > 0.05:
            break
        below += 1
    return ordered[max(0, below - 1)], ordered[min(count - 1, count - below)]


def show(runs: Mapping[str, list[tuple[float, float]]]) -> None:
    """Print the table, and whether the target is met."""
    rows = []
    worst = 0.0
    for what, pairs in runs.items():
        ratios = [ours / theirs for ours, theirs in pairs]
        low, high = interval(ratios)
        worst = max(worst, high)
        medians = [statistics.median(side) for side in zip(*pairs, strict=True)]
        figures = (*medians, statistics.median(ratios), low, high)
        rows.append([what, *(f"{figure:.3f}" for figure in figures), str(len(pairs))])
    header = ["median of", "this", "the other", "ratio", "from", "to", "pairs"]
    table("This commit and the other, in turn", header, rows)
    aim(f"each interval ends at {AIM} or below", worst <= AIM, f"{worst:.3f}")


async def measure(options: argparse.Namespace) -> None:
    """Measure all pairs."""
    other = Path(options.other).resolve()
    runs: dict[str, list[tuple[float, float]]] = {}
    for number in range(options.pairs):
        figures = await one_pair((HERE, other) if number % 2 == 0 else (other, HERE), options)
        for what, ours in figures[HERE].items():
            if what in figures[other]:
                runs.setdefault(what, []).append((ours, figures[other][what]))
        ratios = ", ".join(f"{pairs[-1][0] / pairs[-1][1]:.2f}" for pairs in runs.values())
        note(f"pair {number + 1} of {options.pairs}: {ratios}")
    show(runs)


def main(argv: list[str] | None = None) -> None:
    """Read the options and measure."""

    def options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("other", help="a checkout of the other commit")
        parser.add_argument("--pairs", type=int, default=20)
        parser.add_argument("--times", type=int, default=8, help="meetings on loopback in a run")
        parser.add_argument("--wire-times", type=int, default=8, help="meetings over the wire; 0 for none")
        parser.add_argument("--users", type=int, default=500, help="idle users; 0 for none")

    start("compare", __doc__, options, measure, argv, asyncio.run)  # other loops hide the pipes


if __name__ == "__main__":
    main()
