from itertools import pairwise

from server.core.rates import Rate
from server.core.tries import Tries


def test_an_owner_is_told_of_more_tries_than_are_usual_and_once() -> None:
    tries = Tries(Rate(3, 100.0))
    assert [tries.count(b"anna", now=0.0) for _ in range(6)] == [False, False, False, True, False, False]
    assert not tries.count(b"bert", now=0.0)


def test_an_owner_is_told_again_when_it_goes_on_after_that_time() -> None:
    tries = Tries(Rate(3, 100.0))
    told = [second for second in range(400) if tries.count(b"anna", now=float(second))]
    assert len(told) == 4
    assert all(later - earlier >= 100 for earlier, later in pairwise(told))


def test_tries_that_are_few_at_any_time_are_not_told() -> None:
    tries = Tries(Rate(3, 100.0))
    assert not any(tries.count(b"anna", now=40.0 * number) for number in range(50))


def test_an_operator_can_have_no_owner_told() -> None:
    tries = Tries(None)
    assert not any(tries.count(b"anna", now=0.0) for _ in range(1_000))


def test_an_owner_who_could_not_be_told_is_told_by_the_next_try() -> None:
    tries = Tries(Rate(3, 100.0))
    assert [tries.count(b"anna", now=0.0) for _ in range(4)][-1]
    tries.not_told(b"anna", now=0.0)
    assert [tries.count(b"anna", now=1.0) for _ in range(3)] == [True, False, False]
    Tries(None).not_told(b"anna", now=0.0)
