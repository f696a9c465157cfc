import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.core.rates import Rate, Rates, parse_rates

KEY = b"key"
rates = st.builds(Rate, st.integers(1, 50), st.floats(0.1, 10_000.0))


def test_the_whole_count_may_come_at_once_and_the_next_says_how_long_to_wait() -> None:
    limiter = Rates()
    rate = Rate(3, 60.0)
    assert [limiter.take([(KEY, rate)], now=5.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert limiter.take([(KEY, rate)], now=5.0) == pytest.approx(20.0)
    assert limiter.take([(KEY, rate)], now=15.0) == pytest.approx(10.0)
    assert limiter.take([(KEY, rate)], now=25.0) == 0.0


def test_one_key_alone_needs_only_the_time_at_which_it_is_as_good_as_new() -> None:
    rate, good_at = Rate(3, 60.0), 0.0
    for _ in range(3):
        assert rate.wait(good_at, now=100.0) == 0.0
        good_at = rate.charge(good_at, now=100.0)
    assert good_at == 160.0
    assert rate.wait(good_at, now=100.0) == pytest.approx(20.0)
    assert rate.wait(good_at, now=120.0) == 0.0
    assert rate.wait(rate.charge(good_at, now=100.0, times=-1), now=100.0) == 0.0


def test_what_one_key_refuses_costs_the_others_nothing() -> None:
    limiter = Rates()
    once = Rate(1, 60.0)
    assert limiter.take([(b"source", once)], now=0.0) == 0.0
    assert limiter.take([(b"source", once), (b"address", once)], now=1.0) > 0.0
    assert limiter.take([(b"address", once)], now=1.0) == 0.0


@given(rates, st.lists(st.floats(0.0, 1_000.0), max_size=200))
def test_no_window_ever_sees_more_than_its_share(rate: Rate, gaps: list[float]) -> None:
    limiter = Rates()
    granted: list[float] = []
    now = 100.0
    for gap in gaps:
        now += gap
        if limiter.take([(KEY, rate)], now=now) == 0.0:
            granted.append(now)
    for first, begin in enumerate(granted):
        for last in range(first, len(granted)):
            share = rate.count + (granted[last] - begin) / rate.interval
            assert last - first + 1 <= share + 1e-3


@given(rates, st.lists(st.floats(0.0, 100.0), max_size=100))
def test_who_waits_as_long_as_told_is_let_in_and_not_before(rate: Rate, gaps: list[float]) -> None:
    limiter = Rates()
    now = 0.0
    for gap in gaps:
        now += gap
        wait = limiter.take([(KEY, rate)], now=now)
        if wait > 0.0:
            assert wait <= rate.interval * (1 + 1e-6)
            assert limiter.take([(KEY, rate)], now=now + wait * 0.99) > 0.0
            now += wait
            assert limiter.take([(KEY, rate)], now=now) == 0.0


def test_keys_that_are_as_good_as_new_are_forgotten_first() -> None:
    limiter = Rates(max_keys=10)
    slow, quick = Rate(1, 1_000.0), Rate(1, 1.0)
    limiter.take([(b"slow", slow)], now=0.0)
    for number in range(100):
        limiter.take([(b"%d" % number, quick)], now=float(10 + number))
    assert len(limiter) <= 11
    assert limiter.take([(b"slow", slow)], now=500.0) == pytest.approx(500.0)


def test_memory_is_bounded_whatever_comes() -> None:
    limiter = Rates(max_keys=10)
    for number in range(1_000):
        limiter.take([(b"%d" % number, Rate(1, 1e6))], now=0.0)
    assert len(limiter) <= 10


def test_a_flood_of_new_keys_leaves_the_most_used_one_alone() -> None:
    limiter = Rates(max_keys=100)
    once = Rate(1, 1e6)
    limiter.take([(b"owner", once)], now=0.0)
    for number in range(10_000):
        assert limiter.take([(b"%d" % number, Rate(1, 60.0))], now=1.0) == 0.0
    assert len(limiter) <= 100
    assert limiter.take([(b"owner", once)], now=1.0) > 0.0


def test_a_new_key_costs_a_look_at_a_few_others_and_not_at_all() -> None:
    """A look at all keys, and each sorted, stopped the server for 0.7 s at 200,000 keys."""
    limiter = Rates(max_keys=1_000)
    looks = 0

    class Key(bytes):
        __slots__ = ()

        def __hash__(self) -> int:
            nonlocal looks
            looks += 1
            return super().__hash__()

    for number in range(1_000):
        limiter.take([(Key(b"%d" % number), Rate(1, 60.0))], now=0.0)
    for number in range(1_000, 1_100):
        looks = 0
        limiter.take([(Key(b"%d" % number), Rate(1, 60.0))], now=0.0)
        assert 0 < looks < 40


def test_what_happens_anyway_is_charged_and_may_be_given_back() -> None:
    limiter, rate = Rates(max_keys=2), Rate(2, 60.0)
    for _ in range(9):
        limiter.charge(KEY, rate, now=0.0)
    assert limiter.used(KEY, now=0.0) == 120.0
    assert limiter.wait([(KEY, rate)], now=0.0) == pytest.approx(90.0)
    limiter.charge(KEY, rate, now=0.0, times=-3)
    assert limiter.wait([(KEY, rate)], now=0.0) == 0.0
    for number in range(5):
        limiter.charge(b"%d" % number, rate, now=0.0)
    assert len(limiter) == 2


def test_how_much_is_used_is_told() -> None:
    limiter = Rates()
    assert limiter.used(KEY, now=0.0) == 0.0
    limiter.take([(KEY, Rate(4, 60.0))], now=0.0)
    assert limiter.used(KEY, now=5.0) == 10.0
    assert limiter.used(KEY, now=50.0) == 0.0


def test_limits_are_read_as_they_are_written() -> None:
    assert parse_rates("30/3600 - 0005/0.5") == (Rate(30, 3600.0), None, Rate(5, 0.5))
    assert parse_rates("") == ()
    assert parse_rates("1/2 -", 0, 2) == (Rate(1, 2.0), None)


@pytest.mark.parametrize("text", ["3", "0/1", "1/0", "-1/5", "1/-5", "a/b", "1/nan", "1/inf", "1.5/2"])
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_rates(text)


@pytest.mark.parametrize("text", ["", "1/2", "1/2 - -"])
def test_too_few_or_too_many_limits_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="2 times"):
        parse_rates(text, 2)
