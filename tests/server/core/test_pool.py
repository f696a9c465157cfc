"""The pool proposes uniformly at random, the front line first, and nobody who is to be avoided."""

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from server.core.pool import Hint, Line, Pool

# The 0.999 quantile of chi-square with 9 degrees of freedom.
CHI_SQUARE_9 = 27.88


def chi_square(counts: Counter[int], people: range) -> float:
    expected = counts.total() / len(people)
    return sum((counts[user] - expected) ** 2 / expected for user in people)


def test_everybody_is_proposed_equally_often() -> None:
    pool, draw = Pool(), random.Random(20261121)
    for user in range(10):
        pool.add(Hint(user, 1))
    counts: Counter[int] = Counter()
    for _ in range(20_000):
        proposal = pool.propose(draw.random(), ())
        assert proposal is not None
        counts[proposal[0].user] += 1
    assert chi_square(counts, range(10)) < CHI_SQUARE_9


def test_avoiding_some_leaves_the_others_equal() -> None:
    pool, draw = Pool(), random.Random(7)
    for user in range(14):
        pool.add(Hint(user, 1))
    counts: Counter[int] = Counter()
    for _ in range(20_000):
        proposal = pool.propose(draw.random(), {10, 11, 12, 13, 99})
        assert proposal is not None
        counts[proposal[0].user] += 1
    assert set(counts) == set(range(10))
    assert chi_square(counts, range(10)) < CHI_SQUARE_9


def test_what_is_left_of_the_number_is_uniform_again() -> None:
    pool, draw = Pool(), random.Random(3)
    for user in range(7):
        pool.add(Hint(user, 1))
    counts: Counter[int] = Counter()
    for _ in range(20_000):
        proposal = pool.propose(draw.random(), ())
        assert proposal is not None
        assert 0.0 <= proposal[1] < 1.0
        counts[int(proposal[1] * 10)] += 1
    assert chi_square(counts, range(10)) < CHI_SQUARE_9


def test_the_front_line_comes_first_unless_it_is_avoided() -> None:
    pool = Pool()
    pool.add(Hint(1, 1))
    pool.add(Hint(2, 1), first=True)
    assert pool.propose(0.0, ()) == (Hint(2, 1), 0.0)
    assert pool.propose(0.0, {2}) == (Hint(1, 1), 0.0)
    assert pool.propose(0.0, {1, 2}) is None


def test_leaving_twice_is_leaving_once() -> None:
    pool = Pool()
    pool.add(Hint(1, 1), first=True)
    pool.remove(1)
    pool.remove(1)
    assert len(pool) == 0
    assert 1 not in pool
    assert pool.propose(0.5, ()) is None


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=60),
    st.floats(0, 1, exclude_max=True),
    st.sets(st.integers(0, 9)),
)
def test_a_line_is_a_set(steps: list[tuple[bool, int]], pick: float, avoid: set[int]) -> None:
    line, model = Line(), set[int]()
    for joins, user in steps:
        if joins and user not in model:
            line.add(Hint(user, 1))
            model.add(user)
        elif not joins:
            assert line.remove(user) == (user in model)
            model.discard(user)
    assert {user for user in range(10) if user in line} == model
    assert len(line) == len(model)
    chosen = line.choose(pick, avoid)
    assert (chosen is None) == (not model - avoid)
    assert chosen is None or chosen[0].user in model - avoid
