"""Perform what `floater.core.meet.meeting` decides: streams, links, the relay, and our punch port.

::

    Meeting (machine) ──orders──▶ Performer ──▶ Dialer ──────▶ streams ──┐
           ▲                          ├───────▶ join_relay ──▶ streams ──┼──▶ PeerLink
           └─────────events───────────┘◀─────────────────────────────────┘

Nothing is dialled before the proof has been checked.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from floater.core import link
from floater.core.meet import orders
from floater.core.meet.introduction import Introduction
from floater.crypto.certificate import CertifiedKey
from floater.errors import FloaterError, RemoteProtocolError
from floater.net.match_port import MatchPort
from floater.net.peer_link import Credentials, PeerLink
from floater.net.proof import credentials_for
from floater.net.punch_port import PunchPort
from floater.net.relay_link import RelayStream, abandon, join_relay
from floater.net.server_connect import Proxy
from floater.tasks import Tasks
from floater.wire.frame import Body
from floater.wire.talk import PeerHello, TalkMessage
from floater.wire.url import ServerUrl, parse_server_url

log = logging.getLogger("floater.net")


class Performer:
    """Performs the orders of one meeting and feeds its machine with what happens.

    Args:
        introduction: who the peer is.
        match_key: our certificate in this match.
        server_time: tells the server's clock now, UTC seconds.
        punch_port: the port of which the peer was told, closed at the end; None if there is none.
        server: where the relay is, unless the introduction names another place.
        feed: takes the events, also from within `begin` and `perform`.
        received: tells the highest `seq` we have got; it goes into every hello.
        proxy: the way out of this network, if it has one.
    """

    def __init__(
        self,
        introduction: Introduction,
        *,
        match_key: CertifiedKey,
        server_time: Callable[[], float],
        punch_port: PunchPort | None,
        server: ServerUrl,
        feed: Callable[[orders.Event], None],
        received: Callable[[], int],
        proxy: Proxy | None = None,
    ) -> None:
        self.received = received
        self._prove = partial(credentials_for, introduction, match_key, server_time)
        self._join = partial(_join, introduction, server, proxy)
        self._feed = feed
        self._credentials: Credentials | None = None
        self._port = MatchPort(punch_port, feed)
        self._links: dict[int, PeerLink] = {}
        self._work: dict[int, asyncio.Task[None]] = {}
        "The authentication of streams, by their numbers."
        self._relay: asyncio.Task[None] | None = None
        self._relayed: dict[int, RelayStream] = {}
        "Streams to the peer over the relay that have not become links yet."
        self._tasks = Tasks()
        self._closed = asyncio.Event()

    def begin(self) -> None:
        """Check the proof, then feed `Begin`, or `Denied` with BAD_TICKET."""
        try:
            self._credentials = self._prove()
        except RemoteProtocolError as error:
            log.warning("= match refused: %s", error.code.value)
            self._feed(orders.Denied(error.code))
        else:
            self._feed(orders.Begin(self._port.begin()))

    def renewed(self, port: PunchPort | None) -> None:
        """Feed `Renewed` with this port, which is closed at the end; None if no port could be prepared."""
        self._feed(orders.Renewed(None if port is None else self._port.offer(port)))

    def perform(self, order: orders.LinkOrder) -> None:
        """Start what is ordered. What comes of it is fed."""
        match order:
            case link.Transmit(number, message, body, bulk):
                if (peer := self._links.get(number)) is not None:
                    peer.send(message, body, bulk=bulk)
            case link.PauseReading(number) | link.ResumeReading(number):
                if (peer := self._links.get(number)) is not None:
                    peer.read(isinstance(order, link.ResumeReading))
            case orders.Authenticate(stream):
                take = partial(
                    self._relayed.pop if stream in self._relayed else self._port.dialer.take, stream
                )
                self._work[stream] = self._tasks.start(self._authenticate(stream, take), "authenticate")
            case orders.CloseStream(stream):
                self._close_stream(stream)
            case orders.JoinRelay():
                self._relay = self._tasks.start(self._join_relay(), "relay")
            case orders.LeaveRelay():
                if self._relay is not None:
                    self._relay.cancel()
            case orders.Finish(number, timeout):
                self._tasks.start(self._finish(number, timeout), "last words")
            case orders.CloseAll():
                self._tasks.start(self._close(), "close a meeting")
            case _:
                self._port.perform(order)

    async def closed(self) -> None:
        """Wait until everything is closed, after `CloseAll`."""
        await self._closed.wait()

    # -- what links say -------------------------------------------------------------------

    def link_trusted(self, peer: PeerLink) -> None:
        """The peer has shown its certificate on a link."""
        self._feed(orders.Trusted(peer.number))

    def link_ready(self, peer: PeerLink, hello: PeerHello, rtt: float | None) -> None:
        """The peer is authenticated on a link."""
        self._work.pop(peer.number, None)
        self._feed(orders.Ready(peer.number, hello.received, rtt, peer.local))

    def link_arrived(self, peer: PeerLink, message: TalkMessage, body: Body) -> None:
        """A message has come."""
        self._feed(link.Arrived(peer.number, message, body))

    def link_writable(self, peer: PeerLink) -> None:
        """There is room for bulk."""
        self._feed(link.Writable(peer.number))

    def link_closed(self, peer: PeerLink, error: FloaterError | None) -> None:
        """A link that was ready is over."""
        self._links.pop(peer.number, None)
        self._feed(orders.Gone(peer.number, None if error is None else error.code))

    # -- work that takes time -------------------------------------------------------------

    async def _authenticate(self, number: int, take: Callable[[], RelayStream]) -> None:
        assert self._credentials is not None
        peer = self._links[number] = PeerLink(number, self._credentials, self)
        try:
            await peer.open(take())
        except FloaterError as error:
            self._links.pop(number, None)
            self._work.pop(number, None)
            log.debug("= stream %s: %s", number, error.code.value)
            self._feed(orders.Untrusted(number, error.code, random.random()))

    async def _join_relay(self) -> None:
        try:
            stream, how = await self._join()
        except FloaterError as error:
            log.debug("= relay: %s", error.code.value)
            self._feed(orders.RelayLost(error.code, random.random()))
        else:
            number = self._port.number()
            self._relayed[number] = stream
            self._feed(orders.RelayJoined(number, how))

    def _close_stream(self, number: int) -> None:
        if (work := self._work.pop(number, None)) is not None:
            work.cancel()
        if (stream := self._relayed.pop(number, None)) is not None:
            abandon(stream)
        self._port.drop(number)
        if (peer := self._links.pop(number, None)) is not None:
            peer.discard()

    async def _finish(self, number: int, timeout: float) -> None:
        if (peer := self._links.pop(number, None)) is not None:
            await peer.close(timeout)
        self._feed(orders.Gone(number))

    async def _close(self) -> None:
        try:
            await self._port.settled()  # a port that is being closed must not be left half closed
            await self._tasks.close()
            for number in [*self._links, *self._relayed]:
                self._close_stream(number)
            await self._port.close()
        finally:
            self._closed.set()


async def _join(
    introduction: Introduction, server: ServerUrl, proxy: Proxy | None
) -> tuple[RelayStream, str]:
    """Join the relay of an introduction. Raises what `parse_server_url` and `join_relay` do."""
    relay = introduction.relay
    assert relay is not None
    if relay.address:
        place = parse_server_url(relay.address)  # the server's word, so it may be no address
        server = replace(server, host=place.host, port=place.port)
    return await join_relay(server, relay.token, proxy=proxy)
