"""The benchmarks of the window run, small, and print figures and comparison."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SMALL = ["--starts", "1", "--times", "1", "--messages", "100", "--images", "2", "--burst", "50"]


def test_it_prints_its_figures() -> None:
    command = [sys.executable, "-m", "benchmarks.window", *SMALL]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3_000:]
    for row in ("an empty page, again", "both painted", "50 more come in", "and 50 more, tidied up"):
        assert row in done.stdout, done.stdout
    assert done.stdout.count("aim:") == 3


def test_a_peer_that_talks_without_end_is_measured_too() -> None:
    command = [sys.executable, "-m", "benchmarks.talkative", "--seconds", "0.5"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3_000:]
    for row in ("nothing happens", "texts of 64 KiB", "offers taken back", "events"):
        assert row in done.stdout, done.stdout
    assert done.stdout.count("aim:") == 3
