"""A network that is slow, breaks, goes silent and cuts bytes apart, but keeps the order of a stream."""

from collections import deque
from collections.abc import Callable

from tests.simulation.scheduler import RuleBroken, Scheduler

SLOWEST = 0.25
"Seconds, one way."


class Host:
    """A computer with a plug. What is under way while it is pulled comes later, as TCP has it."""

    def __init__(self, scheduler: Scheduler, name: str) -> None:
        self.name = name
        self.up = True
        "Whether the computer runs."
        self.plugged_at = 0.0
        "When the plug is in (again)."
        self._scheduler = scheduler

    def unplug(self, seconds: float) -> None:
        """Pull the plug for a while."""
        self.plugged_at = max(self.plugged_at, self._scheduler.now + seconds)

    @property
    def reachable(self) -> bool:
        """Whether somebody could connect now."""
        return self.up and self._scheduler.now >= self.plugged_at


class End:
    """One end of a stream."""

    def __init__(self, stream: "Stream", host: Host) -> None:
        self.host = host
        self.on_data: Callable[[bytes], None] = _nobody
        self.on_close: Callable[[], None] = _nobody_closes
        self.open = True
        self.peer: End = self
        self.line: deque[bytes | None] = deque()
        "What was sent and has not arrived; None is the end of it."
        self.next_arrival = 0.0
        self._stream = stream

    def send(self, data: bytes) -> None:
        """Send; what an end that is closed sends is lost."""
        if self.open:
            self._stream.carry(self, data)

    def close(self) -> None:
        """Close after what was sent. Our own `on_close` is not called."""
        if self.open:
            self.open = False
            self._stream.hang_up(self)

    def silence(self) -> None:
        """Let nothing through any more, either way, and tell nobody."""
        self._stream.silent = True

    def abort(self) -> None:
        """Close at once; what is under way is lost."""
        if self.open:
            self.open = False
            self._stream.cut(quick=True)


class Stream:
    """Two ends and what is under way between them."""

    def __init__(self, scheduler: Scheduler, one: Host, other: Host) -> None:
        self._scheduler = scheduler
        self.latency = scheduler.between(0.002, SLOWEST)
        self._cut = False
        self.relayed = False
        "Whether it leads through the server."
        self.silent = False
        "Nothing gets through any more, and nobody is told: a NAT forgot it, a computer is gone."
        self.ends = End(self, one), End(self, other)
        self.ends[0].peer, self.ends[1].peer = self.ends[1], self.ends[0]

    def carry(self, end: End, data: bytes) -> None:
        """Bring bytes to the other end, later, in order, perhaps in two pieces."""
        if len(data) > 1 and self._scheduler.chance(0.05):
            at = 1 + int(self._scheduler.random.random() * (len(data) - 1))
            self._carry(end, data[:at])
            self._carry(end, data[at:])
        else:
            self._carry(end, data)

    def _carry(self, end: End, data: bytes | None) -> None:
        end.line.append(data)
        delay = self.latency * (0.5 + self._scheduler.random.random())
        end.next_arrival = max(end.next_arrival, self._scheduler.now + delay)
        self._scheduler.at(end.next_arrival, lambda: self._arrive(end))

    def hang_up(self, end: End) -> None:
        """Tell the other end, after all that was sent."""
        self._carry(end, None)

    def _arrive(self, sender: End) -> None:
        """Let the oldest of what is under way arrive."""
        end = sender.peer
        if self._cut or self.silent or not end.open:
            return
        held = max(sender.host.plugged_at, end.host.plugged_at)
        if held > self._scheduler.now:
            sender.next_arrival = max(sender.next_arrival, held)
            self._scheduler.at(sender.next_arrival, lambda: self._arrive(sender))
            return
        if not end.host.up:
            raise RuleBroken("a fault of the simulation", "bytes came to a computer that is off")
        data = sender.line.popleft()
        if data is None:
            end.open = False
            end.on_close()
        else:
            end.on_data(data)

    def cut(self, *, quick: bool = False) -> None:
        """Break; each end that is still open hears of it, at its own time."""
        if self._cut:
            return
        self._cut = True
        for end in self.ends:
            delay = self.latency if quick else self._scheduler.between(0.0, 2.0)
            self._scheduler.after(delay, lambda end=end: self._broken(end))  # type: ignore[misc]  # a default

    def _broken(self, end: End) -> None:
        if end.open and end.host.up and not self.silent:
            end.open = False
            end.on_close()

    @property
    def alive(self) -> bool:
        """Whether anything can still come through."""
        return not self._cut and not self.silent and any(end.open for end in self.ends)


class Network:
    """All streams there ever were that still matter."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.streams: list[Stream] = []

    def join(self, one: Host, other: Host) -> Stream:
        """Make a stream between two computers."""
        stream = Stream(self.scheduler, one, other)
        self.streams.append(stream)
        return stream

    def forget_dead(self) -> None:
        """Let go of streams that are over."""
        self.streams = [stream for stream in self.streams if stream.alive]

    def of(self, host: Host) -> list[Stream]:
        """The streams that end at a computer."""
        return [stream for stream in self.streams if any(end.host is host for end in stream.ends)]

    def turn_off(self, host: Host, *, silent: bool) -> None:
        """End a computer's streams as when it loses its power (silent) or its system closes them."""
        for stream in self.of(host):
            if silent:
                stream.silent = True
            else:
                stream.cut()
            for end in stream.ends:
                if end.host is host:
                    end.open = False


def _nobody(data: bytes) -> None:
    del data


def _nobody_closes() -> None:
    pass
