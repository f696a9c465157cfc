import pytest

from floater.codes import Code
from floater.core.talk.inflow import FIRST_WINDOW, GET_INTERVAL, MAX_WINDOW, MIN_WINDOW, Inflow
from floater.core.talk.sniff import HEAD
from floater.errors import RemoteProtocolError


def asked(size: int = 100) -> Inflow:
    """All of a small file is asked for, at 0 s."""
    flow = Inflow(size)
    assert flow.ask(now=0.0) == (0, size - 1)
    return flow


def test_bytes_are_taken_once_and_in_order() -> None:
    flow = asked()
    assert bytes(flow.take(0, b"abc")) == b"abc"
    assert bytes(flow.take(0, b"abc")) == b""
    assert bytes(flow.take(1, b"bcde")) == b"de"
    assert (flow.place, flow.is_whole) == (5, False)
    assert bytes(flow.take(5, bytes(95))) == bytes(95)
    assert (flow.place, flow.is_whole) == (100, True)


@pytest.mark.parametrize(
    ("first", "size", "code"),
    [
        (0, 0, Code.BAD_FIELD),
        (10, 10, Code.OUT_OF_ORDER),
        (0, 101, Code.UNEXPECTED),
        (100, 1, Code.UNEXPECTED),
    ],
)
def test_what_was_not_asked_for_is_a_fault(first: int, size: int, code: Code) -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        asked().take(first, bytes(size))
    assert raised.value.code is code


def test_the_first_bytes_tell_the_type() -> None:
    flow = asked()
    known = []
    for first, byte in ((0, b"a"), (20, b"b")):
        flow.take(first, byte * 20)
        known.append(flow.is_known)
    assert known == [False, True]
    assert flow.head == b"a" * 20 + b"b" * (HEAD - 20)
    flow.take(40, b"c")
    assert len(flow.head) == HEAD
    small = asked(2)
    small.take(0, b"ab")
    assert small.is_known


def test_the_window_reaches_beyond_what_has_come() -> None:
    flow = Inflow(3 * FIRST_WINDOW)
    assert flow.ask(now=1.0) == (0, FIRST_WINDOW - 1)
    assert (flow.can_grow, flow.is_worth_asking) == (False, False)
    flow.take(0, bytes(FIRST_WINDOW // 16))
    assert (flow.can_grow, flow.is_worth_asking) == (True, True)
    assert not flow.is_due(now=1.0 + GET_INTERVAL - 0.01)
    assert flow.is_due(now=1.0 + GET_INTERVAL)
    assert flow.ask(now=2.0) == (FIRST_WINDOW, FIRST_WINDOW + FIRST_WINDOW // 16 - 1)


def test_on_another_link_all_is_asked_for_anew() -> None:
    flow = asked()
    flow.take(0, bytes(10))
    flow.start_anew()
    assert flow.is_due(now=0.0)
    assert flow.ask(now=0.0) == (10, 99)


def test_a_window_that_comes_whole_at_once_doubles_up_to_a_limit() -> None:
    flow = Inflow(1 << 40)
    now = 0.0
    for _ in range(12):
        flow.ask(now=now)
        flow.take_pace(0.1, now=now)
        flow.take(flow.place, bytes(flow.granted - flow.place))
        now += 0.1
        flow.take_pace(0.1, now=now)
    assert flow.window == MAX_WINDOW


def test_a_window_shrinks_to_a_slow_pace_but_not_to_nothing() -> None:
    flow = Inflow(1 << 30)
    flow.ask(now=0.0)
    flow.take_pace(0.1, now=0.0)
    windows = []
    for second in range(1, 8):
        flow.take(flow.place, bytes(1_000))
        flow.take_pace(0.1, now=float(second))
        windows.append(flow.window)
    assert windows[:3] == [FIRST_WINDOW, FIRST_WINDOW // 2, FIRST_WINDOW // 4]  # the first is a beginning
    assert windows[-1] == MIN_WINDOW


def test_the_pace_is_measured_over_a_while() -> None:
    flow = Inflow(1 << 30)
    flow.ask(now=0.0)
    flow.take_pace(0.0, now=0.0)
    flow.take(0, bytes(1_000))
    flow.take_pace(0.0, now=0.05)
    assert flow.pace == 0.0
    flow.take_pace(0.0, now=0.1)
    assert flow.pace == pytest.approx(10_000.0)
