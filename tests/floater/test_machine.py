"""What every machine has in common."""

import inspect
from typing import Any

import pytest

from floater.core.meet.network import Network
from floater.core.meet.path import Path
from floater.core.meet.port_mapping import PortMapping
from floater.core.person.reconnect import Reconnect
from floater.machine import Tick, earliest
from floater.wire.control import Role

MACHINES: list[Any] = [Network(), Path(Role.LEADER), PortMapping(), Reconnect(0.5, 30.0)]


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: type(machine).__name__)
def test_time_is_an_argument_with_a_name_and_nothing_is_due_before_the_first_event(machine: Any) -> None:
    assert inspect.signature(machine.feed).parameters["now"].kind is inspect.Parameter.KEYWORD_ONLY
    assert machine.deadline is None


def test_a_tick_is_like_any_other() -> None:
    assert Tick() == Tick()
    assert Network().feed(Tick(), now=1.0) == []
    assert PortMapping().feed(Tick(), now=1.0) == []


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
