"""`python -m tests.fuzz.keep [--folder build/fuzz]`: keep the inputs of a campaign that are worth it.

Of each target's corpus, as few inputs as reach every jump between two lines that all of them reach, the
shortest first; at most MOST of them. They go to `tests/fuzz/corpus/TARGET.txt`, an input a line in base64,
and are seeds from then on: every test run and every search begins with them.
"""

import argparse
import base64
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final

from tests.fuzz.targets import CORPUS, TARGETS, written

MOST: Final = 64
LONGEST: Final = 2_048
"Bytes of an input that is kept."
_ROOT: Final = Path(__file__).parents[2]
_SOURCES: Final = (f"{_ROOT}/floater/", f"{_ROOT}/server/")


def reached(run: Callable[[bytes], None], data: bytes) -> set[int]:
    """Run one input, and return the jumps between lines that it reached."""
    jumps: set[int] = set()

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        code = frame.f_code
        if not code.co_filename.startswith(_SOURCES):
            return None
        last = 0

        def line(frame: FrameType, event: str, argument: object) -> Any:
            nonlocal last
            if event == "line":
                jumps.add(hash((code.co_filename, last, frame.f_lineno)))
                last = frame.f_lineno
            return line

        return line

    sys.settrace(trace)
    try:
        run(data)
    finally:
        sys.settrace(None)
    return jumps


def chosen(run: Callable[[bytes], None], inputs: list[bytes]) -> list[bytes]:
    """Choose the inputs that reach what no shorter one reaches."""
    fit = sorted({data for data in inputs if len(data) <= LONGEST}, key=lambda data: (len(data), data))
    reach = {data: reached(run, data) for data in fit}
    kept: list[bytes] = []
    known: set[int] = set()
    while len(kept) < MOST:
        best = max(fit, key=lambda data: (len(reach[data] - known), -len(data)), default=b"")
        fresh = reach.get(best, set()) - known
        if not fresh:
            break
        kept.append(best)
        known |= fresh
    return kept


def main() -> None:
    """Read the corpus of a campaign, and write what is worth keeping."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.keep")
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"))
    folder = parser.parse_args().folder / "corpus"
    CORPUS.mkdir(exist_ok=True)
    for name, target in TARGETS.items():
        inputs = [path.read_bytes() for path in sorted(folder.glob(f"{name}/*"))]
        kept = [data for data in chosen(target.run, [*target.seeds, *inputs]) if data not in written(name)]
        lines = [base64.b64encode(data).decode("ascii") for data in kept]
        (CORPUS / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
        print(f"{name}: {len(kept)} of {len(inputs)}")


if __name__ == "__main__":
    main()
