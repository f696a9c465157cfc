import pytest

from floater.api import PathKind
from floater.codes import Code
from floater.core.meet.attempts import (
    GUESSING,
    MAX_MOVES,
    MOVES_TIME,
    PUNCH_PAUSE,
    REACH_PAUSE,
    RELAY_PAUSE,
    RETRIES,
    Attempts,
    Begin,
    EndPunch,
    EndRelay,
    OpenRelay,
    Punch,
    RelayLost,
    Renew,
)

BOTH = Begin(listens=True, dials=True)


def until(attempts: Attempts) -> float | None:
    return attempts.deadline


def begun(event: Begin = BOTH, head_start: float = 0.6) -> Attempts:
    attempts = Attempts(head_start)
    attempts.begin(event, 0.0)
    return attempts


@pytest.mark.parametrize(
    ("event", "head_start", "orders", "deadline"),
    [
        (BOTH, 0.6, [Punch()], 0.6),
        (Begin(listens=True, dials=True, guesses=True), 0.6, [Punch()], GUESSING),
        (Begin(listens=True, dials=True, guesses=True), 0.1, [Punch()], 0.1),
        (BOTH, 0.0, [Punch(), OpenRelay()], None),
        (Begin(listens=True, dials=False), 0.6, [Punch(), OpenRelay()], None),
        (Begin(listens=False, dials=False), 0.6, [OpenRelay()], None),
    ],
)
def test_the_relay_waits_only_where_a_punch_may_reach_the_peer(
    event: Begin, head_start: float, orders: list[object], deadline: float | None
) -> None:
    attempts = Attempts(head_start)
    assert (attempts.begin(event, 0.0), attempts.deadline) == (orders, deadline)


def test_what_is_under_way_is_not_begun_twice_and_ended_once() -> None:
    attempts = begun()
    assert attempts.punch() == []
    assert attempts.open_relay() == [OpenRelay()]
    assert attempts.open_relay() == []
    assert attempts.end() == [EndPunch(), EndRelay()]
    assert attempts.end() == []
    assert attempts.punch() == [Punch()]
    assert attempts.punch(anew=True) == [Punch()]


def test_without_a_port_there_is_no_punch_and_no_fresh_port() -> None:
    attempts = begun(Begin(listens=False, dials=False))
    assert (attempts.punch(), attempts.punch(anew=True), attempts.renew()) == ([], [], [])
    assert begun().renew() == [Renew()]


@pytest.mark.parametrize(
    ("code", "pause"), [(Code.SERVER_UNREACHABLE, REACH_PAUSE), (Code.PEER_NO_SHOW, RELAY_PAUSE)]
)
def test_the_relay_is_tried_again_unless_a_link_is_in_use(code: Code, pause: float) -> None:
    attempts = begun(Begin(listens=False, dials=False))
    attempts.relay_lost(RelayLost(code, 0.25), 10.0, is_up=True)
    assert (attempts.deadline, attempts.relay_error, attempts.is_at_relay) == (None, code, False)
    attempts.relay_lost(RelayLost(code, 0.25), 10.0, is_up=False)
    assert until(attempts) == 10.0 + 0.75 * pause
    assert attempts.tick(10.0 + 0.74 * pause, is_up=False) == []
    assert attempts.tick(10.0 + 0.75 * pause, is_up=False) == [OpenRelay()]
    assert all(found is None for found in (attempts.deadline, attempts.relay_error))
    attempts.relay_again(20.0)
    assert attempts.tick(20.0 + RELAY_PAUSE, is_up=False) == []  # it is there already


def test_while_the_peer_is_away_punch_follows_punch() -> None:
    attempts = begun()
    attempts.forget_plans()
    attempts.punch_over(5.0, is_away=True, kind=None)
    assert until(attempts) == 5.0 + PUNCH_PAUSE
    assert attempts.tick(5.0 + PUNCH_PAUSE, is_up=False) == [Punch(), Renew()]
    assert until(attempts) is None


def test_over_the_relay_a_punch_is_tried_again_ever_more_rarely() -> None:
    attempts = begun()
    assert attempts.settle(PathKind.RELAY, 0.0) == []
    assert until(attempts) is None  # the first punch is still under way
    now = 0.0
    for pause in (*RETRIES, RETRIES[-1]):
        attempts.punch_over(now, is_away=False, kind=PathKind.RELAY)
        assert until(attempts) == now + pause
        now += pause
        assert attempts.tick(now, is_up=True) == [Renew()]
        assert attempts.punch(anew=True) == [Punch()]
    assert attempts.settle(PathKind.DIRECT, now) == [EndPunch()]
    attempts.punch_over(now, is_away=False, kind=PathKind.DIRECT)
    assert until(attempts) is None
    assert attempts.settle(PathKind.RELAY, now) == []
    assert until(attempts) == now + RETRIES[0]


def test_where_no_punch_can_reach_the_peer_none_is_tried_until_the_network_changes() -> None:
    attempts = begun(Begin(listens=True, dials=False))
    attempts.punch_over(1.0, is_away=False, kind=PathKind.RELAY)
    assert until(attempts) is None
    assert attempts.restart() == [EndRelay()]
    attempts.punch_over(2.0, is_away=False, kind=PathKind.RELAY)
    assert until(attempts) == 2.0 + RETRIES[0]


def test_news_of_the_peer_starts_only_so_many_punches() -> None:
    attempts = begun()
    assert all(attempts.follows_move(float(number)) for number in range(MAX_MOVES))
    assert not attempts.follows_move(MOVES_TIME - 0.1)
    assert attempts.follows_move(MOVES_TIME)
    assert not attempts.follows_move(MOVES_TIME)
    assert attempts.follows_move(MOVES_TIME + 1.0)
