"""Run any machine on asyncio."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from floater.machine import Machine, Tick

In = TypeVar("In")
Out = TypeVar("Out")


class Driver(Generic[In, Out]):
    """Feeds one machine and performs what it asks for.

    Events are fed in the order they are given, each with all its effects
    performed before the next, so nothing happens between an event and its
    effects. `perform` starts an effect and returns at once; work that takes
    time reports back by `feed`. There is no queue and no task: an event given
    while effects are being performed waits in line behind them.
    """

    def __init__(self, machine: Machine[In, Out], perform: Callable[[Out], None]) -> None:
        self.machine = machine
        self._perform = perform
        self._loop = asyncio.get_running_loop()
        self._line: list[In | Tick] = []
        self._busy = False
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def feed(self, event: In | Tick) -> None:
        """Give the machine an event. After `close` it is dropped.

        Raises:
            LocalProtocolError: from the machine; a bug on our side.
        """
        if self._closed:
            return
        self._line.append(event)
        if self._busy:
            return
        self._busy = True
        try:
            while self._line and not self._closed:
                for effect in self.machine.feed(self._line.pop(0), now=self._loop.time()):
                    self._perform(effect)
        finally:
            self._busy = False
            self._set_timer()  # also after an error: the machine still has to hear of its deadline

    def close(self) -> None:
        """Stop: no further event reaches the machine and no timer fires."""
        self._closed = True
        self._line.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self) -> None:
        """Have `_wake` called at the deadline, or before it.

        Most events move the deadline further away. The timer then stays as it is, because one
        call for nothing now and then costs less than a new timer for every event.
        """
        deadline = None if self._closed else self.machine.deadline
        if deadline is None or (self._timer is not None and self._timer_at <= deadline):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = self._loop.call_at(deadline, self._wake), deadline

    def _wake(self) -> None:
        due, self._timer = self._timer_at, None
        deadline = self.machine.deadline
        if deadline is not None and deadline <= due:
            self.feed(Tick())
        else:
            self._set_timer()
