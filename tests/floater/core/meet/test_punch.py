import pytest

from floater.core.meet.punch import (
    MAX_PLACES,
    MAX_STREAMS,
    PATIENCE,
    STRANGER_PAUSE,
    WAVE_PAUSE,
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
    Opened,
    PeerOpened,
    Punch,
    Rejected,
    Sent,
    Wave,
    Withdraw,
)
from floater.core.meet.technique import MAX_WAVE, MAX_WAVES, Plan, Technique
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


def test_where_listening_would_trouble_the_person_it_begins_late_and_not_at_all_after_the_end() -> None:
    script = Playbook(Punch(delay=DELAY, attempts=6, budget=5.0, deaf=1.0))
    script.at(0.0, Go((PUBLIC,)), Dial(PUBLIC)).when_due(1.0, Listen()).wakes(5.0)
    early = Playbook(Punch(delay=DELAY, attempts=6, budget=5.0, deaf=1.0))
    early.at(0.0, Go((PUBLIC,)), Dial(PUBLIC)).at(0.5, Halt(), Withdraw()).rests()


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


# -- opening and calling ------------------------------------------------------------------

SECOND = Endpoint("203.0.113.5", 40_002)
GUESSES = tuple(Endpoint("203.0.113.5", port) for port in (50_000, 50_001))
OPENS = Plan(Technique.CROSSING, opens=True)
CALLS = Plan(Technique.CROSSING, opens=False)
WAVES = (GUESSES, GUESSES[:1], GUESSES[1:])


def test_the_opener_of_lane_1_opens_it_and_calls_there_from_lane_0() -> None:
    (
        punch()
        .at(0.0, Go((PUBLIC,), (SECOND,), OPENS), Listen(), Dial(PUBLIC), Dial(SECOND, 1, low=True), Opened())
        .wakes(PATIENCE)
        .at(0.1, PeerOpened(), Dial(SECOND))
        .at(0.1, PeerOpened())
        .at(0.2, Failed(SECOND, 0.5, 0))
        .when_due(0.2 + DELAY, Dial(SECOND))
        .at(0.3, Failed(SECOND, 0.5, 1))
        .when_due(0.3 + STRANGER_PAUSE, Dial(SECOND, 1, low=True))
        .at(1.4, Connected(1, SECOND, 1), Authenticate(1, 1))
        .at(1.5, Failed(SECOND, 0.5, 1))
        .at(1.6, Authenticated(1))
        .wakes(5.0)
    )


def test_the_other_opens_from_lane_1_to_lane_0_and_calls_on_lane_1() -> None:
    across = Dial(PUBLIC, 1, low=True)
    (
        punch()
        .at(0.0, Go((HOME, PUBLIC), (SECOND,), CALLS), Listen(), Dial(HOME), Dial(PUBLIC), across, Opened())
        .wakes(PATIENCE)
        .at(0.1, PeerOpened(), Dial(SECOND, 1))
        .at(0.2, PeerOpened())
        .wakes(5.0)
    )


def test_who_is_told_nothing_calls_all_the_same() -> None:
    for plan, lane in ((CALLS, 1), (OPENS, 0)):
        opening = [Dial(SECOND, 1, low=True)] if plan.opens else []
        (
            punch()
            .at(0.0, Go((), (SECOND,), plan), Listen(), *opening, Opened())
            .when_due(PATIENCE, Dial(SECOND, lane))
            .when_due(5.0, Withdraw(), GaveUp())
            .at(5.1, PeerOpened())
            .rests()
        )


def test_holes_are_announced_once_when_all_of_them_are_there() -> None:
    plan = Plan(Technique.PREDICTION, opens=True, holes=GUESSES, calls=(GUESSES,))
    holes, calls = Wave(GUESSES, 1, low=True), Wave(GUESSES, 0, low=False)
    (
        punch()
        .at(0.0, Go((), (SECOND,), plan), Listen(), Dial(SECOND, 1, low=True), holes)
        .at(0.1, Sent(), Opened())
        .at(0.125, PeerOpened(), Dial(SECOND), calls)
        .at(0.15, Sent())
        .at(0.2, Connected(1, GUESSES[1], 1), Authenticate(1, 1))
        .at(0.3, Authenticated(1))
        .wakes(5.0)
    )


