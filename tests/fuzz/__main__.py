"""`python -m tests.fuzz TARGET [-max_total_time=60 …]`: search with atheris (libFuzzer) for what breaks it.

Options after the target go to libFuzzer; a file named there is run once, so
a crash is replayed by `python -m tests.fuzz TARGET crash-…`. Without a target,
the targets are listed.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["floater", "server", "tests.fuzz"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Run one target until the time or the patience is over."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        print("usage: python -m tests.fuzz TARGET [libFuzzer options]\ntargets:", *TARGETS)
        raise SystemExit(2)
    target = TARGETS[sys.argv.pop(1)]
    if any(not argument.startswith("-") for argument in sys.argv[1:]):
        fuzz(target.run)
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(target.seeds):
            Path(corpus, f"seed-{number}").write_bytes(seed)
        sys.argv += [corpus, "-timeout=10", "-rss_limit_mb=1024"]
        fuzz(target.run)


def fuzz(run: Callable[[bytes], None]) -> None:
    """Hand over to libFuzzer, which ends the process itself."""
    atheris.Setup(sys.argv, run)
    atheris.Fuzz()


main()
