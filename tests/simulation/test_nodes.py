"""Thousands of short histories of two nodes, and proof that the book-keeper would notice a fault."""

import pytest

from server.core import matching, pairing
from server.core.matching import Matching
from server.core.node import Node
from server.core.pairing import Pairing
from server.core.proposal import Message, Proposal
from server.core.seat import Seat, SeatState
from server.core.side import Side
from tests.helpers.nodes import a_side
from tests.simulation.nodes import live
from tests.simulation.scheduler import RuleBroken

pytestmark = pytest.mark.timeout(900)  # it bounds a hang alone: searches take their time

HISTORIES = 2_000
TRIES = 2_000
"Histories in which a planted fault has to show."


def test_two_thousand_histories_pair_nobody_twice_and_leave_nobody_behind() -> None:
    outcomes = [live(seed) for seed in range(HISTORIES)]
    pairs, halves = sum(one.pairs for one in outcomes), sum(one.halves for one in outcomes)
    assert pairs > HISTORIES
    assert 0 < halves < pairs / 5  # so the weather was bad enough to part some, and all found somebody after


def test_one_seed_is_one_history() -> None:
    assert [live(seed) for seed in range(20)] == [live(seed) for seed in range(20)]


def test_a_broken_rule_says_how_to_see_it_again() -> None:
    def broken(name: str) -> Node:
        raise RuleBroken("a fault", name)

    with pytest.raises(RuleBroken) as caught:
        live(77, broken)
    assert any("python -m tests.simulation nodes --seed 77" in note for note in caught.value.__notes__)


# -- planted faults -----------------------------------------------------------------------


def noticed() -> str:
    """The rule that the first of many histories breaks."""
    for seed in range(TRIES):
        try:
            live(seed)
        except RuleBroken as error:
            return error.rule
    return ""


class _AnyEpoch(int):
    """Equal to every other."""

    def __ne__(self, other: object) -> bool:
        return False

    __eq__ = int.__eq__
    __hash__ = int.__hash__


def test_a_seat_that_ignores_epochs_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Seat.wait
    monkeypatch.setattr(Seat, "wait", lambda self, epoch: honest(self, _AnyEpoch(epoch)))
    assert noticed() == "somebody was paired by a proposal of an earlier search"


def test_a_seat_that_is_given_away_twice_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Pairing._reserve

    def reserve(self: Pairing, proposal: Proposal, side: Side, now: float) -> Message:
        seat = self._seats.get(proposal.callee.user)
        if seat is not None and seat.state is SeatState.PAIRED and seat.match_id != proposal.match_id:
            seat.state = SeatState.WAITING
            self._seats._sides[proposal.callee.user] = side
        return honest(self, proposal, side, now)

    monkeypatch.setattr(Pairing, "_reserve", reserve)
    assert noticed() == "somebody was paired twice"


def test_a_lease_that_never_ends_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Seat.reserve

    def reserve(self: Seat, match_id: str, *, epoch: int, lease: float) -> bool:
        return honest(self, match_id, epoch=epoch, lease=1e9 * lease)

    monkeypatch.setattr(Seat, "reserve", reserve)
    assert noticed() == "somebody is reserved for ever"


def test_a_commit_without_a_reservation_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Pairing._accept

    def accept(self: Pairing, proposal: Proposal, now: float) -> list[pairing.Effect]:
        user = proposal.callee.user
        seat = self._seats.get(user)
        if seat is not None and seat.match_id != proposal.match_id:
            seat.state, seat.match_id, seat.lease = SeatState.RESERVED, proposal.match_id, now + 1.0
            self._reserved[user] = proposal, a_side(str(proposal.caller.user))
            self._seats._sides[user] = a_side(str(user))
        return honest(self, proposal, now)

    monkeypatch.setattr(Pairing, "_accept", accept)
    assert noticed() in ("somebody was paired twice", "somebody was paired who does not seek")


def test_a_caller_that_does_not_wait_for_the_callee_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Pairing._propose

    def propose(self: Pairing, proposal: Proposal, now: float) -> list[pairing.Effect]:
        effects = honest(self, proposal, now)
        if effects:
            self._attempts[proposal.caller.user].peer_side = a_side(str(proposal.callee.user))
            effects += self._enter(proposal, now)
        return effects

    monkeypatch.setattr(Pairing, "_propose", propose)
    assert noticed() == "somebody waits for ever"


def test_a_deadline_that_never_passes_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Seat, "lapse", lambda self, *, now: False)
    assert noticed() == "time stands still"


def test_a_node_that_announces_once_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Matching._refresh

    def refresh(self: Matching, now: float) -> list[matching.Effect]:
        return [effect for effect in honest(self, now) if not isinstance(effect, matching.Announce)]

    monkeypatch.setattr(Matching, "_refresh", refresh)
    assert noticed() == "somebody waits for ever"
