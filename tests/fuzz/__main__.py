"""`python -m tests.fuzz TARGET [-max_total_time=60 …]`: search with atheris (libFuzzer) for what breaks it.

TARGET is a name, or `all`: then each target is searched in turn, in a process of
its own. Options after it go to libFuzzer; a file named there is run once, so a
crash is replayed by `python -m tests.fuzz TARGET crash-…`. Without a target, the
targets are listed. The exit code is 1 if a search has found something.

`python -m tests.fuzz TARGET --cases 10000000 [--jobs 2] [--seconds 60] [--folder build/fuzz]` searches until
so many cases have run in all, by so many processes, a minute for each target in turn. Stopped and started
again, it goes on where it was; `python -m tests.fuzz.keep` then writes what is worth keeping into the
repository.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["floater", "server", "tests.fuzz"]):
    from tests.fuzz.targets import TARGETS

from tests.fuzz.campaign import SLICE, Campaign


def main() -> None:
    """Search in one target, or in all, until the time or the patience is over."""
    if len(sys.argv) < 2 or sys.argv[1] not in (*TARGETS, "all"):
        print("usage: python -m tests.fuzz TARGET|all [--cases N | libFuzzer options]\ntargets:", *TARGETS)
        raise SystemExit(2)
    name = sys.argv.pop(1)
    names = list(TARGETS) if name == "all" else [name]
    if any(option.startswith("--cases") for option in sys.argv):
        broken = campaign(names)
    else:
        broken = [each for each in names if not stands(each)]
    if broken:
        raise SystemExit(f"broken: {' '.join(broken)}")


def campaign(names: Sequence[str]) -> list[str]:
    """Search all of them for many cases; return those that broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz TARGET")
    parser.add_argument("--cases", type=int, required=True, help="in all, those of earlier runs included")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--seconds", type=int, default=SLICE, help="of one search of one target")
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"), help="what it goes on from")
    options = parser.parse_args()
    one = Campaign(options.folder, names, search)
    one.run(options.cases, options.jobs, options.seconds)
    for name, spent in one.tally.spent.items():
        rate = spent.cases / spent.seconds if spent.seconds else 0.0
        print(f"{name:20} {spent.cases:12,} cases {spent.seconds:8.0f} s {rate:8.0f}/s")
    return sorted(one.broken)


def stands(name: str) -> bool:
    """Search in a copy of this process, because libFuzzer ends the process that it runs in."""
    print(f"target: {name}", flush=True)
    with tempfile.TemporaryDirectory() as corpus:
        options = sys.argv[1:]
        if all(option.startswith("-") for option in options):
            options += [corpus, "-timeout=10", "-rss_limit_mb=1024"]
        return os.waitpid(search(name, options), 0)[1] == 0


def search(name: str, options: Sequence[str], log: Path | None = None) -> int:
    """Fork a process that searches a target, and return its id.

    Args:
        name: of the target.
        options: of libFuzzer; the seeds are written into the folder among them.
        log: where it writes what it says; None for where we write.
    """
    for corpus in (Path(option) for option in options if Path(option).is_dir()):
        for number, seed in enumerate(TARGETS[name].seeds):
            (corpus / f"seed-{number}").write_bytes(seed)
    child = os.fork()
    if child == 0:
        if log is not None:
            file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(file, 1)
            os.dup2(file, 2)
        atheris.Setup([sys.argv[0], *options], TARGETS[name].run)
        atheris.Fuzz()
    return child


main()
