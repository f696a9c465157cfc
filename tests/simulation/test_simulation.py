"""Thousands of pairings in which everything goes wrong, and proof that the book-keeper would notice."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from floater import api
from floater.core.emit import Emit
from floater.core.meet.path import Effect, Lost
from floater.core.meet.path import Path as Ways
from floater.core.person import encounter
from floater.core.talk.conversation import Conversation, Heard
from floater.core.talk.greeting import Greeting
from floater.machine import Tick
from floater.wire.control import Role
from server.core import events, pairing
from server.core.matching import Effect as MatchingEffect
from server.core.matching import Enter
from server.core.node import Node
from server.core.pool import Pool
from tests.helpers.nodes import a_side
from tests.simulation.scheduler import RuleBroken
from tests.simulation.world import World

pytestmark = pytest.mark.timeout(900)  # it bounds a hang alone: searches take their time

ROOT = Path(__file__).parents[2]
PAIRINGS = 1_000
SEEDS = range(1, 5)
"""A few thousand pairings; `make search` lives many more."""


@pytest.mark.parametrize("seed", SEEDS)
def test_a_thousand_pairings_keep_every_rule(seed: int) -> None:
    outcome = World(seed).live(PAIRINGS)
    assert outcome.pairings >= PAIRINGS
    assert outcome.talks > PAIRINGS
    assert outcome.deaths > 20
    assert outcome.restarts > 0


@pytest.mark.parametrize("people", [2, 3, 7])
def test_few_people_keep_every_rule_too(people: int) -> None:
    assert World(people, people=people).live(100).pairings >= 100


def test_one_seed_is_one_history_in_any_process() -> None:
    stories = [
        subprocess.run(
            [sys.executable, "-m", "tests.simulation", "--seed", "2", "--pairings", "60"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            timeout=600,
            check=True,
        ).stdout.partition(" (")[0]
        for seed in ("1", "2")
    ]
    assert stories[0] == stories[1] == str(World(2).live(60))


def test_another_seed_is_another_history() -> None:
    assert World(1).live(30).history != World(2).live(30).history


def test_a_broken_rule_says_how_to_see_it_again() -> None:
    with pytest.raises(RuleBroken) as caught:
        World(77, make_node=_Forgetful, peek=False).live(PAIRINGS)
    assert any("python -m tests.simulation --seed 77" in note for note in caught.value.__notes__)


# -- planted faults -----------------------------------------------------------------------


class _Forgetful(Node):
    """Forgets, now and then, to mark the seat of an account that it has just matched."""

    def feed(self, event: events.Event | Tick, *, now: float) -> list[events.Effect]:
        effects = super().feed(event, now=now)
        for effect in effects:
            if isinstance(effect, events.Matched) and effect.match_id.endswith("7"):
                if effect.role is Role.FOLLOWER:
                    _wait_again(self, effect.user, f"{effect.match_id}-again", now)
        return effects


class _Greedy(Node):
    """Grants some people the cancel, but keeps them in the pool."""

    def feed(self, event: events.Event | Tick, *, now: float) -> list[events.Effect]:
        effects = super().feed(event, now=now)
        for effect in effects:
            if isinstance(event, events.CancelSeek) and isinstance(effect, events.Agreed):
                user = effect.request.account
                if user % 3 == 0:
                    _wait_again(self, user, f"unwanted-{self._strangers._epoch}", now)
        return effects


class _Sleepy(Node):
    """Forgets those whose time apart is over while both wait."""

    def __init__(self) -> None:
        super().__init__()
        matching = self._strangers._matching
        honest = matching._tick

        def tick(now: float) -> list[MatchingEffect]:
            waiting, matching._pool = matching._pool, Pool()
            effects = honest(now)
            matching._pool = waiting
            return effects

        matching._tick = tick  # type: ignore[method-assign]  # a fault


class _Silent(Node):
    """Does not tell the other side that a match is over."""

    def feed(self, event: events.Event | Tick, *, now: float) -> list[events.Effect]:
        effects = super().feed(event, now=now)
        return [effect for effect in effects if not isinstance(effect, events.MatchEnded)]


def _wait_again(node: Node, user: int, match_id: str, now: float) -> None:
    strangers = node._strangers
    strangers._pairing.feed(pairing.Stand(user), now=now)
    strangers._epoch += 1
    strangers._seats.wait(user, strangers._epoch, a_side())
    strangers._matching.feed(Enter(user, strangers._epoch, 0.5, match_id, 0.0), now=now)


@pytest.mark.parametrize(
    ("planted", "people", "rule"),
    [
        (_Forgetful, 24, "somebody was paired twice"),
        (_Greedy, 24, "somebody was paired who did not seek"),
        (_Sleepy, 5, "somebody waits while another who may meet them waits"),
        (_Silent, 24, "the other side of an ended talk was not told"),
    ],
)
def test_a_fault_of_the_node_is_noticed_from_outside(planted: type[Node], people: int, rule: str) -> None:
    with pytest.raises(RuleBroken, match=rule):
        World(3, people=people, make_node=planted, peek=False).live(PAIRINGS)


def test_a_text_that_comes_twice_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Conversation._numbered

    def doubling(self: Conversation, message: Any, body: bytes, now: float) -> Any:
        again = [Heard(message, body)] if message.seq <= self.received else []
        return [*again, *honest(self, message, body, now)]

    monkeypatch.setattr(Conversation, "_numbered", doubling)
    with pytest.raises(RuleBroken, match="a text was lost, doubled or changed"):
        World(3).live(PAIRINGS)


def test_a_text_that_is_not_sent_again_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Conversation._link_up

    def forgetting(self: Conversation, link: int, received: int, now: float) -> Any:
        honest(self, link, received, now)
        return []

    monkeypatch.setattr(Conversation, "_link_up", forgetting)
    with pytest.raises(RuleBroken, match=r"an honest client was called a liar|lost between two who stayed"):
        World(3).live(PAIRINGS)


def test_a_gate_that_stands_open_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Greeting, "is_open", property(lambda self: True))
    with pytest.raises(RuleBroken, match="something was said before both had greeted"):
        World(3).live(PAIRINGS)


def test_a_talk_that_nobody_ends_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Ways._tick

    def patient(self: Ways, now: float) -> list[Effect]:
        return [effect for effect in honest(self, now) if not isinstance(effect, Lost)]

    monkeypatch.setattr(Ways, "_tick", patient)
    honest_feed = encounter.Encounter.feed

    def deaf(self: encounter.Encounter, event: encounter.Event, *, now: float) -> list[encounter.Effect]:
        return [] if isinstance(event, encounter.MatchEnded) else honest_feed(self, event, now=now)

    monkeypatch.setattr(encounter.Encounter, "feed", deaf)
    with pytest.raises(RuleBroken, match="is stuck in a match alone"):
        World(4).live(PAIRINGS)  # not every history has a peer who goes without a word


def test_an_end_that_is_not_told_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = encounter.Encounter.end

    def silent(self: encounter.Encounter, reason: api.Ended, *, now: float) -> list[encounter.Effect]:
        effects = honest(self, reason, now=now)
        return [e for e in effects if not (isinstance(e, Emit) and isinstance(e.event, api.TalkEnded))]

    monkeypatch.setattr(encounter.Encounter, "end", silent)
    with pytest.raises(RuleBroken, match="somebody was not told that the talk ended"):
        World(3).live(30)