def test_a_caller_sends_wave_after_wave_until_somebody_is_met() -> None:
    plan = Plan(Technique.BIRTHDAY, opens=False, calls=WAVES, fresh=True)
    first, second, third = (Wave(wave, None, low=False) for wave in WAVES)
    script = (
        punch()
        .at(0.0, Go((), (SECOND,), plan), Listen(), Opened())
        .at(0.25, PeerOpened(), Dial(SECOND, 1), first)
        .at(0.3, Sent())
        .when_due(0.25 + WAVE_PAUSE, second)
        .at(1.0, Sent())
    )
    script.at(1.125, Connected(1, SECOND, 1), Authenticate(1, 1)).at(1.25, Authenticated(1)).wakes(5.0)
    (
        punch()
        .at(0.0, Go((), (SECOND,), plan), Listen(), Opened())
        .at(0.25, PeerOpened(), Dial(SECOND, 1), first)
        .when_due(0.25 + WAVE_PAUSE, second)
        .at(1.0, Connected(1, GUESSES[0], 1), Authenticate(1, 1))
        .at(1.0, Rejected(1, 0.0))  # it was somebody else
        .when_due(0.25 + 2 * WAVE_PAUSE, third)
        .when_due(5.0, Withdraw(), GaveUp())
    )


def test_where_no_observer_saw_lane_1_ports_are_guessed_all_the_same() -> None:
    plan = Plan(Technique.PREDICTION, opens=True, holes=GUESSES, calls=(GUESSES,))
    (
        punch()
        .at(0.0, Go((PUBLIC,), (), plan), Listen(), Dial(PUBLIC), Wave(GUESSES, 1, low=True))
        .at(0.1, Sent(), Opened())
        .at(0.2, PeerOpened(), Wave(GUESSES, 0, low=False))
    )


def test_without_a_place_on_lane_1_or_a_guess_nobody_opens() -> None:
    for plan in (OPENS, CALLS):
        punch().at(0.0, Go((PUBLIC,), (), plan), Listen(), Dial(PUBLIC)).at(0.1, PeerOpened()).wakes(5.0)


def test_no_plan_makes_waves_greater_or_more_than_they_may_be() -> None:
    endless = Plan(
        Technique.BIRTHDAY, opens=False, holes=(SECOND,) * 5_000, calls=((SECOND,) * 5_000,) * 9, fresh=True
    )
    machine = Punch(budget=50.0)
    came = machine.feed(Go((), (SECOND,), endless), now=0.0) + machine.feed(PeerOpened(), now=0.0)
    while machine.deadline is not None and machine.deadline < 50.0:
        came += machine.feed(Tick(), now=machine.deadline)
    waves = [len(effect.remotes) for effect in came if isinstance(effect, Wave)]
    assert waves == [MAX_WAVE] * (1 + MAX_WAVES)


def test_a_place_that_comes_later_is_dialled_as_its_lane_wants_it() -> None:
    later = Endpoint("203.0.113.6", 40_003)
    (
        punch()
        .at(0.0, Go((), (SECOND,), CALLS), Listen(), Opened())
        .at(0.1, Go((PUBLIC,), (SECOND, later), CALLS), Dial(PUBLIC), Dial(PUBLIC, 1, low=True))
        .at(0.2, PeerOpened(), Dial(SECOND, 1), Dial(later, 1))
        .at(0.3, Go((), (HOME,)), Dial(HOME, 1))
    )


def test_one_address_may_be_on_both_lanes() -> None:
    (
        punch()
        .at(0.0, Go((PUBLIC,), (PUBLIC,), OPENS), Listen(), Dial(PUBLIC), Dial(PUBLIC, 1, low=True), Opened())
        .at(0.05, PeerOpened())
        .at(0.1, Connected(1, PUBLIC, 1), Authenticate(1, 1))
        .at(0.2, Failed(PUBLIC, 0.5, 0))
        .when_due(0.2 + DELAY, Dial(PUBLIC))
    )
