"""Two seats are paired by messages, of which each may come late, twice or never."""

from typing import TypeAlias

import pytest

from floater.errors import LocalProtocolError
from floater.machine import Tick
from floater.wire.control import Role
from server.core.pairing import (
    LEASE,
    PATIENCE,
    REPEAT,
    Abandoned,
    Commit,
    Committed,
    Declined,
    Effect,
    Event,
    Failed,
    Freed,
    Lapsed,
    Paired,
    Pairing,
    Proposal,
    Propose,
    Release,
    Reserve,
    Reserved,
    Send,
    Stand,
    Undo,
    Wait,
)
from server.core.pool import Hint
from server.core.seat import SeatState
from tests.helpers.nodes import a_side
from tests.helpers.playbook import Playbook

ANN, BEN, CAT = 1, 2, 3
CALLER, CALLEE = Hint(ANN, 5, "here"), Hint(BEN, 6, "there")
OURS, THEIRS = a_side("ann"), a_side("ben")
M = Proposal("m", CALLER, CALLEE, caller_leads=True, issued=77.0)
Book: TypeAlias = Playbook[Event, Effect]


def seats(*people: int) -> tuple[Pairing, Book]:
    """Seats that do not wait."""
    pairing = Pairing()
    for user in people:
        pairing.sit(user)
    return pairing, Playbook[Event, Effect](pairing)


def caller() -> tuple[Pairing, Book]:
    """Ann waits and calls."""
    pairing, book = seats(ANN)
    book.at(0.0, Wait(ANN, 5, OURS))
    book.at(0.0, Propose(M), Send("there", Reserve(M, OURS)))
    return pairing, book


def callee() -> tuple[Pairing, Book]:
    """Ben waits and is called."""
    pairing, book = seats(BEN)
    book.at(0.0, Wait(BEN, 6, THEIRS))
    book.at(1.0, Reserve(M, OURS), Send("here", Reserved(M, THEIRS)))
    return pairing, book


def paired_caller() -> tuple[Pairing, Book]:
    pairing, book = caller()
    book.at(0.1, Reserved(M, THEIRS), Send("there", Commit(M)))
    book.at(0.2, Committed(M), Paired("m", ANN, CALLEE, Role.LEADER, OURS, THEIRS, 77.0))
    return pairing, book


def paired_callee() -> tuple[Pairing, Book]:
    pairing, book = callee()
    came = Paired("m", BEN, CALLER, Role.FOLLOWER, THEIRS, OURS, 77.0)
    book.at(1.2, Commit(M), came, Send("here", Committed(M)))
    return pairing, book


# -- seats --------------------------------------------------------------------------------


def test_a_seat_is_taken_and_given_back() -> None:
    pairing, book = seats(ANN)
    pairing.sit(ANN)
    assert (ANN in pairing, pairing.state(ANN), pairing.match_of(ANN)) == (True, SeatState.IDLE, "")
    pairing.hold(ANN, "old")
    assert pairing.match_of(ANN) == "old"
    book.at(0.0, Stand(ANN))
    pairing.remove(ANN)
    assert (ANN in pairing, pairing.state(ANN), pairing.match_of(ANN)) == (False, None, "")
    book.rests()


def test_a_seat_that_waits_cannot_wait_once_more() -> None:
    pairing, book = seats(ANN)
    book.at(0.0, Wait(ANN, 5, OURS))
    with pytest.raises(LocalProtocolError):
        pairing.feed(Wait(ANN, 6, OURS), now=0.0)


def test_a_name_that_changes_while_waiting_is_the_one_that_is_introduced() -> None:
    pairing, book = seats(ANN)
    pairing.rename(ANN, "nobody hears of it")
    book.at(0.0, Wait(ANN, 5, OURS))
    pairing.rename(ANN, "Anna")
    book.at(0.0, Propose(M), Send("there", Reserve(M, a_side("Anna"))))


# -- the caller ---------------------------------------------------------------------------


def test_the_caller_reserves_commits_and_is_paired() -> None:
    pairing, book = paired_caller()
    assert pairing.match_of(ANN) == "m"
    book.rests()


def test_the_caller_that_does_not_lead_follows() -> None:
    follows = Proposal("m", CALLER, CALLEE, caller_leads=False, issued=77.0)
    _, book = seats(ANN)
    book.at(0.0, Wait(ANN, 5, OURS))
    book.at(0.0, Propose(follows), Send("there", Reserve(follows, OURS)))
    book.at(0.1, Reserved(follows, THEIRS), Send("there", Commit(follows)))
    book.at(0.2, Committed(follows), Paired("m", ANN, CALLEE, Role.FOLLOWER, OURS, THEIRS, 77.0))


def test_a_proposal_for_a_seat_that_is_not_free_is_dropped() -> None:
    _, book = caller()
    other = Proposal("n", CALLER, Hint(CAT, 9, "there"), caller_leads=True, issued=77.0)
    book.at(0.1, Propose(other))


