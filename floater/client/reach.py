"""Keep a punch port ready, give fresh ones to meetings, and watch the network.

::

    RenewPort ──▶ wanted ──a port is ready, the session is on───▶ given to the meeting
                    ▲                     │
                    └──RenewPort again────┘   (the network changed once more)
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
"Takes over a fresh port, which it closes at the end; None if none could be prepared."


class Reach:
    """The punch ports of one person on one server.

    Args:
        link: the server whose observers are asked; None if there is none.
        is_wanted: tells whether a port is of use: the person is logged in and does not hide their address.
        is_idle: tells whether to replace a stale port at once.
        is_known: tells whether the session is on, so that `update_candidates` can reach a peer.
        may_map: tells whether to ask the router for a port mapping.
        changed: called when the network has changed, with the addresses that were lost.
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
        "By talk id, until each has got its port."
        self._asked = 0
        "Counts the calls of `renew`: a port whose preparation began before the last call is stale."
        self._renewal: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin to watch the network."""
        self._watch.start()

    async def close(self) -> None:
        """Close every port that no meeting has taken over."""
        self._watch.close()
        await self._tasks.close()
        await self.ports.close()

    def server_reached(self) -> None:
        """Drop the ports: the stream to the server is new, and observers saw them under its old key."""
        self.ports.drop()
        if self._wanted:
            self.ports.prepare()  # in parallel with restoring the log-in

    def restored(self) -> None:
        """The session is on again: prepare a port, and serve the meetings that wait for one."""
        if self._is_idle():
            self.ports.prepare()
        self._begin_renewal()

    def renew(self, talk: str, give: Give) -> None:
        """Get a meeting a fresh port, now or when the session is on again.

        A port prepared before the change is stale, and closed.
        """
        self._wanted[talk] = give
        self._asked += 1
        self.ports.drop()
        self._begin_renewal()

    def forget(self, talk: str) -> None:
        """Cancel the `renew` of this talk."""
        self._wanted.pop(talk, None)

    def _begin_renewal(self) -> None:
        if self._renewal is None or self._renewal.done():
            self._renewal = self._tasks.start(self._renew(), "renew the ports")

    async def _renew(self) -> None:
        while self._wanted and self._is_known():
            talk, asked = next(iter(self._wanted)), self._asked
            port = await self.ports.take()
            if asked == self._asked and talk in self._wanted and self._is_known():
                self._wanted.pop(talk)(port)
            else:
                self.ports.release(port)
