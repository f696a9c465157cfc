"""A match without a server: ticket, two meetings on loopback, a tiny relay and observers."""

import asyncio
import contextlib
import secrets
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from floater.core import link
from floater.core.emit import Emit
from floater.core.meet import meeting as core
from floater.core.meet import orders
from floater.core.meet.introduction import Introduction, introduction_of
from floater.core.meet.settings import MeetingSettings
from floater.core.meet.technique import Allowance
from floater.crypto.certificate import CertifiedKey, key_fingerprint, load_certified_key, make_certified_key
from floater.drive import Driver
from floater.net.meeting import Performer
from floater.net.peer_link import PeerLink
from floater.net.punch_port import PunchPort, prepare_punch_port
from floater.net.server_connect import Proxy
from floater.net.sockets import RULES, forget_on_close
from floater.tasks import Tasks
from floater.wire import relay, stun
from floater.wire.codec import encode
from floater.wire.control import Matched, Peer, Refused, Role
from floater.wire.endpoint import Candidate, Endpoint
from floater.wire.frame import FrameLimits, FrameReader
from floater.wire.ticket import Ticket, encode_ticket
from floater.wire.url import ServerUrl
from tests.helpers.serving import serving

NOWHERE = ServerUrl("127.0.0.1", 1, None)
"The address of a server that does not exist."

Heard = TypeVar("Heard")

Report: TypeAlias = orders.News | orders.ServerOrder
"What a `Meeting` reports: its news, and the orders that are for the room above."


