"""A seat is given to one match at a time, and only to who names its epoch."""

import pytest

from floater.errors import LocalProtocolError
from server.core.seat import Seat, SeatState


def waiting_seat(epoch: int = 1) -> Seat:
    seat = Seat()
    seat.wait(epoch)
    return seat


def test_a_waiting_seat_is_reserved_and_committed() -> None:
    seat = waiting_seat(epoch=7)
    assert seat.reserve("m", epoch=7, lease=3.0)
    assert seat.commit("m", now=1.0)
    assert (seat.state, seat.match_id) == (SeatState.PAIRED, "m")


def test_a_proposal_with_an_old_epoch_takes_nothing() -> None:
    seat = waiting_seat(epoch=7)
    assert not seat.reserve("m", epoch=6, lease=3.0)
    assert seat.state is SeatState.WAITING


def test_a_seat_is_reserved_once() -> None:
    seat = waiting_seat()
    assert seat.reserve("m", epoch=1, lease=3.0)
    assert not seat.reserve("n", epoch=1, lease=3.0)
    assert not seat.commit("n", now=0.0)
    assert seat.commit("m", now=0.0)
    assert not seat.reserve("n", epoch=1, lease=3.0)


def test_who_stands_up_cannot_be_reserved_by_what_was_proposed_before() -> None:
    seat = waiting_seat(epoch=1)
    seat.stand()
    assert not seat.reserve("m", epoch=1, lease=3.0)
    seat.wait(2)
    assert not seat.reserve("m", epoch=1, lease=3.0)


def test_a_lapsed_reservation_is_not_committed_and_waits_again() -> None:
    seat = waiting_seat(epoch=1)
    assert seat.reserve("m", epoch=1, lease=3.0)
    assert not seat.lapse(now=2.9)
    assert not seat.commit("m", now=3.0)
    assert seat.lapse(now=3.0)
    assert (seat.state, seat.epoch, seat.match_id) == (SeatState.WAITING, 1, "")


def test_only_its_own_match_releases_a_reservation() -> None:
    seat = waiting_seat()
    assert seat.reserve("m", epoch=1, lease=3.0)
    assert not seat.release("n")
    assert seat.release("m")
    assert not seat.release("m")


def test_a_talk_of_before_is_held_in_an_idle_seat_alone() -> None:
    seat = Seat()
    seat.hold("m")
    assert seat.state is SeatState.PAIRED
    with pytest.raises(LocalProtocolError):
        seat.hold("n")


def test_waiting_needs_an_idle_seat_and_a_new_epoch() -> None:
    seat = waiting_seat(epoch=1)
    with pytest.raises(LocalProtocolError):
        seat.wait(2)
    seat.stand()
    with pytest.raises(LocalProtocolError):
        seat.wait(1)
