import pytest

from floater.core.punch import (
    MAX_PLACES,
    MAX_STREAMS,
    Authenticate,
    Authenticated,
    Close,
    Connected,
    Dial,
    Effect,
    Event,
    Failed,
    GaveUp,
    Go,
    Halt,
    Listen,
    Punch,
    Rejected,
    Withdraw,
)
from floater.errors import LocalProtocolError
from floater.machine import Tick
from floater.wire.endpoint import Endpoint
from tests.helpers.playbook import Playbook

HOME = Endpoint("192.168.1.5", 40_001)
PUBLIC = Endpoint("203.0.113.5", 40_001)
ELSEWHERE = Endpoint("198.51.100.9", 50_001)
DELAY = 1 / 128
"A binary fraction, so that sums are exact."


def punch() -> Playbook[Event, Effect]:
    return Playbook(Punch(delay=DELAY, attempts=6, budget=5.0))


def test_all_places_are_dialled_at_once_while_listening() -> None:
    punch().at(0.0, Go((HOME, PUBLIC, HOME)), Listen(), Dial(HOME), Dial(PUBLIC)).wakes(5.0)


def test_an_explicit_error_is_answered_in_milliseconds_spread_at_random() -> None:
    (
        punch()
        .at(0.0, Go((PUBLIC,)), Listen(), Dial(PUBLIC))
        .at(0.5, Failed(PUBLIC, 0.0))
        .when_due(0.5 + DELAY / 2, Dial(PUBLIC))
        .at(1.0, Failed(PUBLIC, 0.75))
        .when_due(1.0 + DELAY * 5 / 4, Dial(PUBLIC))
    )


def test_silence_is_left_to_the_kernel() -> None:
    (
        punch()
        .at(0.0, Go((PUBLIC,)), Listen(), Dial(PUBLIC))
        .when_due(5.0, Withdraw(), GaveUp())
        .at(5.1, Failed(PUBLIC, 0.5))
        .rests()
    )


def test_the_last_third_of_the_attempts_is_spread_over_the_rest_of_the_budget() -> None:
    (
        punch()
        .at(0.0, Go((PUBLIC,)), Listen(), Dial(PUBLIC))
        .at(0.0, Failed(PUBLIC, 0.5))
        .when_due(DELAY, Dial(PUBLIC))
        .at(DELAY, Failed(PUBLIC, 0.5))
        .when_due(2 * DELAY, Dial(PUBLIC))
        .at(2 * DELAY, Failed(PUBLIC, 0.5))
        .when_due(3 * DELAY, Dial(PUBLIC))
        .at(1.0, Failed(PUBLIC, 0.5))
        .when_due(3.0, Dial(PUBLIC))
        .at(3.0, Failed(PUBLIC, 0.5))
        .when_due(5.0, Withdraw(), GaveUp())
        .rests()
    )


def test_after_the_last_attempt_a_place_is_left_alone() -> None:
    script = Playbook(Punch(delay=0.005, attempts=1, budget=5.0))
    script.at(0.0, Go((PUBLIC,)), Listen(), Dial(PUBLIC)).at(0.1, Failed(PUBLIC, 0.5)).wakes(5.0)


def test_a_link_stops_the_dialling_of_its_place() -> None:
    (
        punch()
        .at(0.0, Go((PUBLIC,)), Listen(), Dial(PUBLIC))
        .at(0.1, Connected(1, PUBLIC), Authenticate(1))
        .at(0.1, Failed(PUBLIC, 0.5))  # the dial beside it: the four numbers are taken
        .at(0.2, Authenticated(1))
        .at(0.2, Failed(PUBLIC, 0.5))
        .wakes(5.0)
    )


def test_a_stranger_is_turned_away_and_the_place_is_tried_again_slowly() -> None:
    (
        punch()
        .at(0.0, Go((HOME,)), Listen(), Dial(HOME))
        .at(0.1, Connected(1, HOME), Authenticate(1))
        .at(0.2, Rejected(1, 0.5))
        .when_due(1.2, Dial(HOME))
        .at(1.3, Connected(2, ELSEWHERE), Authenticate(2))
        .at(1.4, Rejected(2, 0.5))
        .at(1.5, Rejected(2, 0.5))
        .wakes(5.0)
    )


def test_a_crowd_of_strangers_makes_room_for_the_peer() -> None:
    script = punch().at(0.0, Go((PUBLIC,)), Listen(), Dial(PUBLIC))
    for number in range(MAX_STREAMS):
        script.at(0.1, Connected(number, ELSEWHERE), Authenticate(number))
    script.at(0.2, Connected(98, ELSEWHERE), Close(98))
    script.at(0.3, Connected(99, Endpoint(PUBLIC.host, 7)), Close(0), Authenticate(99))
    script.at(0.3, Rejected(0, 0.5))


def test_without_places_the_oldest_stream_makes_room() -> None:
    script = punch().at(0.0, Go(()), Listen())
    for number in range(MAX_STREAMS):
        script.at(0.1, Connected(number, ELSEWHERE), Authenticate(number))
    script.at(0.2, Connected(99, ELSEWHERE), Close(0), Authenticate(99))


def test_more_places_may_come_later() -> None:
    (punch().at(0.0, Go((HOME,)), Listen(), Dial(HOME)).at(1.0, Go((HOME, PUBLIC)), Dial(PUBLIC)).wakes(5.0))


def test_nobody_can_make_us_knock_on_ever_more_doors() -> None:
    doors = tuple(Endpoint("203.0.113.5", 40_000 + number) for number in range(2 * MAX_PLACES))
    script = punch().at(0.0, Go(doors), Listen(), *(Dial(door) for door in doors[:MAX_PLACES]))
    script.at(0.1, Go((PUBLIC, *doors)))


def test_after_halt_what_comes_is_closed_and_nothing_is_dialled() -> None:
    (
        punch()
        .at(0.0, Go((HOME,)), Listen(), Dial(HOME))
        .at(0.1, Connected(1, HOME), Authenticate(1))
        .at(0.2, Halt(), Withdraw())
        .at(0.3, Authenticated(1))
        .at(0.3, Connected(2, PUBLIC), Close(2))
        .at(0.4, Tick())
        .at(0.4, Halt())
        .rests()
    )
    punch().at(0.0, Halt()).rests()


def test_a_stream_of_an_earlier_punch_may_become_a_link() -> None:
    punch().at(0.0, Go((HOME,)), Listen(), Dial(HOME)).at(0.1, Authenticated(77)).wakes(5.0)


def test_nothing_happens_before_go() -> None:
    with pytest.raises(LocalProtocolError):
        Punch().feed(Connected(1, HOME), now=0.0)
