from floater.core.person import reconnect
from floater.core.person.reconnect import (
    STEADY,
    Abandon,
    Begin,
    Broke,
    Came,
    Nudge,
    Reconnect,
    Try,
    Uprooted,
    Waits,
)
from floater.machine import Tick
from tests.helpers.playbook import Playbook

Script = Playbook[reconnect.Event, reconnect.Effect]


def patience() -> Script:
    return Playbook(Reconnect(first=1.0, last=10.0))


def test_the_pause_doubles_up_to_its_limit() -> None:
    script = patience().at(0, Begin(), Try())
    now = 0.0
    for pause in (1.0, 2.0, 4.0, 8.0, 10.0, 10.0):
        script.at(now, Broke(spread=0.5), Waits(pause)).when_due(now + pause, Try())
        now += pause
    script.rests()


def test_the_pause_is_spread_from_half_to_one_and_a_half() -> None:
    patience().at(0, Begin(), Try()).at(0, Broke(spread=0.0), Waits(0.5)).wakes(0.5)
    patience().at(0, Begin(), Try()).at(0, Broke(spread=0.999), Waits(1.499)).wakes(1.499)


def test_the_server_may_ask_for_a_longer_pause() -> None:
    patience().at(0, Begin(), Try()).at(0, Broke(spread=0.5, retry_after=7.0), Waits(7.0)).wakes(7.0)


def test_a_stream_that_lasted_starts_the_count_anew() -> None:
    (
        patience()
        .at(0, Begin(), Try())
        .at(0, Broke(spread=0.5), Waits(1.0))
        .when_due(1, Try())
        .at(1, Came())
        .at(1 + STEADY, Broke(spread=0.5), Waits(1.0))
        .wakes(2 + STEADY)
    )


def test_a_stream_that_breaks_at_once_does_not() -> None:
    (
        patience()
        .at(0, Begin(), Try())
        .at(0, Broke(spread=0.5), Waits(1.0))
        .when_due(1, Try())
        .at(1, Came())
        .at(2, Broke(spread=0.5), Waits(2.0))
        .wakes(4)
    )


def test_a_nudge_tries_at_once() -> None:
    (
        patience()
        .at(0, Begin(), Try())
        .at(0, Nudge())
        .at(0, Broke(spread=0.5), Waits(1.0))
        .at(0.1, Nudge(), Try())
        .at(0.2, Came())
        .at(0.3, Nudge())
        .rests()
    )


def test_where_coming_again_makes_no_sense_only_a_nudge_does_it() -> None:
    (
        patience()
        .at(0, Begin(), Try())
        .at(1, Broke(spread=0.5, never=True))
        .at(2, Tick())
        .at(3, Nudge(), Try())
        .rests()
    )


def test_another_network_is_tried_at_once_from_wherever_we_are() -> None:
    (
        patience()
        .at(0, Uprooted())
        .at(0, Begin(), Try())
        .at(1, Uprooted(), Abandon(), Try())
        .at(2, Broke(spread=0.5), Waits(1.0))
        .at(2.1, Uprooted(), Try())
        .at(3, Came())
        .at(4, Uprooted(), Abandon(), Try())
        .rests()
    )


def test_another_network_starts_the_count_anew() -> None:
    script = patience().at(0, Begin(), Try()).at(0, Broke(spread=0.5), Waits(1.0)).when_due(1, Try())
    script.at(1, Broke(spread=0.5), Waits(2.0)).at(1, Uprooted(), Try()).at(1, Broke(spread=0.5), Waits(1.0))