class MatchMaker:
    """Signs tickets as a server would."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self.ticket_key = self._key.public_key().public_bytes_raw()

    def match(
        self,
        leader: CertifiedKey,
        follower: CertifiedKey,
        *,
        candidates: tuple[Sequence[Candidate], Sequence[Candidate]] = ((), ()),
        relay_only: bool = False,
        expires: float | None = None,
    ) -> tuple[Matched, Matched]:
        """Say what each side is told; `candidates` are the leader's own and the follower's own."""
        match_id = secrets.token_hex(8)
        now = time.time()
        payload = encode_ticket(
            Ticket(
                match_id=match_id,
                leader=leader.fingerprint,
                follower=follower.fingerprint,
                issued=now,
                expires=now + 60.0 if expires is None else expires,
            )
        )
        sides = []
        for role, peer, places in (
            (Role.LEADER, follower, candidates[1]),
            (Role.FOLLOWER, leader, candidates[0]),
        ):
            sides.append(
                Matched(
                    match_id=match_id,
                    role=role,
                    peer=Peer(username="stranger"),
                    certificate=peer.certificate,
                    ticket=payload,
                    signature=self._key.sign(payload),
                    relay_token=match_id.encode() + role.value.encode(),
                    candidates=tuple(places),
                    relay_only=relay_only,
                )
            )
        return sides[0], sides[1]


class Meeting:
    """One match's links, from `start` to `close`: the machine, driven.

    Args:
        introduction: who the peer is.
        match_key: our certificate in this match.
        server_time: tells the server's clock now, UTC seconds.
        punch_port: see `Performer`.
        server: see `Performer`.
        report: called with everything that happens, from `start` on, also from within the methods;
            never after `close` was called.
        received: see `Performer`.
        proxy: see `Performer`.
        settings: the knobs.
        allowance: for the waves of all meetings of this person.
    """

    def __init__(
        self,
        introduction: Introduction,
        *,
        match_key: CertifiedKey,
        server_time: Callable[[], float],
        punch_port: PunchPort | None,
        server: ServerUrl,
        report: Callable[[Report], None],
        received: Callable[[], int],
        proxy: Proxy | None = None,
        settings: MeetingSettings | None = None,
        allowance: Allowance | None = None,
    ) -> None:
        machine = core.Meeting(
            introduction,
            settings=settings or MeetingSettings(),
            allowance=allowance or Allowance(),
            deaf=core.DEAF if RULES.prompts else 0.0,
        )
        self._driver: Driver[orders.Event, orders.Effect] = Driver(machine, self._perform)
        self._report = report
        self._performer = Performer(
            introduction,
            match_key=match_key,
            server_time=server_time,
            punch_port=punch_port,
            server=server,
            feed=self._driver.feed,
            received=received,
            proxy=proxy,
        )

    def start(self) -> None:
        """Check the proof, then look for the peer. If it does not hold, NoShow(BAD_TICKET) is reported."""
        self._performer.begin()

    def feed(self, event: orders.Event) -> None:
        """Give the machine an event that comes from above: from the server, the network or the talk."""
        self._driver.feed(event)

    def renew(self, port: PunchPort | None) -> None:
        """Punch from this port from now on. None: there is no other."""
        self._performer.renewed(port)

    def transmit(self, order: link.Transmit) -> None:
        """Send a message. On a link that is gone it is dropped; `LinkDown` has been or will be reported."""
        self._performer.perform(order)

    async def close(self) -> None:
        """Send what was given to `transmit`, for a second at most, then close everything."""
        self._driver.feed(orders.Close())
        await self._performer.closed()
        self._driver.close()

    def _perform(self, effect: orders.Effect) -> None:
        if isinstance(effect, orders.LinkOrder):
            self._performer.perform(effect)
            return
        self._report(effect)


@dataclass
class Side:
    """One side of a match, and everything it was told."""

    matched: Matched
    match_key: CertifiedKey
    ticket_key: bytes
    punch_port: PunchPort | None = None
    server: ServerUrl = NOWHERE
    proxy: Proxy | None = None
    settings: MeetingSettings = field(default_factory=MeetingSettings)
    received: int = 0
    reports: list[Report] = field(default_factory=list)
    on_report: Callable[[Report], None] | None = None

    def __post_init__(self) -> None:
        self._changed = asyncio.Event()
        self.link: int | None = None
        self.meeting = Meeting(
            introduction_of(self.matched, own=self.match_key.certificate, signer=self.ticket_key),
            match_key=self.match_key,
            server_time=time.time,
            punch_port=self.punch_port,
            server=self.server,
            proxy=self.proxy,
            report=self._hear,
            received=lambda: self.received,
            settings=self.settings,
        )

    def _hear(self, report: Report) -> None:
        self.reports.append(report)
        if isinstance(report, link.LinkUp):
            self.link = report.link
        if isinstance(report, link.LinkDown):
            self.link = None
        if self.on_report is not None:
            self.on_report(report)
        self._changed.set()

    async def hears(self, kind: type[Heard], count: int = 1) -> Heard:
        """Wait for the report, or the event for the person, number `count` of a kind."""
        async with asyncio.timeout(20.0):
            while len(found := self.heard(kind)) < count:
                self._changed.clear()
                await self._changed.wait()
        return found[count - 1]

    def heard(self, kind: type[Heard]) -> list[Heard]:
        """List the reports, or the events for the person, of a kind so far."""
        said = [report.event if isinstance(report, Emit) else report for report in self.reports]
        return [report for report in said if isinstance(report, kind)]

    @property
    def peer_link(self) -> PeerLink:
        """The link in use, for a test that breaks it or sends what it should not."""
        assert self.link is not None
        return self.meeting._performer._links[self.link]


@contextlib.asynccontextmanager
async def pair(
    *,
    ports: bool = True,
    server: ServerUrl = NOWHERE,
    relay_only: bool = False,
    spoil: Callable[[int, Sequence[Candidate]], Sequence[Candidate]] = lambda _, places: places,
    settings: MeetingSettings | None = None,
    proxy: Proxy | None = None,
) -> AsyncIterator[tuple[Side, Side]]:
    """Two sides of one match, not started; `spoil` may change what each side has been told of the other."""
    maker, identities = MatchMaker(), (make_certified_key(), make_certified_key())
    own: list[PunchPort | None] = [None, None]
    if ports:
        own = [
            await prepare_punch_port(server=ServerUrl("127.0.0.1", 1, None), observers=(), observer_key="k")
            for _ in range(2)
        ]
    told = [() if port is None or relay_only else port.candidates for port in own]
    matched = maker.match(
        *identities, candidates=(spoil(0, told[0]), spoil(1, told[1])), relay_only=relay_only
    )
    sides = [
        Side(
            matched[i],
            identities[i],
            maker.ticket_key,
            punch_port=own[i],
            server=server,
            proxy=proxy,
            settings=settings or MeetingSettings(),
        )
        for i in range(2)
    ]
    try:
        yield sides[0], sides[1]
    finally:
        await asyncio.gather(*(side.meeting.close() for side in sides))


@dataclass
class TinyRelay:
    """A relay's address, the tokens it was shown, what it forwarded, and a way to reset all streams."""

    url: ServerUrl
    tokens: list[bytes]
    passed: bytearray
    writers: set[asyncio.StreamWriter]

    def cut(self) -> None:
        """Reset every stream."""
        for writer in list(self.writers):
            writer.transport.abort()


