"""The interface of every machine: events in, effects out, time as an argument."""

from dataclasses import dataclass
from typing import Protocol, TypeVar

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out")


@dataclass(frozen=True, slots=True)
class Tick:
    """The machine's deadline has come."""


class Machine(Protocol[In, Out]):
    """A state machine that decides and has no effects of its own.

    A machine has no socket, clock, randomness or log. It receives events and returns effects, which
    its driver performs; `deadline` is the time at which it wants to be called by itself.
    """

    @property
    def deadline(self) -> float | None:
        """Monotonic seconds at which to feed `Tick`; None for never."""

    def feed(self, event: In | Tick, *, now: float) -> list[Out]:
        """Advance by one event and say what is to be done.

        Args:
            event: what happened.
            now: monotonic seconds, never before the last one given.

        Raises:
            LocalProtocolError: the event makes no sense in this state.
        """


def earliest(*deadlines: float | None) -> float | None:
    """Return the first of several deadlines; None where each is None, which is never."""
    first = None
    for deadline in deadlines:
        if deadline is not None and (first is None or deadline < first):
            first = deadline
    return first
