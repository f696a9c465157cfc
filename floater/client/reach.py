"""How peers reach this computer: a punch port in stock, fresh ones for meetings, and the network watched.

::

    RenewPort ──▶ wanted ──a port is ready, the server knows us──▶ given to the meeting
                    ▲                     │
                    └─────asked anew──────┘   (the network changed again meanwhile)
"""

import asyncio
from collections.abc import Callable
from typing import TypeAlias

from floater.client.ports import Ports
from floater.net.network_watch import NetworkWatch
from floater.net.punch_port import PunchPort
from floater.net.server_link import ServerLink
from floater.tasks import Tasks
from floater.wire.endpoint import Address

Give: TypeAlias = Callable[[PunchPort | None], None]
"Takes a fresh port and closes it at the end; None if none is to be had."


class Reach:
    """The punch ports of one person on one server.

    Args:
        link: the server whose observers are asked; None where there is no server.
        is_wanted: tells whether a port would be of use: the person is logged in, and hides nothing.
        is_idle: tells whether a port that went stale is prepared anew by itself.
        is_known: tells whether the server knows us now, so that a peer can be told of a port.
        may_map: tells whether the router is asked to let others in.
        changed: called when the network is another one, with the addresses that are gone.
    """

    def __init__(
        self,
        link: ServerLink | None,
        *,
        is_wanted: Callable[[], bool],
        is_idle: Callable[[], bool],
        is_known: Callable[[], bool],
        may_map: Callable[[], bool],
        changed: Callable[[frozenset[Address]], None],
    ) -> None:
        self.ports = Ports(link, wanted=is_wanted, idle=is_idle, mapped=may_map)
        self._is_idle = is_idle
        self._is_known = is_known
        self._watch = NetworkWatch(changed)
        self._tasks = Tasks()
        self._wanted: dict[str, Give] = {}
        "By talk, until each has got its port."
        self._asked = 0
        "Counts the calls of `renew`: a port that was begun before the last one is stale."
        self._renewal: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Watch the network from now on."""
        self._watch.start()

    async def close(self) -> None:
        """Close every port that was not given away."""
        self._watch.close()
        await self._tasks.close()
        await self.ports.close()

    def server_reached(self) -> None:
        """The stream to the server is a new one: observers know the old ports by another name."""
        self.ports.drop()
        if self._wanted:
            self.ports.prepare()  # while the log-in is restored

    def restored(self) -> None:
        """The server knows us again: have a port in stock, and renew what was to be renewed."""
        if self._is_idle():
            self.ports.prepare()
        self._begin_renewal()

    def renew(self, talk: str, give: Give) -> None:
        """Get a meeting a fresh port, now or when the server is reached again.

        A port in stock, or on its way, is stale: it was prepared before the
        change that gave rise to this.
        """
        self._wanted[talk] = give
        self._asked += 1
        self.ports.drop()
        self._begin_renewal()

    def forget(self, talk: str) -> None:
        """Get this talk no port any more."""
        self._wanted.pop(talk, None)

    def _begin_renewal(self) -> None:
        if self._renewal is None or self._renewal.done():
            self._renewal = self._tasks.start(self._renew(), "renew the ports")

    async def _renew(self) -> None:
        while self._wanted and self._is_known():
            talk, asked = next(iter(self._wanted)), self._asked
            await self.ports.ready()
            if asked == self._asked and talk in self._wanted and self._is_known():
                give = self._wanted.pop(talk)
                give(self.ports.take())