class _RelayProtocol(asyncio.StreamReaderProtocol):
    """One stream of a relay, with or without TLS."""

    def __init__(
        self, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
    ) -> None:
        super().__init__(asyncio.StreamReader(), serve)


@contextlib.asynccontextmanager
async def tiny_relay(
    *, refuse: str = "", raw: bool = True, swallow: bool = False
) -> AsyncIterator[TinyRelay]:
    """Run a relay on loopback as `floater.wire.relay` says: by match, raw and in TLS, told apart by a byte.

    `refuse` is a code for every client. Bare TCP is reset without `raw`, and not answered with `swallow`.
    """
    loop, tasks = asyncio.get_running_loop(), Tasks()
    match_key = make_certified_key()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols([relay.ALPN])
    load_certified_key(context, match_key)
    waiting: dict[bytes, tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]] = {}
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    url = ServerUrl("127.0.0.1", listener.getsockname()[1], key_fingerprint(match_key.certificate))
    state = TinyRelay(url, [], bytearray(), set())

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                state.passed += data
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.writers.add(writer)
        try:
            assert await reader.readexactly(len(relay.PREAMBLE)) == relay.PREAMBLE
            cutter = FrameReader(FrameLimits(1_024, 0))
            while not (frames := cutter.feed(await reader.read(1_024))):
                pass
            token = relay.JOIN_MESSAGES.decode(frames[0]).token
            state.tokens.append(token)
            if refuse:
                writer.write(encode(Refused(refuse)))
                return
            match, role = token[:16], token[16:]
            if match not in waiting or waiting[match][0] == role:
                waiting[match] = role, reader, writer
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.shield(writer.wait_closed())
                return
            other = waiting.pop(match)[1:]
            for out in (writer, other[1]):
                out.write(encode(relay.Joined()))
            for back in (reader, other[0]):
                assert await back.readexactly(1) == relay.GO
            await asyncio.gather(pipe(reader, other[1]), pipe(other[0], writer))
        except (OSError, EOFError):
            pass
        finally:
            state.writers.discard(writer)
            writer.close()

    async def welcome(sock: socket.socket) -> None:
        await _readable(sock)
        first = sock.recv(1, socket.MSG_PEEK)
        if first == b"\x16":
            await loop.connect_accepted_socket(lambda: _RelayProtocol(serve), sock, ssl=context)
        elif swallow and first == b"f":
            with sock:
                await asyncio.Event().wait()
        elif raw and first == b"f":
            await loop.connect_accepted_socket(lambda: _RelayProtocol(serve), sock)
        else:
            forget_on_close(sock)
            sock.close()

    async def accept() -> None:
        while True:
            sock, _ = await loop.sock_accept(listener)
            tasks.start(welcome(sock), "relay")

    tasks.start(accept(), "relay")
    try:
        yield state
    finally:
        await tasks.close()
        listener.close()
        state.cut()
        await asyncio.sleep(0)


async def _readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(sock, ready.set)
    await ready.wait()
    loop.remove_reader(sock)


@contextlib.asynccontextmanager
async def tiny_observer(
    answer: Callable[[Endpoint], Endpoint | None] = lambda seen: seen, host: str = "127.0.0.1"
) -> AsyncIterator[tuple[int, list[Endpoint]]]:
    """Run an observer that says `answer(what it sees)`, or hangs up; yields its port and what it saw."""
    saw: list[Endpoint] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        buffer = bytearray()
        while data := await reader.read(1_024):
            buffer += data
            while (request := stun.take_message(buffer)) is not None:
                assert isinstance(request, stun.BindingRequest)
                seen = Endpoint(*writer.get_extra_info("peername")[:2])
                saw.append(seen)
                if (mapped := answer(seen)) is None:
                    return
                writer.write(stun.encode(stun.BindingResponse(request.transaction, mapped)))

    async with serving(serve, host=host) as port:
        yield port, saw
