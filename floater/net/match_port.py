"""The punch port of one meeting: the one in use, with its dialer, and those that come and go."""

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import count

from floater.core.meet import orders
from floater.core.meet.port_facts import PortFacts
from floater.net.dialer import Dialer
from floater.net.punch_port import PunchPort
from floater.tasks import Tasks


class MatchPort:
    """Performs the orders that concern the punch port. Everything that it is given it closes.

    Args:
        port: the first one; None: nothing is dialled until another is in use.
        feed: takes the events.
    """

    def __init__(self, port: PunchPort | None, feed: Callable[[orders.Event], None]) -> None:
        self._port = port
        self._feed = feed
        self._numbers = count(1)
        self._dialer = None if port is None else self._make_dialer(port)
        self._offered: deque[PunchPort] = deque()
        "Fresh ones that are not in use yet."
        self._is_closed = False
        self._tasks = Tasks()
        self._retiring: set[asyncio.Task[None]] = set()
        "The closing of ports that are not in use any more."

    @property
    def dialer(self) -> Dialer:
        """The dialer on the port in use."""
        assert self._dialer is not None
        return self._dialer

    def number(self) -> int:
        """Return a fresh number for a stream."""
        return next(self._numbers)

    def begin(self) -> PortFacts | None:
        """Return what is known of the port in use; from now on `PortChanged` is fed when that changes."""
        if self._port is None:
            return None
        self._port.look_around()
        self._port.on_change = self._changed
        return self._port.facts

    def offer(self, port: PunchPort) -> PortFacts:
        """Keep a fresh port until `UsePort`, and return what is known of it. After `close` it is closed."""
        if self._is_closed:
            self._retire(port, None)
        else:
            self._offered.append(port)
        port.look_around()
        return port.facts

    def perform(
        self,
        order: orders.Listen
        | orders.Dial
        | orders.Wave
        | orders.Withdraw
        | orders.LookAround
        | orders.UsePort,
    ) -> None:
        """Start what is ordered."""
        match order:
            case orders.Listen():
                self.dialer.listen()
            case orders.Dial(remote, lane, low):
                self.dialer.dial(remote, lane, low=low)
            case orders.Wave(remotes, lane, low):
                self.dialer.wave(remotes, lane, low=low)
            case orders.Withdraw():
                self.dialer.withdraw()
            case orders.LookAround():
                if self._port is not None:
                    self._port.look_around()
            case orders.UsePort():
                self._use(self._offered.popleft())

    def drop(self, stream: int) -> None:
        """Close a stream that was not handed over."""
        if self._dialer is not None:
            self._dialer.drop(stream)

    async def settled(self) -> None:
        """Wait until the ports that are being closed are closed."""
        if self._retiring:
            await asyncio.wait(set(self._retiring))

    async def close(self) -> None:
        """Close all ports and streams that were not handed over."""
        self._is_closed = True
        for port in self._offered:
            await port.close()
        if self._port is not None:
            await _close(self._port, self._dialer)
        await self._tasks.close()

    def _use(self, port: PunchPort) -> None:
        if self._port is not None:
            self._retire(self._port, self._dialer)
        self._port, self._dialer = port, self._make_dialer(port)
        port.on_change = self._changed

    def _retire(self, port: PunchPort, dialer: Dialer | None) -> None:
        task = self._tasks.start(_close(port, dialer), "close a port")
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    def _changed(self) -> None:
        assert self._port is not None
        self._feed(orders.PortChanged(self._port.facts))

    def _make_dialer(self, port: PunchPort) -> Dialer:
        return Dialer(port.facts.ports, port.families, self._feed, self.number)


async def _close(port: PunchPort, dialer: Dialer | None) -> None:
    if dialer is not None:
        dialer.close()
    await port.close()
