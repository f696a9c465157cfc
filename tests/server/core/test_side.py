"""A side is a value: two with the same content are one, and none can be changed."""

from dataclasses import FrozenInstanceError

import pytest

from tests.helpers.nodes import a_side


def test_a_side_is_a_value() -> None:
    side = a_side("ann")
    assert side == a_side("ann")
    assert side != a_side("ann", hides=True)
    assert side.relay == ""
    with pytest.raises(FrozenInstanceError):
        side.username = "ben"  # type: ignore[misc]  # what is tested
