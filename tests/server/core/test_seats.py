"""An account has one seat here, and brings a side while it waits."""

import pytest

from floater.errors import LocalProtocolError
from server.core.seat import SeatState
from server.core.seats import Seats
from tests.helpers.nodes import a_side

ANN = 1


def test_a_seat_is_taken_and_given_back() -> None:
    seats = Seats()
    assert (ANN in seats, seats.get(ANN), seats.state(ANN), seats.match_of(ANN)) == (False, None, None, "")
    seats.sit(ANN)
    seat = seats[ANN]
    seats.sit(ANN)
    assert seats.get(ANN) is seat
    assert (ANN in seats, seats.state(ANN), seats.match_of(ANN)) == (True, SeatState.IDLE, "")
    seat.hold("m")
    assert seats.match_of(ANN) == "m"
    seats.stand(ANN)
    seats.remove(ANN)
    assert ANN not in seats


def test_who_waits_brings_a_side_until_it_is_taken() -> None:
    seats = Seats()
    seats.sit(ANN)
    seats.wait(ANN, 5, a_side("ann"))
    assert (seats.state(ANN), seats.side(ANN)) == (SeatState.WAITING, a_side("ann"))
    with pytest.raises(LocalProtocolError):
        seats.wait(ANN, 6, a_side("another"))
    seats.rename(ANN, "Anna")
    assert seats.take_side(ANN) == a_side("Anna")
    seats.rename(ANN, "nobody hears of it")
    with pytest.raises(KeyError):
        seats.side(ANN)
