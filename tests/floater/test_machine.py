import pytest

from floater.machine import earliest


@pytest.mark.parametrize(
    ("deadlines", "first"),
    [
        ((), None),
        ((None, None), None),
        ((3.0,), 3.0),
        ((None, 2.0, None), 2.0),
        ((3.0, 1.0, 2.0), 1.0),
        ((0.0, None), 0.0),
    ],
)
def test_the_earliest_deadline_is_the_first_that_there_is(
    deadlines: tuple[float | None, ...], first: float | None
) -> None:
    assert earliest(*deadlines) == first
