import pytest

from server.core.delivery import (
    FRESH,
    Blocked,
    Broke,
    Connected,
    Delivery,
    Effect,
    Finished,
    Judged,
    Learned,
    Pause,
    Postponed,
    ServerState,
    is_late,
    wait_after_break,
    wait_after_refusal,
)


def delivery() -> Delivery:
    return Delivery(retry=1.0, longest=60.0)


def pause(effects: list[Effect]) -> float:
    (found,) = [effect.seconds for effect in effects if isinstance(effect, Pause)]
    return found


def test_a_mail_that_is_put_off_waits_twice_as_long_each_time() -> None:
    waits = [wait_after_refusal(tries, pick=0.5) for tries in range(8)]
    assert waits == pytest.approx([60, 120, 240, 480, 960, 1_920, 3_600, 3_600])
    assert wait_after_refusal(10**6, pick=0.5) == pytest.approx(3_600)


def test_a_mail_that_broke_the_connection_waits_four_times_as_long_each_time() -> None:
    waits = [wait_after_break(tries, 1.0, pick=0.5) for tries in range(7)]
    assert waits == pytest.approx([1, 4, 16, 64, 256, 1_024, 3_600])


@pytest.mark.parametrize(("pick", "part"), [(0.0, 0.8), (0.5, 1.0), (1.0, 1.2)])
def test_mails_that_failed_together_do_not_come_back_together(pick: float, part: float) -> None:
    assert wait_after_refusal(0, pick=pick) == pytest.approx(60 * part)
    assert wait_after_break(0, 1.0, pick=pick) == pytest.approx(part)


def test_a_mail_is_late_after_some_seconds() -> None:
    assert [is_late(age) for age in (0.0, 5.0, 5.1)] == [False, False, True]


def test_nothing_is_known_of_a_mail_server_before_it_was_tried() -> None:
    machine = delivery()
    assert machine.state(now=0.0) is ServerState.UNKNOWN
    assert machine.feed(Connected(), now=0.0) == [Learned()]
    assert machine.state(now=FRESH - 1.0) is ServerState.UP
    assert machine.state(now=FRESH) is ServerState.UNKNOWN
    assert machine.feed(Judged(), now=FRESH) == [Learned()]
    assert machine.state(now=FRESH) is ServerState.UP


def test_a_mail_server_that_is_down_is_tried_after_ever_longer_pauses() -> None:
    machine = delivery()
    pauses = []
    for _ in range(9):
        effects = machine.feed(Blocked(pick=1.0), now=0.0)
        assert effects[0] == Learned()
        pauses.append(pause(effects))
    assert pauses == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60, 60])
    assert machine.state(now=1e9) is ServerState.DOWN
    assert pause(machine.feed(Blocked(pick=0.0), now=0.0)) == pytest.approx(48)
    assert machine.feed(Connected(), now=0.0) == [Learned()]
    assert machine.state(now=0.0) is ServerState.UP
    assert machine.feed(Finished(), now=0.0) == []
    assert pause(machine.feed(Blocked(pick=1.0), now=0.0)) == pytest.approx(1)


def test_a_fault_of_our_database_says_nothing_of_the_mail_server() -> None:
    machine = delivery()
    machine.feed(Connected(), now=0.0)
    effects = [machine.feed(Blocked(pick=1.0, is_ours=True), now=0.0) for _ in range(2)]
    assert effects == [[Pause(1.0)], [Pause(2.0)]]
    assert machine.state(now=0.0) is ServerState.UP


def test_one_mail_that_breaks_the_connection_says_nothing_and_two_in_a_row_do() -> None:
    machine = delivery()
    machine.feed(Connected(), now=0.0)
    assert machine.feed(Broke(pick=1.0), now=0.0) == [Pause(1.0)]
    assert machine.state(now=0.0) is ServerState.UP
    pauses = [machine.feed(Broke(pick=1.0), now=0.0) for _ in range(4)]
    assert pauses == [[Learned(), Pause(seconds)] for seconds in (2.0, 4.0, 8.0, 8.0)]
    assert machine.state(now=0.0) is ServerState.DOWN


@pytest.mark.parametrize("between", [Judged(), Postponed(), Finished()])
def test_a_mail_that_goes_through_in_between_makes_the_pause_short_again(
    between: Judged | Postponed | Finished,
) -> None:
    machine = delivery()
    machine.feed(Broke(pick=1.0), now=0.0)
    machine.feed(between, now=0.0)
    assert machine.feed(Broke(pick=1.0), now=0.0) == [Pause(1.0)]
    machine.feed(Blocked(pick=1.0), now=0.0)
    machine.feed(Broke(pick=1.0), now=0.0)
    assert pause(machine.feed(Blocked(pick=1.0), now=0.0)) == pytest.approx(1)
