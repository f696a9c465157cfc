"""Many talks at once in one client while everything goes wrong, and proof that the ledger would notice."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from floater import api
from floater.codes import Code
from floater.core import engine, link
from floater.core.engine import Engine
from floater.core.meet import orders
from floater.core.person import search, standing
from floater.core.person.encounter import Encounter, SendEndMatch
from floater.core.person.session import Session
from floater.core.person.standing import Standing
from floater.errors import Refused
from tests.simulation.scheduler import RuleBroken
from tests.simulation.talks import Gathering, run

pytestmark = pytest.mark.timeout(900)  # it bounds a hang alone: searches take their time

ROOT = Path(__file__).parents[2]
RUNS = 75
SEEDS = range(1, 1 + 4 * RUNS, RUNS)
TRIES = 120
"Runs in which a planted fault has to be noticed."


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_of_one_talk_reaches_another(seed: int) -> None:
    counts = run(seed, RUNS)
    assert counts.runs == RUNS
    assert sum(number for at_once, number in counts.at_once.items() if at_once >= 3) > RUNS / 2
    assert counts.moves > RUNS
    assert {"deaths", "hang-ups", "log-outs", "moves"} <= counts.happenings.keys()
    assert {"logged_out", "peer_hung_up", "peer_lost", "you_hung_up"} <= counts.ends.keys()


def test_one_seed_is_one_history() -> None:
    stories = []
    for _ in range(2):
        world = Gathering(5)
        world.live()
        stories.append(world.scheduler.history)
    assert stories[0] == stories[1]


def test_the_command_lives_seeds_and_counts() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "talks", "--seed", "1", "--runs", "3"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    assert told.stdout.startswith("3 runs: ")


# -- planted faults -----------------------------------------------------------------------


def _other(self: Engine, talk: str) -> str:
    """Name another talk that goes on, if there is one, else the same."""
    on = (one.match_id for one in self.standing.encounters if one.standing is api.Standing.OPEN)
    return next((one for one in on if one != talk and one in self._matches), talk)


def _arrive_in_another(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Engine._talk

    def astray(self: Engine, talk: str, event: Any, now: float) -> Any:
        is_text = isinstance(event, link.Arrived) and type(event.message).__name__ == "Text"
        return honest(self, _other(self, talk) if is_text else talk, event, now)

    monkeypatch.setattr(Engine, "_talk", astray)


def _send_in_another(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Engine.feed

    def astray(self: Engine, event: Any, *, now: float) -> list[engine.Effect]:
        effects = honest(self, event, now=now)
        return [
            replace(effect, talk=_other(self, effect.talk))
            if isinstance(effect, engine.Order) and isinstance(effect.order, link.Transmit)
            else effect
            for effect in effects
        ]

    monkeypatch.setattr(Engine, "feed", astray)


def _tell_in_another(monkeypatch: pytest.MonkeyPatch, kind: type[api.TalkEvent]) -> None:
    honest = Engine._tell

    def astray(self: Engine, talk: str, event: api.Event) -> Any:
        return honest(self, _other(self, talk) if isinstance(event, kind) else talk, event)

    monkeypatch.setattr(Engine, "_tell", astray)


def _end_all_by_a_hang_up(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Standing._wish

    def rude(self: Standing, wish: Any, now: float) -> Any:
        if isinstance(wish, standing.HangUp):
            return self._end_all(api.Ended.YOU_HUNG_UP, now)
        return honest(self, wish, now)

    monkeypatch.setattr(Standing, "_wish", rude)


def _end_one_by_a_log_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def half(self: Standing, reason: api.Ended, now: float) -> Any:
        return [
            effect for one in self.encounters[:1] for effect in self._heed(one, one.end(reason, now=now), now)
        ]

    monkeypatch.setattr(Standing, "_end_all", half)


def _forget_to_mute(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Engine._tell

    def talkative(self: Engine, talk: str, event: api.Event) -> Any:
        self._matches[talk].is_muted = False
        return honest(self, talk, event)

    monkeypatch.setattr(Engine, "_tell", talkative)


def _mean_another(monkeypatch: pytest.MonkeyPatch) -> None:
    def first(self: Standing, talk: str = "") -> Encounter:
        if not self.encounters:
            raise Refused(Code.NO_TALK)
        return self.encounters[0]

    monkeypatch.setattr(Standing, "which", first)


def _guess_among_several(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Standing.which

    def guessing(self: Standing, talk: str = "") -> Encounter:
        return honest(self, talk or self.encounters[-1].match_id) if self.encounters else honest(self, talk)

    monkeypatch.setattr(Standing, "which", guessing)


def _let_a_second_stranger_in(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Standing._wish

    def greedy(self: Standing, wish: Any, now: float) -> Any:
        seeks = isinstance(wish, search.Seek) and self._search.state is search.State.HOME
        return self._feed_search(wish, now) if seeks else honest(self, wish, now)

    monkeypatch.setattr(Standing, "_wish", greedy)


def _never_close(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Engine._meet

    def forgetful(self: Engine, talk: str, event: Any, now: float) -> Any:
        return [] if isinstance(event, orders.Close) else honest(self, talk, event, now)

    monkeypatch.setattr(Engine, "_meet", forgetful)


def _wait_for_one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def first(self: Engine) -> float | None:
        return next((match.deadline for match in self._matches.values()), self.standing.deadline)

    monkeypatch.setattr(Engine, "deadline", property(first))


def _tell_the_server_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Session.match_over

    def silent(self: Session, match_id: str, reason: Any) -> list[SendEndMatch]:
        honest(self, match_id, reason)
        return []

    monkeypatch.setattr(Session, "match_over", silent)


@pytest.mark.parametrize(
    ("plant", "rule"),
    [
        (_arrive_in_another, "lost|liar|not of this talk"),
        (_send_in_another, "lost|liar|not of this talk|stuck"),
        (lambda patch: _tell_in_another(patch, api.TextReceived), "not of this talk"),
        (lambda patch: _tell_in_another(patch, api.Delivered), "counts as delivered that is not"),
        (lambda patch: _tell_in_another(patch, api.PeerGreeted), "not of this talk"),
        (lambda patch: _tell_in_another(patch, api.PeerTyping), "not of this talk"),
        (lambda patch: _tell_in_another(patch, api.PeerBack), "not of this talk"),
        (lambda patch: _tell_in_another(patch, api.Path), "not of this talk"),
        (_end_all_by_a_hang_up, "a talk has ended that neither side ended"),
        (_end_one_by_a_log_out, "an impossible move|goes on alone|has no end|stands where it cannot"),
        (_forget_to_mute, "something was told of a talk after its end"),
        (_mean_another, "not of this talk|a wish was refused or taken wrongly|neither side ended"),
        (_guess_among_several, "a wish was taken that names none of several|not of this talk|taken wrongly"),
        (_let_a_second_stranger_in, "there are two strangers|an impossible move"),
        (_never_close, "something is left of a talk"),
        (_wait_for_one_alone, "stuck|alone|has no end|never confirmed|left|lost"),
    ],
)
def test_a_planted_fault_is_noticed(
    plant: Callable[[pytest.MonkeyPatch], None], rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with pytest.raises(RuleBroken, match=rule):
        run(1, TRIES)


def test_a_broken_rule_says_how_to_see_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    _never_close(monkeypatch)
    with pytest.raises(RuleBroken) as caught:
        Gathering(1).live()
    assert any("python -m tests.simulation talks --seed 1 --trace" in note for note in caught.value.__notes__)
