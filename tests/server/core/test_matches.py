"""Who is in which match of any kind, and what those hear who come back."""

from typing import TypeAlias

from floater.machine import Tick
from floater.wire.control import EndReason
from server.core.matches import (
    MAX_ENDED,
    Begin,
    Believed,
    Drop,
    Effect,
    End,
    Ended,
    Event,
    Gone,
    Leave,
    Matches,
    Member,
    Missed,
    Move,
    Over,
    Return,
    Tell,
    is_match_id,
)
from tests.helpers.playbook import Playbook

ANN, BEN, CAT = 1, 2, 3
HUNG_UP, LEFT, LOST = EndReason.HUNG_UP, EndReason.LEFT, EndReason.LOST
Book: TypeAlias = Playbook[Event, Effect]


def matches() -> tuple[Matches, Book]:
    machine = Matches(absence_limit=100.0)
    return machine, Playbook[Event, Effect](machine)


def of_both_here() -> tuple[Matches, Book]:
    machine, book = matches()
    book.at(0.0, Begin("m", ANN, Member(BEN, "here"))).at(0.0, Begin("m", BEN, Member(ANN, "here")))
    return machine, book


def test_a_match_has_two_people_and_either_ends_it_for_both() -> None:
    machine, book = of_both_here()
    assert (len(machine), "m" in machine, machine.people("m"), machine.of(ANN)) == (
        1,
        True,
        (ANN, BEN),
        ("m",),
    )
    assert machine.peer("m", ANN) == Member(BEN, "here")
    ended = Ended("m", ANN, HUNG_UP)
    book.at(1.0, End("m", ANN, HUNG_UP), Over("m", ANN, BEN, HUNG_UP, by_peer=False), Tell("here", ended))
    book.at(1.0, ended, Over("m", BEN, ANN, HUNG_UP, by_peer=True)).at(1.0, ended)
    book.at(1.0, End("m", BEN, HUNG_UP))
    assert (len(machine), machine.people("m"), machine.of(ANN), machine.peer("m", ANN)) == (0, (), (), None)
    book.rests()


def test_an_account_may_be_in_several_matches_and_nothing_of_one_ends_another() -> None:
    machine, book = of_both_here()
    book.at(0.0, Begin("n", ANN, Member(CAT, "there")))
    assert machine.of(ANN) == ("m", "n")
    book.at(1.0, Ended("m", BEN, HUNG_UP), Over("m", ANN, BEN, HUNG_UP, by_peer=True))
    assert machine.of(ANN) == ("n",)


def test_logging_out_ends_all() -> None:
    _, book = matches()
    book.at(0.0, Begin("m", ANN, Member(BEN, "here"))).at(0.0, Begin("n", ANN, Member(CAT, "there")))
    book.at(0.5, Drop(ANN)).at(
        1.0,
        Leave(ANN),
        Over("m", ANN, BEN, LEFT, by_peer=False),
        Tell("here", Ended("m", ANN, LEFT)),
        Over("n", ANN, CAT, LEFT, by_peer=False),
        Tell("there", Ended("n", ANN, LEFT)),
    ).rests()


def test_who_is_away_keeps_the_matches_for_a_while() -> None:
    machine, book = of_both_here()
    book.at(1.0, Drop(ANN)).at(2.0, Drop(ANN)).wakes(101.0)
    assert machine.is_away(ANN)
    book.at(50.0, Tick()).at(100.0, Return(ANN, ("m",))).rests()
    assert not machine.is_away(ANN)


def test_who_is_away_too_long_is_given_up_one_by_one() -> None:
    _, book = of_both_here()
    book.at(1.0, Drop(ANN)).at(1.0, Drop(BEN))
    told = Ended("m", ANN, LOST)
    book.when_due(101.0, Over("m", ANN, BEN, LOST, by_peer=False), Tell("here", told), Gone(ANN))
    book.at(101.0, told, Over("m", BEN, ANN, LOST, by_peer=True), Gone(BEN)).rests()


