"""Who is proposed to whom, among the strangers of this node and those that others announce."""

from typing import TypeAlias

from floater.machine import Tick
from server.core.matching import (
    COOL_DOWN,
    HINT_LIFE,
    REFRESH,
    Announce,
    Credit,
    Discredit,
    Effect,
    Enter,
    Event,
    Fail,
    Free,
    KeepApart,
    Leave,
    Matching,
    Proposed,
    Waiting,
)
from server.core.pairing import Proposal
from server.core.pool import Hint
from tests.helpers.playbook import Playbook

ANN, BEN, CAT, DAN = 1, 2, 3, 4
Book: TypeAlias = Playbook[Event, Effect]


def alone() -> tuple[Matching, Book]:
    matching = Matching("here")
    return matching, Playbook[Event, Effect](matching)


def of_two() -> tuple[Matching, Book]:
    matching = Matching("here", alone=False)
    return matching, Playbook[Event, Effect](matching)


def enter(user: int, match_id: str = "", after: str = "", pick: float = 0.0, time: float = 1000.0) -> Enter:
    return Enter(user, 10 + user, pick, match_id or f"m{user}", time, after)


def hint(user: int, node: str = "here") -> Hint:
    return Hint(user, 10 + user, node)


def proposal(
    match_id: str, caller: int, callee: Hint, issued: float = 1000.0, leads: bool = True
) -> Proposal:
    return Proposal(match_id, hint(caller), callee, leads, issued)


def announced(number: int, *users: int, first: tuple[int, ...] = ()) -> Announce:
    return Announce(Waiting("here", number, tuple(hint(user) for user in users), first))


def theirs(number: int, *users: int, first: tuple[int, ...] = ()) -> Waiting:
    return Waiting("there", number, tuple(hint(user, "there") for user in users), first)


# -- alone --------------------------------------------------------------------------------


def test_the_second_who_waits_is_proposed_the_first() -> None:
    matching, book = alone()
    book.at(0.0, enter(ANN)).at(5.0, enter(BEN, "m"), Proposed(proposal("m", BEN, hint(ANN))))
    assert len(matching) == 2
    book.rests()


def test_chance_decides_who_leads_and_the_ticket_s_time_goes_on() -> None:
    _, book = alone()
    book.at(0.0, enter(ANN)).at(
        0.0, enter(BEN, "m", pick=0.9), Proposed(proposal("m", BEN, hint(ANN), leads=False))
    )
    # Later, as often as it is tried: with a new name for the match.
    (again,) = book.machine.feed(Free(BEN), now=7.0)
    assert isinstance(again, Proposed)
    assert again.proposal.issued == 1007.0
    assert len(again.proposal.match_id) == 22


def test_who_has_left_is_proposed_to_nobody_and_nobody_to_them() -> None:
    matching, book = alone()
    book.at(0.0, enter(ANN)).at(0.0, Leave(ANN)).at(0.0, Leave(ANN)).at(0.0, enter(BEN)).at(0.0, Free(ANN))
    assert len(matching) == 1


def test_a_stale_hint_is_struck_out_and_the_next_is_tried() -> None:
    _, book = alone()
    book.at(0.0, enter(ANN))
    first = proposal("m", BEN, hint(ANN))
    book.at(0.0, enter(BEN, "m"), Proposed(first)).at(0.0, Fail(first, is_gone=True))
    book.at(0.0, enter(CAT, "n"), Proposed(proposal("n", CAT, hint(BEN))))
    book.rests()


def test_a_hint_that_is_newer_than_the_failure_stays() -> None:
    _, book = alone()
    book.at(0.0, enter(ANN))
    first = proposal("m", BEN, Hint(ANN, 1, "here"))  # an epoch of before
    book.at(0.0, enter(BEN, "m"), Proposed(proposal("m", BEN, hint(ANN))))
    (again,) = book.machine.feed(Fail(first, is_gone=True), now=0.0)
    assert isinstance(again, Proposed)
    assert again.proposal.callee == hint(ANN)


def test_a_seat_that_is_reserved_for_another_is_tried_again_after_a_while() -> None:
    _, book = alone()
    book.at(0.0, enter(ANN))
    first = proposal("m", BEN, hint(ANN))
    book.at(0.0, enter(BEN, "m"), Proposed(first)).at(0.5, Fail(first, is_gone=False))
    book.at(0.6, Fail(first, is_gone=False)).wakes(0.5 + REFRESH)
    came = book.machine.feed(Tick(), now=0.5 + REFRESH)
    assert [type(effect) for effect in came] == [Proposed, Proposed]  # each is proposed the other
    book.at(0.7, Leave(ANN)).at(0.7, Leave(BEN))


