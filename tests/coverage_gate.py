"""`python -m tests.coverage_gate`: add up the coverage that the tests have measured; fail if it is too low.

Branches count like lines. Each room of `tests/test_layers.py` is judged by itself: those that decide need
every branch, all others 90 %. A line is excluded by `# pragma: no cover: why it cannot be tested`.
"""

import io
import json
import math
import re
import sys
import tempfile
import tokenize
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from coverage import Coverage
from coverage.exceptions import CoverageWarning

ROOT: Final = Path(__file__).parents[1]
WHOLE: Final = ("floater/wire", "floater/core", "server/core")
LEAST: Final = Fraction(9, 10)
MOST_EXCLUDED: Final = 20

PRAGMA: Final = re.compile(r"#\s*pragma:\s*no (?:cover|branch)")
REASONED: Final = re.compile(r"# pragma: no cover: \S+ \S+")


@dataclass(frozen=True)
class Measured:
    """What was found out of one file."""

    missing: tuple[str, ...]
    "Places that no test reaches: `12`, or `12->15` for a branch from a line that is reached."
    missed: int
    "Lines and branches that no test reaches."
    points: int
    "Lines and branches in all."
    excluded: int
    "Lines excluded by a pragma."
    unreasoned: tuple[int, ...]
    "Lines of pragmas without a reason."


def room_of(path: str) -> str:
    """Name the room of a file: `floater/core/talk/talk.py` is in `floater/core`, `floater/log.py` is one."""
    return "/".join(path.split("/")[:2])


def unreasoned(source: str) -> tuple[int, ...]:
    """List the lines with a pragma that says no reason, or that excludes a branch alone."""
    return tuple(
        token.start[0]
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
        and PRAGMA.search(token.string)
        and not REASONED.search(token.string)
    )


def complaints(files: Mapping[str, Measured]) -> list[str]:
    """Say everything that is wrong, a line each; nothing if the tests are good enough.

    Args:
        files: by path from the root, with `/`.
    """
    rooms: dict[str, list[str]] = defaultdict(list)
    for path in sorted(files):
        rooms[room_of(path)].append(path)
    said = []
    for room, paths in rooms.items():
        missing = sum(files[path].missed for path in paths)
        points = sum(files[path].points for path in paths)
        least = Fraction(1) if room in WHOLE else LEAST
        if points and Fraction(points - missing, points) < least:
            said.append(f"{room}: {100 * (points - missing) / points:.1f} % of {float(100 * least):g} %")
            said += [f"    {path}: {', '.join(files[path].missing)}" for path in paths if files[path].missing]
    excluded = sum(file.excluded for file in files.values())
    if excluded > MOST_EXCLUDED:
        said.append(f"{excluded} lines are excluded, at most {MOST_EXCLUDED} may be")
    said += [
        f"{path}:{line}: a pragma without a reason: # pragma: no cover: why it cannot be tested"
        for path, file in files.items()
        for line in file.unreasoned
    ]
    return said


def ranges(missing: Sequence[int], reached: Sequence[int]) -> list[str]:
    """Write lines in short: `3-9`, if no line that is reached lies between."""
    said: list[str] = []
    first = 0
    for number, line in enumerate(missing):
        follower = missing[number + 1] if number + 1 < len(missing) else math.inf
        if any(line < other < follower for other in reached) or follower == math.inf:
            start = missing[first]
            said.append(str(line) if start == line else f"{start}-{line}")
            first = number + 1
    return said


def measure() -> dict[str, Measured]:
    """Put together what all processes have left in `build/coverage`, and read it."""
    config = str(ROOT / "pyproject.toml")
    warnings.simplefilter("ignore", CoverageWarning)  # a program that was killed leaves half a file
    coverage = Coverage(config_file=config)
    coverage.combine(keep=True)
    coverage.save()
    by_pragma = Coverage(config_file=config)
    by_pragma.load()
    by_pragma.clear_exclude()
    by_pragma.exclude(PRAGMA.pattern)
    with tempfile.TemporaryDirectory() as folder:
        coverage.json_report(outfile=f"{folder}/report")
        report = json.loads(Path(folder, "report").read_bytes())["files"]
    found = {}
    for name, file in report.items():
        path = ROOT / name
        lines, branches = file["missing_lines"], file["missing_branches"]
        half = [f"{line}->{'exit' if to < 0 else to}" for line, to in branches if line not in lines]
        found[Path(name).as_posix()] = Measured(
            missing=(*ranges(lines, file["executed_lines"]), *half),
            missed=len(lines) + len(branches),
            points=file["summary"]["num_statements"] + file["summary"]["num_branches"],
            excluded=len(by_pragma.analysis2(str(path))[2]),
            unreasoned=unreasoned(path.read_text("utf-8")),
        )
    return found


def main() -> int:
    """Judge, say what is wrong, and return the exit code."""
    said = complaints(measure())
    print("\n".join(said) or "coverage: good")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
