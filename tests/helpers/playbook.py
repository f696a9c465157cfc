"""Scripts for machines: at this moment, this happens, and exactly these effects follow."""

from typing import Generic, Self, TypeVar

from floater.codes import Code
from floater.errors import FloaterError
from floater.machine import Machine, Tick

In = TypeVar("In")
Out = TypeVar("Out")


class Playbook(Generic[In, Out]):
    """Plays a script against one machine. Every effect is compared, so nothing goes unseen."""

    def __init__(self, machine: Machine[In, Out]) -> None:
        self.machine = machine
        self._line = 0

    def at(self, now: float, event: In | Tick, *effects: Out) -> Self:
        """Feed `event` at `now`; exactly `effects` have to come, in this order."""
        self._line += 1
        came = self.machine.feed(event, now=now)
        if came != list(effects):
            raise AssertionError(
                f"line {self._line}: at {now}, {event}\n\n  expected:\n{_lines(effects)}"
                f"\n  came:\n{_lines(came)}"
            )
        return self

    def when_due(self, now: float, *effects: Out) -> Self:
        """The deadline has to be `now`; feed `Tick` then and compare."""
        return self.wakes(now).at(now, Tick(), *effects)

    def refused(
        self, now: float, event: In | Tick, code: Code, error: type[FloaterError] = FloaterError
    ) -> Self:
        """Feed `event` at `now`; an `error` with `code` has to be raised."""
        self._line += 1
        try:
            came = self.machine.feed(event, now=now)
        except error as raised:
            if raised.code is not code:
                raise AssertionError(
                    f"line {self._line}: at {now}, {event}: {raised.code}, not {code}"
                ) from raised
            return self
        raise AssertionError(f"line {self._line}: at {now}, {event}: no {code}, but\n{_lines(came)}")

    def wakes(self, deadline: float) -> Self:
        """The machine has to want its next `Tick` at `deadline`."""
        set_to = self.machine.deadline
        if set_to is None or abs(set_to - deadline) > 1e-9:
            raise AssertionError(f"after line {self._line}: the deadline is {set_to}, not {deadline}")
        return self

    def rests(self) -> None:
        """The machine must have nothing left to wait for."""
        if self.machine.deadline is not None:
            raise AssertionError(f"after line {self._line}: still waits until {self.machine.deadline}")


def _lines(effects: object) -> str:
    assert isinstance(effects, list | tuple)
    return "\n".join(f"    {effect}" for effect in effects) or "    nothing"
