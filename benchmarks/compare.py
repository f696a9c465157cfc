"""Compare this commit with another one, in turn: what a person waits for, and the cost of an idle user.

The other commit is a checkout of its own (`git worktree add FOLDER COMMIT`). A
pair is one run of each, in an order that changes from pair to pair, so that other
load of the machine affects both. The programs of either side are real
processes of that checkout; they are driven from here by JSON lines. Of each
pair the ratio (this to the other) is kept; printed are its median and the 95 %
interval of that median by order statistics, which assumes no distribution.
"""

import argparse
import asyncio
import math
import os
import re
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
from tests.helpers.headless import ROOT_VARIABLE, greet, meet

HERE: Final = Path(__file__).parents[1]
AIM: Final = 1.05
WARM_UP: Final = 20
PAUSE: Final = 0.01
"Seconds between two texts: a peer that says more than some 100 a second is slowed down."
IDLE: Final = re.compile(r"floater user, logged in, idle +([0-9.]+)")


async def on_loopback(times: int) -> dict[str, float]:
    """Meet `times` times, then send `times` × 100 texts; return medians in milliseconds."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="floater-bench-")))
        ann, bob = await two_homes(stack, folder, wire=False)
        await meet(ann, bob)
        await ann.do("hang_up")
        await asyncio.gather(*(person.event("state", state="home") for person in (ann, bob)))
        took, _, _ = await meetings(ann, bob, times)
        await meet(ann, bob)
        await greet(ann, bob)
        texts = []
        for number in range(WARM_UP + times * 100):
            began = perf_counter()
            await ann.do("send_text", text=f"text {number}")
            await bob.event("text", text=f"text {number}")
            texts.append(perf_counter() - began)
            await asyncio.sleep(PAUSE)
    return {
        "press → greeting, loopback, ms": statistics.median(took) * 1e3,
        "a text, loopback, ms": statistics.median(texts[WARM_UP:]) * 1e3,
    }


async def over_the_wire(times: int) -> dict[str, float]:
    """Meet behind two home routers; return the median from `matched` to authenticated, in round trips."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="floater-bench-")))
        ann, bob = await two_homes(stack, folder, wire=True)
        proved = []
        for person in (ann, bob):
            person.everything.clear()
        await meetings(ann, bob, times)
        for person in (ann, bob):
            proved += [
                line["receipt"]["proved_ms"] for line in person.everything if line.get("event") == "path"
            ]
    return {"matched → authenticated, 80 ms, RTT": statistics.median(proved) / RTT / 1e3}


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


async def one_run(root: Path, options: argparse.Namespace) -> dict[str, float]:
    """Measure one checkout once."""
    os.environ[ROOT_VARIABLE] = os.environ["PYTHONPATH"] = str(root)
    figures = await on_loopback(options.times)
    if options.wire_times:
        figures |= await over_the_wire(options.wire_times)
    if options.users:
        figures |= await asyncio.to_thread(idle, root, options.users)
    return figures


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
        order = (HERE, other) if number % 2 == 0 else (other, HERE)
        figures = {root: await one_run(root, options) for root in order}
        for what, ours in figures[HERE].items():
            if what in figures[other]:
                runs.setdefault(what, []).append((ours, figures[other][what]))
        note(f"pair {number + 1} of {options.pairs}")
    show(runs)


def main(argv: list[str] | None = None) -> None:
    """Read the options and measure."""

    def options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("other", help="a checkout of the other commit")
        parser.add_argument("--pairs", type=int, default=20)
        parser.add_argument("--times", type=int, default=8, help="meetings on loopback in a run")
        parser.add_argument("--wire-times", type=int, default=8, help="meetings over the wire; 0 for none")
        parser.add_argument("--users", type=int, default=500, help="idle users; 0 for none")

    start("compare", __doc__, options, measure, argv)


if __name__ == "__main__":
    main()