def test_reserve_is_repeated_and_given_up() -> None:
    pairing, book = caller()
    book.when_due(REPEAT, Send("there", Reserve(M, OURS)))
    book.when_due(2 * REPEAT, Send("there", Reserve(M, OURS)))
    book.when_due(PATIENCE, Send("there", Release(M)), Failed(M, is_gone=False))
    assert pairing.state(ANN) is SeatState.WAITING
    book.rests()


def test_commit_is_repeated_until_the_lease_is_out() -> None:
    _, book = caller()
    book.at(1.0, Reserved(M, THEIRS), Send("there", Commit(M)))
    book.at(1.1, Reserved(M, THEIRS))  # twice: Commit is under way
    for number in range(1, 4):
        book.when_due(1.0 + number * REPEAT, Send("there", Commit(M)))
    book.when_due(LEASE, Send("there", Release(M)), Failed(M, is_gone=False))
    book.rests()


@pytest.mark.parametrize("is_gone", [True, False])
def test_a_decline_frees_the_caller(is_gone: bool) -> None:
    pairing, book = caller()
    book.at(0.1, Declined(M, is_gone), Failed(M, is_gone))
    book.at(0.1, Declined(M, is_gone))
    assert pairing.state(ANN) is SeatState.WAITING


def test_a_decline_that_comes_after_the_reservation_is_old() -> None:
    pairing, book = caller()
    book.at(0.1, Reserved(M, THEIRS), Send("there", Commit(M)))
    book.at(0.2, Declined(M, is_gone=False))
    assert pairing.state(ANN) is SeatState.RESERVED


def test_a_commit_that_came_too_late_frees_the_caller() -> None:
    _, book = caller()
    book.at(0.1, Reserved(M, THEIRS), Send("there", Commit(M)))
    book.at(0.2, Lapsed(M), Failed(M, is_gone=False))
    book.at(0.2, Lapsed(M))


def test_a_reservation_that_nobody_waits_for_is_released() -> None:
    _, book = seats(ANN)
    book.at(0.0, Reserved(M, THEIRS), Send("there", Release(M)))


def test_answers_that_come_again_after_the_pair_is_made_change_nothing() -> None:
    _, book = paired_caller()
    book.at(1.0, Reserved(M, THEIRS)).at(1.0, Committed(M)).at(1.0, Lapsed(M)).at(1.0, Declined(M, True))


def test_a_callee_that_is_paired_without_the_caller_is_told_so() -> None:
    _, book = seats(ANN)
    book.at(0.0, Committed(M), Abandoned(M))


def test_the_caller_is_not_paired_once_its_lease_is_out() -> None:
    pairing, book = caller()
    book.at(1.0, Reserved(M, THEIRS), Send("there", Commit(M)))
    book.at(LEASE, Committed(M), Abandoned(M), Failed(M, is_gone=False))
    assert pairing.state(ANN) is SeatState.WAITING


def test_a_caller_that_stands_up_releases_the_callee() -> None:
    pairing, book = caller()
    book.at(0.1, Stand(ANN), Send("there", Release(M)))
    assert pairing.state(ANN) is SeatState.IDLE
    book.rests()


def test_a_match_that_the_callee_has_ended_already_frees_the_caller() -> None:
    _, book = caller()
    book.at(0.1, Reserved(M, THEIRS), Send("there", Commit(M)))
    book.at(0.2, Undo("another")).at(0.2, Undo("m"), Failed(M, is_gone=False)).at(0.2, Undo("m"))


# -- the callee ---------------------------------------------------------------------------


def test_the_callee_is_reserved_and_paired() -> None:
    pairing, book = paired_callee()
    assert pairing.match_of(BEN) == "m"
    book.rests()


def test_the_callee_leads_if_the_caller_does_not() -> None:
    follows = Proposal("m", CALLER, CALLEE, caller_leads=False, issued=77.0)
    _, book = seats(BEN)
    book.at(0.0, Wait(BEN, 6, THEIRS))
    book.at(0.0, Reserve(follows, OURS), Send("here", Reserved(follows, THEIRS)))
    came = Paired("m", BEN, CALLER, Role.LEADER, THEIRS, OURS, 77.0)
    book.at(0.1, Commit(follows), came, Send("here", Committed(follows)))


def test_what_comes_again_is_answered_again_and_changes_nothing() -> None:
    _, book = callee()
    book.at(1.1, Reserve(M, OURS), Send("here", Reserved(M, THEIRS))).wakes(1.0 + LEASE)
    _, book = paired_callee()
    for again in (Reserve(M, OURS), Commit(M), Release(M)):
        book.at(2.0, again, Send("here", Committed(M)))


@pytest.mark.parametrize("epoch", [5, 7])
def test_a_stale_hint_takes_nothing(epoch: int) -> None:
    stale = Proposal("m", CALLER, Hint(BEN, epoch, "there"), caller_leads=True, issued=77.0)
    pairing, book = seats(BEN)
    book.at(0.0, Wait(BEN, 6, THEIRS))
    book.at(0.0, Reserve(stale, OURS), Send("here", Declined(stale, is_gone=True)))
    assert pairing.state(BEN) is SeatState.WAITING


