"""Benchmarks are no tests, but they must not rot: each runs, small, and prints figures and comparison."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.report import percentile, spread
from tests.helpers.unmeasured import unmeasured

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "options", "rows"),
    [
        ("meeting", ["--times", "2", "--wire-times", "0"], ["status", "both press", "hides its address"]),
        ("latency", ["--times", "20"], ["TCP echo, 16 bytes", "text, 65536 bytes"]),
        ("flood", ["--seconds", "1"], ["TCP echo", "ann to bob", "bob to ann", "none lost, order kept"]),
        (
            "file",
            ["--size", "5", "--times", "1", "--wormhole-times", "0"],
            ["direct, hashed and stored", "through the relay", "bare TLS", "magic-wormhole"],
        ),
        ("memory", ["--users", "20"], ["bare TLS 1.3 connection", "logged in, idle"]),
    ],
)
def test_a_benchmark_prints_its_figures(name: str, options: list[str], rows: list[str]) -> None:
    command = [sys.executable, "-m", f"benchmarks.{name}", *options]
    done = subprocess.run(
        command, cwd=ROOT, env=unmeasured(), capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3_000:]
    for row in rows:
        assert row in done.stdout, done.stdout
    assert "aim:" in done.stdout


def test_a_name_that_is_none_is_told_so() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "nothing"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "no such benchmark" in done.stderr


def test_a_percentile_is_one_of_the_samples() -> None:
    samples = [float(number) for number in range(1, 101)]
    assert percentile(samples, 95) == 95.0
    assert percentile([7.0], 95) == 7.0
    assert spread(samples, 1.0, 0) == ["1", "50", "95", "100"]
