"""From the search to the pair: matching and pairing put together, as one node of two has them."""

from typing import TypeAlias

from floater.codes import Code
from floater.machine import Tick
from floater.wire.control import EndReason, Role
from server.core.events import Agreed, CancelSeek, Refused, Request, Seek, Send
from server.core.matches import Ended, Over
from server.core.matching import COOL_DOWN, REFRESH, Waiting
from server.core.pairing import LEASE, Paired, Undo
from server.core.pool import Hint
from server.core.proposal import Commit, Committed, Declined, Proposal, Release, Reserve, Reserved
from server.core.seat import SeatState
from server.core.strangers import Effect, Strangers
from tests.helpers.nodes import a_side

ANN, BEN, CAT = 1, 2, 3
OURS, THEIRS = a_side("ann"), a_side("ben")
THERE = Waiting("there", 1, (Hint(BEN, 9, "there"),))
M = Proposal("m", Hint(ANN, 1, "here"), Hint(BEN, 9, "there"), caller_leads=True, issued=0.0)
Effects: TypeAlias = list[Effect]


def of_two() -> Strangers:
    strangers = Strangers("here", alone=False)
    strangers.sit(ANN)
    return strangers


def asked(user: int = ANN) -> Request:
    return Request(user, 1, 7)


def seek(user: int = ANN, match_id: str = "m") -> Seek:
    return Seek(asked(user), OURS, 0.0, match_id, notice="notice")


def calling() -> Strangers:
    """Ann has called Ben, who waits at the other node."""
    strangers = of_two()
    assert strangers.hear(THERE, now=0.0) == []
    assert strangers.seek(seek(), now=0.0) == [Agreed(asked(), "notice"), Send("there", Reserve(M, OURS))]
    return strangers


def paired() -> Strangers:
    strangers = calling()
    assert strangers.hear(Reserved(M, THEIRS), now=0.1) == [Send("there", Commit(M))]
    assert strangers.hear(Committed(M), now=0.2) == [
        Paired("m", ANN, M.callee, Role.LEADER, OURS, THEIRS, 0.0),
        Send(None, Waiting("here", 1, ())),
    ]
    return strangers


def test_a_search_at_one_node_finds_a_partner_at_the_other() -> None:
    strangers = paired()
    assert (strangers.match_of(ANN), len(strangers._matching), strangers.state(ANN)) == (
        "m",
        0,
        SeatState.PAIRED,
    )
    assert strangers.seek(seek(), now=1.0) == [Refused(asked(), Code.IN_A_TALK)]
    assert strangers.cancel(CancelSeek(asked()), now=1.0) == [Refused(asked(), Code.ALREADY_MATCHED)]


def test_a_search_is_one_and_can_be_cancelled_while_somebody_is_called() -> None:
    strangers = calling()
    assert ANN in strangers
    assert strangers.seek(seek(), now=0.1) == [Refused(asked(), Code.ALREADY_SEEKING)]
    assert strangers.cancel(CancelSeek(asked()), now=0.1) == [
        Agreed(asked()),
        Send("there", Release(M)),
        Send(None, Waiting("here", 1, ())),
    ]
    assert strangers.cancel(CancelSeek(asked()), now=0.1) == [Refused(asked(), Code.NOT_SEEKING)]


def test_a_partner_that_is_gone_is_forgotten_and_the_search_is_announced() -> None:
    strangers = calling()
    assert strangers.hear(Declined(M, is_gone=True), now=0.1) == []
    assert strangers.deadline == REFRESH
    announced = Send(None, Waiting("here", 1, (Hint(ANN, 1, "here"),)))
    assert strangers.hear(Tick(), now=REFRESH) == [announced]


def test_a_reservation_that_ends_lets_the_account_look_for_others() -> None:
    strangers = of_two()
    strangers.seek(seek(), now=0.0)
    theirs = Proposal("n", Hint(CAT, 5, "there"), Hint(ANN, 1, "here"), caller_leads=True, issued=0.0)
    reserved = Send("there", Reserved(theirs, OURS))
    assert strangers.hear(Reserve(theirs, THEIRS), now=0.0) == [reserved]
    assert strangers.hear(THERE, now=0.1) == []  # it is reserved: nobody is called
    (called,) = strangers.hear(Release(theirs), now=0.2)
    assert isinstance(called, Send)
    assert isinstance(called.message, Reserve)


def test_a_partner_that_is_paired_alone_is_told_that_it_is_over() -> None:
    strangers = of_two()
    assert strangers.hear(Committed(M), now=0.0) == [Send("there", Ended("m", ANN, EndReason.LEFT))]


def test_a_match_that_was_undone_lets_the_caller_go_on() -> None:
    strangers = calling()
    strangers.hear(Undo("m"), now=0.1)
    assert strangers.state(ANN) is SeatState.WAITING
    strangers.hear(Tick(), now=LEASE)


def test_the_end_of_a_match_frees_the_seat_of_that_match_alone() -> None:
    strangers = paired()
    strangers.end(Over("another", ANN, BEN, EndReason.HUNG_UP, by_peer=True), now=1.0)
    assert strangers.match_of(ANN) == "m"
    strangers.end(Over("m", ANN, BEN, EndReason.HUNG_UP, by_peer=True), now=1.0)
    assert strangers.state(ANN) is SeatState.IDLE
    assert strangers.deadline is not None
    assert strangers.deadline < COOL_DOWN  # nobody is kept apart: it is another node's announcement


def test_the_two_of_a_match_that_fell_through_are_kept_apart() -> None:
    strangers = paired()
    strangers.end(Over("m", ANN, BEN, EndReason.NO_SHOW, by_peer=False), now=1.0)
    assert strangers.seek(seek(match_id="n"), now=2.0)[1:] == [
        Send(None, Waiting("here", 2, (Hint(ANN, 2, "here"),)))
    ]


def test_a_match_whose_peer_nobody_knows_keeps_nobody_apart() -> None:
    strangers = Strangers()
    strangers.sit(ANN)
    strangers.hold(ANN, "old")
    strangers.hold(ANN, "older")  # the seat is taken
    assert strangers.match_of(ANN) == "old"
    strangers.end(Over("old", ANN, None, EndReason.NO_SHOW, by_peer=False), now=1.0)
    assert strangers.deadline is None


def test_who_stops_or_goes_is_forgotten() -> None:
    strangers = of_two()
    strangers.seek(seek(), now=0.0)
    strangers.rename(ANN, "Anna")
    assert strangers.stop(ANN, now=0.1) == [Send(None, Waiting("here", 2, ()))]
    assert strangers.stop(ANN, now=0.1) == []
    strangers.remove(ANN, now=0.1)
    assert ANN not in strangers
    assert strangers.state(ANN) is None