def test_an_account_without_a_seat_or_in_a_match_is_gone() -> None:
    _, book = seats()
    book.at(0.0, Reserve(M, OURS), Send("here", Declined(M, is_gone=True)))
    _, book = paired_callee()
    other = Proposal("n", Hint(CAT, 9, "here"), CALLEE, caller_leads=True, issued=77.0)
    book.at(2.0, Reserve(other, OURS), Send("here", Declined(other, is_gone=True)))


def test_a_seat_that_is_reserved_is_not_free_for_another_and_is_not_gone() -> None:
    _, book = callee()
    other = Proposal("n", Hint(CAT, 9, "here"), CALLEE, caller_leads=True, issued=77.0)
    book.at(1.1, Reserve(other, OURS), Send("here", Declined(other, is_gone=False)))


def test_a_lease_that_is_out_frees_the_callee_and_the_commit_comes_too_late() -> None:
    pairing, book = callee()
    book.at(1.0 + LEASE, Commit(M), Send("here", Lapsed(M)))  # before the alarm
    book.when_due(1.0 + LEASE, Freed(BEN))
    book.at(1.0 + LEASE, Commit(M), Send("here", Lapsed(M)))
    assert pairing.state(BEN) is SeatState.WAITING
    book.rests()


def test_leases_run_out_one_by_one() -> None:
    _, book = callee()
    pairing = book.machine
    assert isinstance(pairing, Pairing)
    pairing.sit(CAT)
    other = Proposal("n", Hint(9, 9, "here"), Hint(CAT, 8, "there"), caller_leads=True, issued=77.0)
    book.at(2.0, Wait(CAT, 8, THEIRS)).at(2.0, Reserve(other, OURS), Send("here", Reserved(other, THEIRS)))
    book.when_due(1.0 + LEASE, Freed(BEN)).when_due(2.0 + LEASE, Freed(CAT))


def test_a_caller_that_gives_up_frees_the_callee() -> None:
    _, book = callee()
    book.at(1.1, Release(M), Freed(BEN)).at(1.1, Release(M))
    _, book = seats()
    book.at(0.0, Release(M)).at(0.0, Commit(M), Send("here", Lapsed(M)))


def test_a_callee_that_stands_up_is_not_paired() -> None:
    pairing, book = callee()
    book.at(1.1, Stand(BEN)).at(1.2, Commit(M), Send("here", Lapsed(M)))
    assert pairing.state(BEN) is SeatState.IDLE
    book.rests()


# -- two who call each other --------------------------------------------------------------


def crossing(user: int, other: int) -> tuple[Pairing, Book, Proposal, Proposal]:
    """The seat of `user` calls that of `other`, which is at another node and calls as well."""
    ours = Proposal("m", Hint(user, 5, "here"), Hint(other, 6, "there"), caller_leads=True, issued=0.0)
    theirs = Proposal("n", Hint(other, 6, "there"), Hint(user, 5, "here"), caller_leads=True, issued=0.0)
    pairing, book = seats(user)
    book.at(0.0, Wait(user, 5, OURS)).at(0.0, Propose(ours), Send("there", Reserve(ours, OURS)))
    return pairing, book, ours, theirs


def test_of_two_who_call_each_other_the_higher_number_gives_way() -> None:
    _, book, ours, theirs = crossing(BEN, ANN)
    book.at(0.1, Reserve(theirs, THEIRS), Send("there", Reserved(theirs, OURS))).wakes(0.1 + LEASE)
    book.at(0.2, Declined(ours, is_gone=False))  # to a proposal that was withdrawn


def test_of_two_who_call_each_other_the_lower_number_goes_on() -> None:
    _, book, _, theirs = crossing(ANN, BEN)
    book.at(0.1, Reserve(theirs, THEIRS), Send("there", Declined(theirs, is_gone=False)))


def test_a_seat_gives_way_to_the_one_it_calls_alone() -> None:
    _, book, _, _ = crossing(CAT, ANN)
    other = Proposal("n", Hint(BEN, 9, "there"), Hint(CAT, 5, "here"), caller_leads=True, issued=0.0)
    book.at(0.1, Reserve(other, THEIRS), Send("there", Declined(other, is_gone=False)))


def test_a_seat_whose_call_was_answered_gives_way_no_more() -> None:
    _, book, ours, theirs = crossing(BEN, ANN)
    book.at(0.1, Reserved(ours, THEIRS), Send("there", Commit(ours)))
    book.at(0.2, Reserve(theirs, THEIRS), Send("there", Declined(theirs, is_gone=False)))


def test_an_early_tick_does_nothing() -> None:
    _, book = caller()
    book.at(0.1, Tick())
    _, book = callee()
    book.at(1.1, Tick())
