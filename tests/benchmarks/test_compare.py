import random

import pytest

from benchmarks.compare import interval


@pytest.mark.parametrize(
    ("count", "low", "high"), [(1, 0, 0), (5, 0, 4), (6, 0, 5), (20, 5, 14), (100, 39, 60)]
)
def test_the_interval_of_a_median_lies_between_two_known_order_statistics(
    count: int, low: int, high: int
) -> None:
    assert interval(list(range(count))[::-1]) == (low, high)


def test_the_interval_holds_the_true_median_as_often_as_it_says() -> None:
    random_ = random.Random(1)
    held = 0
    for _ in range(2_000):
        low, high = interval([random_.random() for _ in range(20)])
        held += low <= 0.5 <= high
    assert held / 2_000 >= 0.95
