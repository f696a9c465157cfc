"""A long search shares its time among the targets, and goes on where it was stopped."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.fuzz.campaign import Campaign, Tally
from tests.fuzz.keep import chosen
from tests.fuzz.targets import TARGETS, found

ROOT = Path(__file__).parents[2]


def test_the_target_with_the_least_time_is_next(tmp_path: Path) -> None:
    tally = Tally(tmp_path / "tally.json", ["a", "b", "c"])
    tally.add("a", 5, 2.0)
    tally.add("b", 5, 1.0)
    assert tally.next(busy=[]) == "c"
    assert tally.next(busy=["c"]) == "b"
    assert tally.next(busy=["a", "b", "c"]) is None


def test_a_tally_is_taken_up_again(tmp_path: Path) -> None:
    Tally(tmp_path / "tally.json", ["a"]).add("a", 5, 2.0)
    again = Tally(tmp_path / "tally.json", ["a", "b"])
    assert again.cases == 5
    assert again.next(busy=[]) == "b"


def _search(name: str, options: Sequence[str], log: Path) -> int:
    """Run ten cases, of which those in the corpus were known; the target `broken` breaks."""
    del options
    if (child := os.fork()) == 0:
        log.write_text("stat::number_of_executed_units: 10\n", encoding="ascii")
        os._exit(77 if name == "broken" else 0)
    return child


def test_it_ends_when_all_cases_have_run(tmp_path: Path) -> None:
    (tmp_path / "corpus" / "b").mkdir(parents=True)
    (tmp_path / "corpus" / "b" / "known").touch()
    campaign = Campaign(tmp_path, ["a", "b"], _search)
    campaign.run(cases=30, jobs=2)
    assert not campaign.broken
    assert 30 <= campaign.tally.cases <= 50
    spent = campaign.tally.spent
    assert spent["a"].cases % 10 == 0
    assert spent["b"].cases % 9 == 0
    assert min(spent["a"].cases, spent["b"].cases) > 0


def test_what_broke_is_searched_no_further(tmp_path: Path) -> None:
    campaign = Campaign(tmp_path, ["a", "broken"], _search)
    campaign.run(cases=50, jobs=1)
    assert campaign.broken == {"broken"}
    assert campaign.tally.spent["broken"].cases == 10
    alone = Campaign(tmp_path / "alone", ["broken"], _search)
    alone.run(cases=50, jobs=1)
    assert alone.tally.cases == 10


def test_what_reaches_no_more_than_others_is_not_kept() -> None:
    url = TARGETS["url"]
    good, longer, bad = b"floater://h:1#" + b"A" * 43, b"floater://hh:1#" + b"A" * 43, b"["
    kept = chosen(url.run, [good, longer, bad, b"x" * 5_000])
    assert set(kept) == {good, bad}


@pytest.mark.parametrize("name", TARGETS)
def test_what_was_found_is_a_seed(name: str) -> None:
    assert set(found(name)) <= set(TARGETS[name].seeds)


@pytest.mark.timeout(600)
@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this platform"
)
def test_the_command_searches_and_goes_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz", "url", "--seconds=1", f"--folder={tmp_path}"]
    for _ in range(2):
        wanted = Tally(tmp_path / "tally.json", ["url"]).cases + 1
        subprocess.run(
            [*command, f"--cases={wanted}"], cwd=ROOT, check=True, timeout=300, capture_output=True
        )
        tally = Tally(tmp_path / "tally.json", ["url"])
        assert tally.cases >= wanted
    assert tally.spent["url"].seconds >= 2.0
    assert list((tmp_path / "corpus" / "url").iterdir())
