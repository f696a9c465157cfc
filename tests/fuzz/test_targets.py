"""Every target stands its seeds, hypothesis, and a short search by atheris."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS

pytestmark = pytest.mark.timeout(900)  # it bounds a hang alone: searches take their time

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", TARGETS)
def test_good_inputs_go_through(name: str) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].run(seed)


@pytest.mark.parametrize("name", TARGETS)
def test_no_bytes_break_it(name: str) -> None:
    target = TARGETS[name]
    seeded = st.sampled_from(list(target.seeds)) if target.seeds else st.binary()

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.binary(max_size=600) | st.tuples(seeded, st.binary(max_size=60), seeded).map(b"".join))
    @example(b"")
    def run(data: bytes) -> None:
        target.run(data)

    run()


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this platform"
)
def test_a_short_search_finds_nothing(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.fuzz",
        "all",
        "-max_total_time=1",
        f"-artifact_prefix={tmp_path}/",
    ]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-4000:]
    assert run.stdout.split() == [word for name in TARGETS for word in ("target:", name)]
    assert run.stderr.count("Done") == len(TARGETS), run.stderr[-2000:]
