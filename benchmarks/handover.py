"""Measure what a change of the network costs a talk: a cable, an address, a blocked path. Needs root.

A real server and two headless clients in network namespaces, a home router
before each, 80 ms there and back. Both talk, and a file is under way. Time
counts from the network being whole again to the moment at which both are told
of a path, and to that at which each knows that the first word it said
meanwhile is delivered.
"""

import argparse
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from benchmarks.report import aim, note, start, table
from tests.helpers.handover import (
    Back,
    Outcome,
    Talk,
    block,
    close_way,
    move,
    pull,
    readdress,
    stand_still,
    talking,
)
from tests.natlab.namespaces import missing

AIM: Final = 1.0
SILENCE: Final = 3.0
"Seconds after which a path that passes nothing is given up: a blocked path gives no error."
CABLE: Final = 10.0

Change = Callable[[Talk], Awaitable[Back]]


async def _pull(talk: Talk) -> Back:
    return await pull(talk, CABLE)


async def _sleep(talk: Talk) -> Back:
    return await stand_still(talk, CABLE)


async def _wake_elsewhere(talk: Talk) -> Back:
    return await stand_still(talk, CABLE, elsewhere=True)


async def _close(talk: Talk) -> Back:
    back = await close_way(talk)
    block(talk, blocked=False)
    return back


SCENES: Final[tuple[tuple[str, tuple[str, str], dict[str, bool], Change], ...]] = (
    ("cable out for 10 s", ("APDF", "APDF"), {}, _pull),
    ("another address", ("APDF", "APDF"), {}, readdress),
    ("another router", ("APDF", "APDF"), {}, move),
    ("asleep for 10 s", ("APDF", "APDF"), {}, _sleep),
    ("asleep, awake at another address", ("APDF", "APDF"), {}, _wake_elsewhere),
    ("relay: cable out for 10 s", ("APDF", "APDF"), {"hide": True}, _pull),
    ("relay: another address", ("APDF", "APDF"), {"hide": True}, readdress),
    ("443 only: cable out for 10 s", ("EGRESS", "EGRESS"), {}, _pull),
    ("proxy only: cable out for 10 s", ("EGRESS", "EGRESS"), {"office": True}, _pull),
    ("direct way closes, opens again", ("APDF", "APDF"), {}, _close),
)


async def once(kinds: tuple[str, str], how: dict[str, bool], change: Change, size: int) -> Outcome:
    """Let the network change once, a quarter into a file."""
    with tempfile.TemporaryDirectory(prefix="floater-bench-") as folder:
        async with talking(Path(folder), kinds, **how) as talk:
            transfer = await talk.offer(size)
            await talk.progress(transfer, size // 4)
            back = await change(talk)
            if change is _close:
                await talk.path("direct", within=90)
            return await talk.outcome(back, transfer, within=600)


async def measure(options: argparse.Namespace) -> None:
    """Measure every scene."""
    if (reason := missing()) is not None:
        raise SystemExit(reason)
    rows, within = [], {}
    for words, kinds, how, change in SCENES:
        if options.only not in words:
            continue
        outcomes = [await once(kinds, how, change, options.size) for _ in range(options.times)]
        back = [outcome.back.path for outcome in outcomes]
        understood = [outcome.back.words for outcome in outcomes]
        within[words] = max(back) - (SILENCE if change is _close else 0.0)
        rows.append(
            [
                words,
                *(f"{seconds:.2f}" for seconds in (min(back), statistics.median(back), max(back))),
                *(f"{seconds:.2f}" for seconds in (statistics.median(understood), max(understood))),
                str(len(outcomes)),
                str(sum(outcome.lost for outcome in outcomes)),
                str(sum(outcome.doubled for outcome in outcomes)),
                str(sum(not outcome.in_order for outcome in outcomes)),
                str(sum(not outcome.files_equal for outcome in outcomes)),
                " → ".join(outcomes[-1].paths[0]),
            ]
        )
        print(f"  … {' '.join(rows[-1])}", flush=True)
    header = ["seconds", "path: min", "median", "max", "words: median", "max", "times"]
    header += ["lost", "doubled", "unordered", "unequal", "paths"]
    table(f"A change in the middle of a file of {options.size:,} bytes", header, rows)
    note("lost and doubled texts; talks in which any came out of order; files that came out unequal")
    note("where a way closes, time counts from its closing, of which 3 s of silence are the proof")
    late = [words for words, seconds in within.items() if seconds > AIM]
    aim("back on a path within 1 s", not late, ", ".join(late) or f"{max(within.values()):.2f} s at most")
    whole = all(row[7:11] == ["0"] * 4 for row in rows)
    aim("nothing lost, doubled or unequal", whole, "all of it" if whole else "see above")


def main(argv: list[str] | None = None) -> None:
    """Read the options and measure."""

    def options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--times", type=int, default=5, help="of each change")
        parser.add_argument("--size", type=int, default=100_000_000, help="bytes of the file")
        parser.add_argument("--only", default="", help="scenes whose name contains this")

    start("handover", __doc__, options, measure, argv)


if __name__ == "__main__":
    main()
