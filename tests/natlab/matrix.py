"""Measure every pair of NAT kinds: `python -m tests.natlab matrix`.

::

    Town (a server host, two homes of each kind) ── one pair at a time ──▶ Program.join ──▶ Run

A `Program` is whatever tries to join two hosts: FLOATER itself or one of `tests.natlab.peers`.
It lives as long as the town; each pair meets in it under a `Setting`. Towns side by side are
lanes: each has a wire and a server of its own, so that nobody else is ever matched.
"""

import argparse
import asyncio
import sys
import tempfile
from collections import Counter, deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, ExitStack
from itertools import product
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from benchmarks.report import note
from floater.loop import run as run_loop
from tests.natlab.lab import Lab
from tests.natlab.nats import KINDS
from tests.natlab.peers import dcutr
from tests.natlab.peers.floater import Floater
from tests.natlab.peers.textbook import Floor, Textbook
from tests.natlab.rows import RTT, Pair, Run, Setting, all_pairs, read_runs, show
from tests.natlab.town import NotHere, Program, Town

PROGRAMS: Final[dict[str, Callable[[Town, Path], AbstractAsyncContextManager[Program]]]] = {
    "floater": Floater.settled,
    "floor": Floor.settled,
    "textbook": Textbook.settled,
    "js-libp2p": dcutr.JS,
    "py-libp2p": dcutr.PY,
}

SKEWS: Final = (0.0, 0.045, -0.045, 0.3, -0.3)
LOSSES: Final = (0.0, 0.05)

Wanted: TypeAlias = dict[tuple[Pair, Setting], int]
"How often each pair is to be tried under each setting."
Plan: TypeAlias = dict[str, Wanted]
"By program."


class Log:
    """All runs made so far: printed, and kept in a file if there is one."""

    def __init__(self, path: Path | None) -> None:
        self.runs = read_runs(path) if path is not None else []
        self.absent: dict[str, str] = {}
        "Programs that could not be had, and why."
        self._path = path
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)  # and a last line that was cut off goes
            path.write_bytes(b"".join(msgspec.json.encode(run) + b"\n" for run in self.runs))

    def missing(self, program: str, wanted: Wanted) -> list[tuple[Pair, Setting]]:
        """List the runs still to be made, round after round, so that an interruption leaves all equal."""
        have = Counter((run.pair, run.setting) for run in self.runs if run.program == program)
        return [
            each
            for number in range(max(wanted.values(), default=0))
            for each, runs in wanted.items()
            if have[each] <= number < runs
        ]

    def add(self, run: Run, left: int) -> None:
        """Take in a run; `left` are still to be made."""
        self.runs.append(run)
        if self._path is not None:
            with self._path.open("ab") as file:
                file.write(msgspec.json.encode(run) + b"\n")
        times = [
            f"{word} {at / RTT:.1f}"
            for word, at in (("relay", run.relay), ("direct", run.direct), ("usable", run.usable))
            if at is not None
        ]
        came = f"{', '.join(times) or 'nothing'} RTT"
        words = f"{run.program} {run.pair}, {run.setting}: {came} {run.how} {run.reason}"
        print(f"{left:5} left · {words}", file=sys.stderr, flush=True)


def whole() -> Plan:
    """All that the tables are for: every pair everywhere, often where they can be direct, and peers."""
    plain, lossy = Setting(), Setting(loss=0.05)
    pairs = all_pairs()
    everywhere = {(pair, Setting(*each)): 1 for each in product(SKEWS, LOSSES) for pair in pairs}
    often = {(pair, plain): 20 for pair in pairs if pair.can_be_direct}
    timed = {(pair, setting): 20 for setting in (plain, lossy) for pair in pairs if pair.is_ordinary}
    once = {(pair, plain): 1 for pair in pairs}
    skewed = {(pair, Setting(skew)): 1 for skew in SKEWS for pair in pairs}
    wanted = {"floater": everywhere | often | timed, "floor": timed, "textbook": skewed}
    return {name: wanted.get(name, once) for name in PROGRAMS}


def chosen(options: argparse.Namespace) -> Plan:
    """What the options ask for."""
    only = {frozenset(words.split("×")) for words in options.only}
    pairs = [
        pair
        for pair in all_pairs(kind for kind in KINDS if kind in options.kinds)
        if not only or frozenset(pair) in only
    ]
    settings = [Setting(skew / 1e3, loss / 1e2) for loss in options.loss for skew in options.skew]
    wanted = {(pair, setting): options.runs for setting in settings for pair in pairs}
    return {name: wanted for name in options.programs}


async def measure(plan: Plan, log: Log, *, lanes: int, seed: int) -> None:
    """Make all runs of a plan that are not there yet, in some towns side by side."""
    work = {name: deque(log.missing(name, wanted)) for name, wanted in plan.items()}
    kinds = {kind for left in work.values() for pair, _ in left for kind in pair}
    if not kinds:
        return

    async def lane(town: Town, folder: Path) -> None:
        folder.mkdir()
        for name, left in work.items():
            if not left:
                continue
            try:
                async with PROGRAMS[name](town, folder / name) as program:
                    while left:
                        pair, setting = left.popleft()
                        if program.measures(pair, setting):
                            log.add(await town.join(program, pair, setting), len(left))
            except NotHere as error:
                log.absent[name] = str(error).partition("\n")[0]

    with tempfile.TemporaryDirectory(prefix="floater-matrix-") as folder, ExitStack() as stack:
        labs = [stack.enter_context(Lab(rtt=RTT, seed=seed + number)) for number in range(lanes)]
        towns = [Town(lab, [kind for kind in KINDS if kind in kinds]) for lab in labs]
        async with asyncio.TaskGroup() as group:
            for number, town in enumerate(towns):
                group.create_task(lane(town, Path(folder, str(number))))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `python -m tests.natlab matrix`."""
    parser.add_argument("--whole", action="store_true", help="all that the tables are for: two hours")
    parser.add_argument("--runs", type=int, default=1, help="of each pair under each setting (default: 1)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND")
    parser.add_argument("--only", nargs="+", default=[], metavar="KIND×KIND", help="only these pairs")
    parser.add_argument("--skew", nargs="+", type=float, default=[0.0], metavar="MS", help="(default: 0)")
    parser.add_argument(
        "--loss", nargs="+", type=float, default=[0.0], metavar="PERCENT", help="(default: 0)"
    )
    parser.add_argument("--programs", nargs="+", choices=PROGRAMS, default=list(PROGRAMS), metavar="PROGRAM")
    parser.add_argument("--lanes", type=int, default=1, help="towns side by side (default: 1)")
    parser.add_argument("--seed", type=int, default=1, help="of the wires' dice (default: 1)")
    parser.add_argument("--out", type=Path, help="JSON lines: what is there counts, what is new is added")
    parser.add_argument("--show", action="store_true", help="only print the tables of --out")


def main(options: argparse.Namespace) -> int:
    """Measure as asked, and print the tables of all there is, also if interrupted."""
    log = Log(options.out)
    try:
        if not options.show:
            plan = whole() if options.whole else chosen(options)
            run_loop(measure(plan, log, lanes=options.lanes, seed=options.seed))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    finally:
        show(log.runs)
        for name, why in log.absent.items():
            note(f"{name}: not measured: {why}")
    return 0