def test_a_failure_of_one_who_has_left_is_forgotten() -> None:
    _, book = alone()
    book.at(0.0, Fail(proposal("m", BEN, hint(ANN)), is_gone=False)).rests()


def test_a_credit_is_good_for_the_front_line_once_and_by_its_name_alone() -> None:
    _, book = alone()
    book.at(0.0, Credit(BEN, "over")).at(0.0, Credit(CAT, "over")).at(0.0, Credit(DAN, "over"))
    book.at(0.0, KeepApart(ANN, BEN)).at(0.0, KeepApart(ANN, CAT)).at(0.0, KeepApart(BEN, CAT))
    book.at(0.0, enter(ANN)).at(0.0, enter(BEN, after="wrong")).at(0.0, enter(CAT, after="over"))
    book.at(0.0, Discredit(DAN))
    book.at(
        0.0, enter(DAN, "m", after="over", pick=0.99), Proposed(proposal("m", DAN, hint(CAT), leads=False))
    )


def test_two_who_are_kept_apart_are_proposed_to_each_other_later() -> None:
    _, book = alone()
    book.at(0.0, KeepApart(BEN, ANN)).at(1.0, KeepApart(ANN, BEN)).at(2.0, KeepApart(ANN, CAT))
    book.at(3.0, enter(ANN, "m")).at(3.0, enter(BEN))
    book.when_due(1.0 + COOL_DOWN, Proposed(proposal("m", ANN, hint(BEN), issued=1008.0)))
    book.at(11.0, Leave(BEN)).when_due(2.0 + COOL_DOWN).rests()


# -- with other nodes ---------------------------------------------------------------------


def test_who_waits_is_announced_at_once_and_again() -> None:
    _, book = of_two()
    book.at(0.0, enter(ANN), announced(1, ANN)).when_due(REFRESH, announced(2, ANN))
    book.at(1.5, Leave(ANN), announced(3)).when_due(2 * REFRESH).rests()


def test_the_front_line_is_announced_too() -> None:
    _, book = of_two()
    book.at(0.0, Credit(ANN, "over")).at(0.0, enter(ANN, after="over"), announced(1, ANN, first=(ANN,)))


def test_who_is_proposed_somebody_is_not_announced() -> None:
    _, book = of_two()
    book.at(0.0, enter(ANN), announced(1, ANN))
    book.at(0.5, enter(BEN, "m"), Proposed(proposal("m", BEN, hint(ANN)))).wakes(REFRESH)


def test_another_node_s_accounts_are_proposed_to_ours() -> None:
    _, book = of_two()
    book.at(0.0, theirs(1, CAT))
    book.at(0.0, enter(ANN, "m"), Proposed(proposal("m", ANN, hint(CAT, "there"))))
    _, book = of_two()
    book.at(0.0, enter(ANN, "m"), announced(1, ANN))
    book.at(0.1, theirs(1, CAT), Proposed(proposal("m", ANN, hint(CAT, "there"), issued=1000.1)))


def test_the_front_line_of_another_node_is_chosen_first() -> None:
    _, book = of_two()
    book.at(0.0, theirs(1, BEN, CAT, first=(CAT,)))
    book.at(0.0, enter(ANN, "m"), Proposed(proposal("m", ANN, hint(CAT, "there"))))


def test_an_announcement_replaces_the_one_before_unless_it_is_older_or_our_own() -> None:
    _, book = of_two()
    book.at(0.0, theirs(2, BEN)).at(0.0, theirs(1, CAT)).at(0.0, theirs(2, CAT))
    book.at(0.0, Waiting("here", 9, (hint(DAN),)))
    book.at(0.0, theirs(3))
    book.at(0.0, enter(ANN, "m"), announced(1, ANN))


def test_what_is_not_announced_again_is_forgotten() -> None:
    _, book = of_two()
    book.at(0.0, theirs(1, BEN)).when_due(HINT_LIFE).at(4.0, enter(ANN), announced(1, ANN))


def test_an_account_of_ours_is_not_believed_to_wait_elsewhere() -> None:
    _, book = of_two()
    book.at(0.0, enter(ANN), announced(1, ANN)).at(0.0, theirs(1, ANN))
    book.at(0.0, theirs(2)).at(0.0, enter(BEN, "m"), Proposed(proposal("m", BEN, hint(ANN))))


def test_those_who_were_apart_are_proposed_by_the_node_of_either() -> None:
    _, book = of_two()
    book.at(0.0, KeepApart(ANN, BEN)).at(8.0, theirs(1, ANN)).at(8.5, enter(BEN, "m"), announced(1, BEN))
    book.when_due(9.5, announced(2, BEN))
    book.when_due(COOL_DOWN, Proposed(proposal("m", BEN, hint(ANN, "there"), issued=1001.5)))
