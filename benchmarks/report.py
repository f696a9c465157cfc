"""Print tables of figures beside those they are compared with, and whether the target was met."""

import argparse
import asyncio
import os
import platform
import statistics
import sys
import unicodedata
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from floater.loop import run


def percentile(samples: Sequence[float], percent: float) -> float:
    """Return the smallest sample with `percent` of all samples at or below it."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * int(percent) // 100) - 1))]


def spread(samples: Sequence[float], scale: float, digits: int = 2) -> list[str]:
    """Minimum, median, 95th percentile and number of samples, as cells of a row."""
    figures = min(samples), statistics.median(samples), percentile(samples, 95)
    return [*(f"{figure * scale:.{digits}f}" for figure in figures), str(len(samples))]


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; the first column is text, the others are figures."""
    cells = [list(header), *(list(row) for row in rows)]
    widths = [max(_width(row[column]) for row in cells) for column in range(len(header))]
    print(f"\n{title}")
    for number, row in enumerate(cells):
        first = row[0] + " " * (widths[0] - _width(row[0]))
        rest = (" " * (width - _width(cell)) + cell for cell, width in zip(row[1:], widths[1:], strict=True))
        print("  " + "  ".join((first, *rest)))
        if number == 0:
            print("  " + "  ".join("─" * width for width in widths))
    sys.stdout.flush()


def aim(words: str, met: bool, figure: str) -> None:
    """Print a target and whether it was met. A benchmark is not a test: it succeeds either way."""
    print(f"  aim: {words}: {'met' if met else 'MISSED'} ({figure})", flush=True)


def note(words: str) -> None:
    """Print a note about the figures."""
    print(f"  {words}", flush=True)


def start(
    name: str,
    summary: str | None,
    options: Callable[[argparse.ArgumentParser], None],
    work: Callable[[argparse.Namespace], Coroutine[Any, Any, None]],
    argv: Sequence[str] | None = None,
    runs: Callable[[Coroutine[Any, Any, None]], None] = run,
) -> None:
    """Read the options of a benchmark and run it, on the loop that the program uses unless `runs` says so."""
    os.environ.setdefault("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=summary)
    options(parser)
    runs(_run(work, parser.parse_args(argv)))


async def _run(
    work: Callable[[argparse.Namespace], Coroutine[Any, Any, None]], options: argparse.Namespace
) -> None:
    loop = type(asyncio.get_running_loop()).__module__
    print(f"# Python {platform.python_version()}, {loop}, {os.cpu_count()} processors, {platform.system()}")
    await work(options)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
