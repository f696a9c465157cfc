import pytest

from floater.codes import Code
from floater.core.person import reconnect
from floater.core.person.reconnect import (
    STEADY,
    Abandon,
    Begin,
    Broke,
    Came,
    Nudge,
    Reached,
    Reconnect,
    Try,
    Uprooted,
)
from floater.machine import Tick
from tests.helpers.playbook import Playbook

Script = Playbook[reconnect.Event, reconnect.Effect]
AWAY = Code.SERVER_UNREACHABLE


def patience() -> Script:
    return Playbook(Reconnect(first=1.0, last=10.0))


def test_the_pause_doubles_up_to_its_limit() -> None:
    script = patience().at(0, Begin(), Try())
    now = 0.0
    for pause in (1.0, 2.0, 4.0, 8.0, 10.0, 10.0):
        script.at(now, Broke(AWAY, spread=0.5), Reached(False, AWAY, pause)).when_due(now + pause, Try())
        now += pause
    script.rests()


def test_the_pause_is_spread_from_half_to_one_and_a_half() -> None:
    patience().at(0, Begin(), Try()).at(0, Broke(AWAY, spread=0.0), Reached(False, AWAY, 0.5)).wakes(0.5)
    patience().at(0, Begin(), Try()).at(0, Broke(AWAY, spread=0.999), Reached(False, AWAY, 1.499)).wakes(
        1.499
    )


def test_the_server_may_ask_for_a_longer_pause() -> None:
    patience().at(0, Begin(), Try()).at(
        0, Broke(AWAY, spread=0.5, retry_after=7.0), Reached(False, AWAY, 7.0)
    ).wakes(7.0)


def test_a_stream_that_lasted_starts_the_count_anew() -> None:
    (
        patience()
        .at(0, Begin(), Try())
        .at(0, Broke(AWAY, spread=0.5), Reached(False, AWAY, 1.0))
        .when_due(1, Try())
        .at(1, Came(), Reached(True))
        .at(1 + STEADY, Broke(AWAY, spread=0.5), Reached(False, AWAY, 1.0))
        .wakes(2 + STEADY)
    )


def test_a_stream_that_breaks_at_once_does_not() -> None:
    (
        patience()
        .at(0, Begin(), Try())
        .at(0, Broke(AWAY, spread=0.5), Reached(False, AWAY, 1.0))
        .when_due(1, Try())
        .at(1, Came(), Reached(True))
        .at(2, Broke(AWAY, spread=0.5), Reached(False, AWAY, 2.0))
        .wakes(4)
    )


def test_a_nudge_tries_at_once() -> None:
    (
        patience()
        .at(0, Begin(), Try())
        .at(0, Nudge())
        .at(0, Broke(AWAY, spread=0.5), Reached(False, AWAY, 1.0))
        .at(0.1, Nudge(), Try())
        .at(0.2, Came(), Reached(True))
        .at(0.3, Nudge())
        .rests()
    )


def test_where_coming_again_makes_no_sense_only_a_nudge_does_it() -> None:
    for code in (Code.UNSUPPORTED_VERSION, Code.SERVER_NOT_TRUSTED):
        script = patience().at(0, Begin(), Try()).at(1, Broke(code, spread=0.5), Reached(False, code))
        script.at(2, Tick()).at(3, Nudge(), Try()).rests()


@pytest.mark.parametrize(
    ("code", "retry_after", "pause"),
    [
        (Code.BAD_FRAME, 0.0, None),
        (Code.BAD_FRAME, 3.0, 3.0),
        (Code.BAD_FRAME, None, 1.0),
        (Code.SERVER_CLOSING, 0.0, 1.0),
        (Code.LOGGED_IN_ELSEWHERE, 0.0, 1.0),
        (Code.SESSION_ENDED, 0.0, 1.0),
    ],
)
def test_who_was_sent_away_comes_again_if_that_makes_sense(
    code: Code, retry_after: float | None, pause: float | None
) -> None:
    script = patience().at(0, Begin(), Try()).at(0, Came(), Reached(True))
    script.at(1, Broke(code, 0.5, retry_after), Reached(False, code, pause))
    if pause is None:
        script.rests()
    else:
        script.wakes(1 + pause)


def test_what_a_server_says_before_its_welcome_sends_nobody_away_for_good() -> None:
    patience().at(0, Begin(), Try()).at(1, Broke(Code.BUSY, 0.5, 0.0), Reached(False, Code.BUSY, 1.0))


def test_another_network_is_tried_at_once_from_wherever_we_are() -> None:
    (
        patience()
        .at(0, Uprooted())
        .at(0, Begin(), Try())
        .at(1, Uprooted(), Abandon(), Try())
        .at(2, Broke(AWAY, spread=0.5), Reached(False, AWAY, 1.0))
        .at(2.1, Uprooted(), Try())
        .at(3, Came(), Reached(True))
        .at(4, Uprooted(), Abandon(), Reached(False, AWAY, 0.0), Try())
        .rests()
    )


def test_another_network_starts_the_count_anew() -> None:
    script = (
        patience()
        .at(0, Begin(), Try())
        .at(0, Broke(AWAY, spread=0.5), Reached(False, AWAY, 1.0))
        .when_due(1, Try())
    )
    script.at(1, Broke(AWAY, spread=0.5), Reached(False, AWAY, 2.0)).at(1, Uprooted(), Try()).at(
        1, Broke(AWAY, spread=0.5), Reached(False, AWAY, 1.0)
    )
