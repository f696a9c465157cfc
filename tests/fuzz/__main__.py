"""`python -m tests.fuzz TARGET [-max_total_time=60 …]`: search with atheris (libFuzzer) for what breaks it.

TARGET is a name, or `all`: then each target is searched in turn, in a process of
its own. Options after it go to libFuzzer; a file named there is run once, so a
crash is replayed by `python -m tests.fuzz TARGET crash-…`. Without a target, the
targets are listed. The exit code is 1 if a search has found something.
"""

import os
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["floater", "server", "tests.fuzz"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Search in one target, or in all, until the time or the patience is over."""
    if len(sys.argv) < 2 or sys.argv[1] not in (*TARGETS, "all"):
        print("usage: python -m tests.fuzz TARGET|all [libFuzzer options]\ntargets:", *TARGETS)
        raise SystemExit(2)
    name = sys.argv.pop(1)
    broken = [each for each in (TARGETS if name == "all" else [name]) if not stands(each)]
    if broken:
        raise SystemExit(f"broken: {' '.join(broken)}")


def stands(name: str) -> bool:
    """Search in a copy of this process, because libFuzzer ends the process that it runs in."""
    print(f"target: {name}", flush=True)
    target = TARGETS[name]
    with tempfile.TemporaryDirectory() as corpus:
        options = sys.argv[1:]
        if all(option.startswith("-") for option in options):
            for number, seed in enumerate(target.seeds):
                Path(corpus, f"seed-{number}").write_bytes(seed)
            options += [corpus, "-timeout=10", "-rss_limit_mb=1024"]
        child = os.fork()
        if child == 0:
            atheris.Setup([sys.argv[0], *options], target.run)
            atheris.Fuzz()
        return os.waitpid(child, 0)[1] == 0


main()
