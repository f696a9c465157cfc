"""Perform what `floater.core.person.ports` decides: hold punch ports by number. Watch the network.

::

    Person, Search, Talks ──events──▶ Ports (machine) ──Prepare, Announce, Give, Close──▶ Reach ──▶ PunchPort
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

from floater.core.person import ports
from floater.drive import Driver
from floater.net.network_watch import NetworkWatch
from floater.net.port_mapping import PortMapper
from floater.net.punch_port import PunchPort, prepare_punch_port
from floater.net.server_link import ServerLink
from floater.tasks import Tasks
from floater.wire.endpoint import Address

log = logging.getLogger("floater.client")

Take: TypeAlias = Callable[[PunchPort | None], None]
"Takes over a port, which it closes at the end; None if there is no port."


class Reach:
    """The punch ports of one person on one server.

    Args:
        link: the server whose observers are asked; None if there is none.
        may_map: tells whether to ask the router for a port mapping.
        changed: called when the network has changed, with the addresses that were lost.
    """

    def __init__(
        self,
        link: ServerLink | None,
        *,
        may_map: Callable[[], bool],
        changed: Callable[[frozenset[Address]], None],
    ) -> None:
        self.announce: Take = _nothing
        "Told which port the search announces. The port stays here."
        self._link = link
        self._may_map = may_map
        self._watch = NetworkWatch(changed)
        self._mapper = PortMapper()
        self._machine = ports.Ports()
        self._driver: Driver[ports.Event, ports.Effect] = Driver(self._machine, self._perform)
        self._tasks = Tasks()
        self._ports: dict[int, PunchPort] = {}
        self._preparing: dict[int, asyncio.Task[None]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._takers: dict[str, Take] = {}
        "By talk."

    def begin(self) -> None:
        """Begin to watch the network."""
        self._watch.start()

    def feed(self, event: ports.Event) -> None:
        """Feed the machine."""
        self._driver.feed(event)

    def renew(self, talk: str, take: Take) -> None:
        """Get a talk a fresh port, now or when the log-in is on again."""
        self._takers[talk] = take
        self.feed(ports.TalkAsks(talk))

    def forget(self, talk: str) -> None:
        """Cancel the `renew` of a talk."""
        self.feed(ports.Forget(talk))
        self._takers.pop(talk, None)

    def found(self, talk: str) -> PunchPort | None:
        """Give up the port that the search announced: its match has begun. The caller closes it."""
        given: list[PunchPort | None] = []
        self._takers[talk] = given.append
        self.feed(ports.Found(talk))
        return given.pop()

    @asynccontextmanager
    async def at_hand(self) -> AsyncIterator[PunchPort]:
        """Lend a port to examine: the one that is ready, or a temporary one. The server must be connected."""
        if (ready := self._machine.ready) is not None:
            yield self._ports[ready]
            return
        port = await self._new()
        try:
            yield port
        finally:
            await port.close()

    async def close(self) -> None:
        """Close every port that no talk has taken over."""
        self._watch.close()
        self.feed(ports.Leave())
        self._driver.close()
        if self._closing:  # a task that closes a port must not be cancelled
            await asyncio.wait(set(self._closing))
        await self._tasks.close()
        await self._mapper.close()

    # -- what the machine orders ----------------------------------------------------------

    def _perform(self, effect: ports.Effect) -> None:
        match effect:
            case ports.Prepare(number):
                self._preparing[number] = self._tasks.start(self._prepare(number), "prepare a port")
            case ports.Announce(number):
                self.announce(None if number is None else self._ports[number])
            case ports.Give(talk, number):
                self._give(talk, None if number is None else self._ports.pop(number))
            case ports.Close(number) if number in self._ports:
                self._close(self._ports.pop(number))
            case ports.Close(number):
                preparing = self._preparing.pop(number)
                preparing.cancel()
                self._await(preparing)

    def _give(self, talk: str, port: PunchPort | None) -> None:
        if (take := self._takers.pop(talk, None)) is not None:
            take(port)
        elif port is not None:
            self._close(port)  # the talk has ended while the machine was being fed

    def _close(self, port: PunchPort) -> None:
        self._await(self._tasks.start(port.close(), "close a port"))

    def _await(self, closing: asyncio.Task[None]) -> None:
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _prepare(self, number: int) -> None:
        try:
            self._ports[number] = await self._new(number)
        except OSError as error:
            log.warning("= no punch port: %s", type(error).__name__)
        finally:  # also after an error of another kind: a search or a talk may wait for this port
            if self._preparing.pop(number, None) is not None:  # `Close` has not come meanwhile
                self.feed(ports.Prepared(number, ok=number in self._ports))

    async def _new(self, number: int = 0) -> PunchPort:
        assert self._link is not None
        assert self._link.welcome is not None
        return await prepare_punch_port(
            server=self._link.url,
            observers=self._link.welcome.observers,
            observer_key=self._link.welcome.observer_key,
            on_stale=lambda: self.feed(ports.Stale(number)),
            mapper=self._mapper if self._may_map() else None,
        )


def _nothing(port: PunchPort | None) -> None:
    """Announce nothing: there is no search."""