def test_who_is_away_and_in_another_match_is_not_gone() -> None:
    _, book = of_both_here()
    book.at(0.0, Begin("n", ANN, Member(CAT, "there"))).at(1.0, Drop(ANN))
    book.at(2.0, Ended("m", BEN, HUNG_UP), Over("m", ANN, BEN, HUNG_UP, by_peer=True)).wakes(101.0)


def test_coming_back_without_a_match_ends_it() -> None:
    _, book = of_both_here()
    ended = Ended("m", ANN, LEFT)
    book.at(1.0, Return(ANN), Over("m", ANN, BEN, LEFT, by_peer=False), Tell("here", ended))


def test_how_a_match_ended_is_told_to_those_who_come_back_for_it() -> None:
    _, book = of_both_here()
    book.at(1.0, Drop(ANN))
    book.at(2.0, Ended("m", BEN, HUNG_UP), Over("m", ANN, BEN, HUNG_UP, by_peer=True), Gone(ANN))
    book.at(3.0, Return(ANN, ("m",)), Missed("m", ANN, HUNG_UP))
    book.at(103.0, Return(ANN, ("m",)), Believed("m", ANN))  # as long ago as nobody remembers


def test_a_few_ends_of_one_account_are_remembered() -> None:
    _, book = matches()
    for number in range(MAX_ENDED + 1):
        book.at(0.0, Begin(f"m{number}", ANN, Member(BEN, "there")))
        book.at(0.0, Ended(f"m{number}", BEN, HUNG_UP), Over(f"m{number}", ANN, BEN, HUNG_UP, by_peer=True))
    book.at(1.0, Return(ANN, ("m0", "m1")), Believed("m0", ANN), Missed("m1", ANN, HUNG_UP))


def test_matches_that_are_older_than_the_server_are_believed_of_two_people() -> None:
    machine, book = matches()
    book.at(0.0, Return(ANN, ("m", "n")), Believed("m", ANN), Believed("n", ANN))
    assert machine.peer("m", ANN) is None
    book.at(0.0, Return(BEN, ("m",)), Believed("m", BEN)).at(0.0, Return(CAT, ("m",)), Missed("m", CAT, LEFT))
    peer = machine.peer("m", ANN)
    assert peer is not None
    assert peer.user == BEN
    ended = Ended("m", ANN, HUNG_UP)
    book.at(1.0, End("m", ANN, HUNG_UP), Over("m", ANN, BEN, HUNG_UP, by_peer=False), Tell(None, ended))
    book.at(1.0, ended, Over("m", BEN, ANN, HUNG_UP, by_peer=True))
    book.at(
        1.0,
        End("n", ANN, HUNG_UP),
        Over("n", ANN, None, HUNG_UP, by_peer=False),
        Tell(None, Ended("n", ANN, HUNG_UP)),
    )


def test_a_match_whose_peer_is_known_to_be_elsewhere_is_of_no_third() -> None:
    machine, book = matches()
    book.at(0.0, Begin("m", ANN, Member(BEN, "there")))
    book.at(0.0, Return(CAT, ("m",)), Missed("m", CAT, LEFT)).at(0.0, Return(BEN, ("m",)), Believed("m", BEN))
    assert machine.peer("m", CAT) is None


def test_who_moves_to_another_node_is_forgotten_and_nothing_ends() -> None:
    machine, book = of_both_here()
    book.at(1.0, Drop(ANN)).at(1.0, Move(ANN))
    assert (machine.of(ANN), machine.of(BEN), machine.is_away(ANN)) == ((), ("m",), False)
    book.rests()


def test_what_a_match_may_be_called() -> None:
    assert is_match_id("aB3_-" * 4 + "xy")
    assert not any(is_match_id(name) for name in ("", "x", "?" * 22, "a" * 23))
