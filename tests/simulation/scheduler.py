"""Time, chance and memory of one simulated history. One seed, one history."""

import hashlib
import heapq
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Generic, TypeVar

from floater.errors import LocalProtocolError
from floater.machine import Machine, Tick

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out")

SPIN_LIMIT = 20_000
"Things that may happen at one instant before we conclude that time stands still."


class RuleBroken(AssertionError):
    """Something happened that must never happen. `rule` is its name."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(f"{rule}: {detail}")
        self.rule = rule


class Timer:
    """Something that will happen unless it is cancelled."""

    __slots__ = ("action", "cancelled")

    def __init__(self, action: Callable[[], object]) -> None:
        self.action = action
        self.cancelled = False

    def cancel(self) -> None:
        """Let it not happen."""
        self.cancelled = True


class Scheduler:
    """A clock that jumps from one thing that happens to the next."""

    def __init__(self, seed: int, *, say: Callable[[str], None] | None = None) -> None:
        self.now = 0.0
        self.random = Random(seed)
        self.happened = 0
        "How many things have happened."
        self._heap: list[tuple[float, int, Timer]] = []
        self._count = 0
        self._hash = hashlib.sha256()
        self._say = say
        self._last: deque[str] = deque(maxlen=400)

    def at(self, when: float, action: Callable[[], object]) -> Timer:
        """Let something happen then; at the same instant, in the order given."""
        timer = Timer(action)
        self._count += 1
        heapq.heappush(self._heap, (max(when, self.now), self._count, timer))
        return timer

    def after(self, delay: float, action: Callable[[], object]) -> Timer:
        """Let something happen in `delay` seconds."""
        return self.at(self.now + delay, action)

    def note(self, text: str) -> None:
        """Write something down in the history."""
        line = f"{self.now:.6f} {text}"
        self._hash.update(line.encode())
        self._last.append(line)
        if self._say is not None:
            self._say(line)

    @property
    def history(self) -> str:
        """The SHA-256 of all that was noted."""
        return self._hash.hexdigest()

    def last_words(self, containing: str = "") -> str:
        """What was noted last, for a failing test."""
        return "\n".join(line for line in self._last if containing in line)

    def run_until(self, end: float, *, enough: Callable[[], bool] = lambda: False) -> None:
        """Let happen what is due up to `end`, or until it is `enough`."""
        spins = 0
        while self._heap and self._heap[0][0] <= end:
            when, _, timer = heapq.heappop(self._heap)
            if timer.cancelled:
                continue
            spins = spins + 1 if when == self.now else 0
            if spins > SPIN_LIMIT:
                raise RuleBroken("time stands still", f"at {self.now}")
            self.now = when
            self.happened += 1
            timer.action()
            if enough():
                return
        self.now = max(self.now, end)

    def chance(self, probability: float) -> bool:
        """Toss a coin."""
        return self.random.random() < probability

    def between(self, least: float, most: float) -> float:
        """Draw a duration, short ones more often than long ones."""
        return float(least + (most - least) * self.random.random() ** 2)


class Run(Generic[In, Out]):
    """Runs one machine on the simulated clock, as `floater.drive.Driver` does on the real one."""

    def __init__(
        self, scheduler: Scheduler, machine: Machine[In, Out], perform: Callable[[Out], None]
    ) -> None:
        self.machine = machine
        self._scheduler = scheduler
        self._perform = perform
        self._line: deque[In | Tick] = deque()
        self._busy = False
        self._closed = False
        self._timer: Timer | None = None
        self._timer_at: float | None = None

    def feed(self, event: In | Tick) -> None:
        """Give the machine an event; what it wants is done before the next one."""
        if self._closed:
            return
        self._line.append(event)
        if self._busy:
            return
        self._busy = True
        try:
            while self._line and not self._closed:
                for effect in self.machine.feed(self._line.popleft(), now=self._scheduler.now):
                    self._perform(effect)
        except LocalProtocolError as error:
            raise RuleBroken("a machine was fed what makes no sense", str(error)) from error
        finally:
            self._busy = False
        self._set_timer()

    def close(self) -> None:
        """Stop for ever."""
        self._closed = True
        self._line.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _set_timer(self) -> None:
        deadline = None if self._closed else self.machine.deadline
        if deadline == self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at, self._timer = deadline, None
        if deadline is not None:
            self._timer = self._scheduler.at(deadline, self._tick)

    def _tick(self) -> None:
        self._timer = self._timer_at = None
        self.feed(Tick())
