import asyncio
import contextlib
import random
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from floater.codes import Code
from floater.crypto.certificate import make_certified_key
from floater.crypto.tls import peer_leg_context
from floater.errors import FloaterError, LinkClosed, RemoteProtocolError, Unreachable
from floater.net.peer_link import MAX_UNREAD, Credentials, PeerLink
from floater.wire.codec import encode
from floater.wire.control import Role
from floater.wire.frame import PEER_LEG, Body, FrameReader, encode_frame
from floater.wire.limits import MAX_PART
from floater.wire.talk import Ack, HangUp, LinkPing, Part, PeerHello, TalkMessage, Text

pytestmark = pytest.mark.asyncio

TICKET, SIGNATURE = b"ticket", bytes(64)
HELLO = PeerHello(versions=(1,), ticket=TICKET, signature=SIGNATURE, received=0)


@dataclass
class Owner:
    """Keeps what a link says."""

    trusted: list[int] = field(default_factory=list)
    ready: list[PeerHello] = field(default_factory=list)
    rtt: float | None = None
    arrived: list[tuple[TalkMessage, Body]] = field(default_factory=list)
    closed: list[FloaterError | None] = field(default_factory=list)
    on_writable: Callable[[PeerLink], None] = lambda _: None

    def __post_init__(self) -> None:
        self.changed = asyncio.Event()

    def link_trusted(self, link: PeerLink) -> None:
        self.trusted.append(len(self.ready))

    def link_ready(self, link: PeerLink, hello: PeerHello, rtt: float | None) -> None:
        self.ready.append(hello)
        self.rtt = rtt
        self.changed.set()

    def link_arrived(self, link: PeerLink, message: TalkMessage, body: Body) -> None:
        self.arrived.append((message, body))
        self.changed.set()

    def link_writable(self, link: PeerLink) -> None:
        self.on_writable(link)
        self.changed.set()

    def link_closed(self, link: PeerLink, error: FloaterError | None) -> None:
        self.closed.append(error)
        self.changed.set()

    def received(self) -> int:
        return 42

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


class Match:
    """Two who belong together, and their ends of one stream."""

    def __init__(self) -> None:
        self.identities = {role: make_certified_key() for role in Role}
        self.owners = {role: Owner() for role in Role}
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.socks = {Role.LEADER: socket.create_connection(server.getsockname())}
            self.socks[Role.FOLLOWER], _ = server.accept()
        for sock in self.socks.values():
            sock.setblocking(False)

    def context(self, role: Role) -> ssl.SSLContext:
        return peer_leg_context(role, self.identities[role], self.identities[other(role)].certificate)

    def link(self, role: Role, ticket: bytes = TICKET) -> PeerLink:
        credentials = Credentials(
            role, self.context(role), self.identities[other(role)].certificate, ticket, SIGNATURE
        )
        return PeerLink(1, credentials, self.owners[role])

    async def impostor(self, role: Role) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Speak as `role` by hand, with the right key and certificate."""
        sock, context = self.socks[role], self.context(role)
        if role is Role.LEADER:
            return await asyncio.open_connection(sock=sock, ssl=context, server_hostname="")
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock, ssl=context)
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


def other(role: Role) -> Role:
    return Role.FOLLOWER if role is Role.LEADER else Role.LEADER


@contextlib.asynccontextmanager
async def linked() -> AsyncIterator[tuple[PeerLink, PeerLink, Match]]:
    match = Match()
    leader, follower = match.link(Role.LEADER), match.link(Role.FOLLOWER)
    await asyncio.gather(leader.open(match.socks[Role.LEADER]), follower.open(match.socks[Role.FOLLOWER]))
    try:
        yield leader, follower, match
    finally:
        leader.discard()
        follower.discard()
        await asyncio.sleep(0.01)  # let both loops close the sockets


async def test_both_hellos_make_a_link() -> None:
    async with linked() as (leader, follower, match):
        for role in Role:
            assert [hello.received for hello in match.owners[role].ready] == [42]
        rtt = match.owners[Role.LEADER].rtt
        assert rtt is not None
        assert 0.0 < rtt < 1.0
        assert match.owners[Role.FOLLOWER].rtt is None
        for role in Role:
            assert match.owners[role].trusted == [0], "once, before anything was heard"
        leader.send(Text(seq=1, received=0), b"hi")
        follower.send(LinkPing(7))
        await match.owners[Role.FOLLOWER].until(lambda: match.owners[Role.FOLLOWER].arrived)
        await match.owners[Role.LEADER].until(lambda: match.owners[Role.LEADER].arrived)
        assert match.owners[Role.FOLLOWER].arrived == [(Text(seq=1, received=0), b"hi")]
        assert match.owners[Role.LEADER].arrived == [(LinkPing(7), b"")]


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 300_000, MAX_PART])
async def test_bodies_of_every_size_arrive_as_they_were(size: int) -> None:
    async with linked() as (leader, _, match):
        body = random.Random(size).randbytes(size)
        for number in (1, 2, 3):
            leader.send(Part("1111111111111111.1", number), body)
            leader.send(Text(seq=number, received=0), b"hi")
        owner = match.owners[Role.FOLLOWER]
        await owner.until(lambda: len(owner.arrived) == 6)
        assert owner.arrived[::2] == [(Part("1111111111111111.1", number), body) for number in (1, 2, 3)]
        assert owner.arrived[1::2] == [(Text(seq=number, received=0), b"hi") for number in (1, 2, 3)]


async def refused(match: Match, role: Role, *words: bytes, ticket: bytes = TICKET) -> FloaterError:
    """What `open` of the other side says of somebody with the right certificate who says this."""
    link = match.link(other(role), ticket)
    waits = link.open(match.socks[other(role)], timeout=10.0 if words[0] else 1.0)
    opening = asyncio.gather(waits, return_exceptions=True)
    _, writer = await match.impostor(role)
    for word in words:
        writer.write(word)
    (error,) = await opening
    writer.transport.abort()
    assert isinstance(error, FloaterError)
    assert not match.owners[other(role)].ready
    assert not match.owners[other(role)].closed
    return error


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (encode(PeerHello((2, 3), TICKET, SIGNATURE, 0)), Code.UNSUPPORTED_VERSION),
        (encode(PeerHello((1,), b"another", SIGNATURE, 0)), Code.BAD_TICKET),
        (encode(PeerHello((1,), TICKET, bytes(63) + b"x", 0)), Code.BAD_TICKET),
        (encode(Ack(1)), Code.UNEXPECTED),
        (b"\xff" * 64, Code.FRAME_TOO_LARGE),
        (encode_frame(b"{}"), Code.BAD_FRAME),
        (encode_frame(b'{"type":"peer_hello"}'), Code.BAD_FIELD),
        (b"", Code.TIMED_OUT),
    ],
)
async def test_a_bad_hello_is_refused(role: Role, words: bytes, code: Code) -> None:
    error = await refused(Match(), role, words)
    assert error.code is code
    assert isinstance(error, LinkClosed if code is Code.TIMED_OUT else RemoteProtocolError)


@pytest.mark.parametrize("role", Role)
async def test_a_stranger_is_not_trusted(role: Role) -> None:
    match = Match()
    credentials = Credentials(
        role, match.context(role), match.identities[other(role)].certificate, TICKET, SIGNATURE
    )
    match.identities[other(role)] = make_certified_key()
    mine = PeerLink(1, credentials, match.owners[role])
    theirs = match.link(other(role))
    errors = await asyncio.gather(
        mine.open(match.socks[role]),
        theirs.open(match.socks[other(role)]),
        return_exceptions=True,
    )
    assert isinstance(errors[0], Unreachable)
    assert errors[0].code is Code.PEER_NOT_TRUSTED
    assert isinstance(errors[1], FloaterError)
    assert not match.owners[role].ready
    assert not match.owners[other(role)].ready
    assert all(sock.fileno() == -1 for sock in match.socks.values())


async def test_one_who_only_listens_is_given_up() -> None:
    match = Match()
    with pytest.raises(LinkClosed) as closed:
        await match.link(Role.LEADER).open(match.socks[Role.LEADER], timeout=0.2)
    assert closed.value.code is Code.TIMED_OUT
    match.socks[Role.FOLLOWER].close()


async def test_opening_can_be_cancelled() -> None:
    match = Match()
    opening = asyncio.gather(match.link(Role.LEADER).open(match.socks[Role.LEADER]))
    await asyncio.sleep(0.05)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert match.socks[Role.LEADER].fileno() == -1
    match.socks[Role.FOLLOWER].close()


async def test_hello_and_more_may_come_in_one_piece() -> None:
    match = Match()
    link = match.link(Role.FOLLOWER)
    opening = asyncio.gather(link.open(match.socks[Role.FOLLOWER]))
    _, writer = await match.impostor(Role.LEADER)
    writer.write(
        encode(HELLO) + encode(Text(seq=1, received=0), b"a") + encode(Text(seq=2, received=0), b"b")
    )
    await opening
    owner = match.owners[Role.FOLLOWER]
    await owner.until(lambda: len(owner.arrived) == 2)
    assert [body for _, body in owner.arrived] == [b"a", b"b"]
    link.discard()
    writer.transport.abort()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (encode_frame(b"{}"), Code.BAD_FRAME),
        (encode_frame(b"[]"), Code.BAD_FRAME),
        (b"\xff" * 6, Code.FRAME_TOO_LARGE),
    ],
)
async def test_breaking_the_protocol_later_closes_the_link_and_is_said(words: bytes, code: Code) -> None:
    match = Match()
    link = match.link(Role.FOLLOWER)
    opening = asyncio.gather(link.open(match.socks[Role.FOLLOWER]))
    _, writer = await match.impostor(Role.LEADER)
    writer.write(encode(HELLO))
    await opening
    writer.write(words)
    owner = match.owners[Role.FOLLOWER]
    await owner.until(lambda: owner.closed)
    assert owner.closed[0] is not None
    assert owner.closed[0].code is code
    writer.transport.abort()


async def test_a_type_of_a_later_version_is_passed_over() -> None:
    match = Match()
    link = match.link(Role.FOLLOWER)
    opening = asyncio.gather(link.open(match.socks[Role.FOLLOWER]))
    _, writer = await match.impostor(Role.LEADER)
    writer.write(encode(HELLO) + encode_frame(b'{"type":"wave"}', b"body") + encode(Ack(3)))
    await opening
    owner = match.owners[Role.FOLLOWER]
    await owner.until(lambda: owner.arrived)
    assert owner.arrived == [(Ack(3), b"")]
    link.discard()
    writer.transport.abort()


async def test_the_end_of_the_stream_is_said_once() -> None:
    async with linked() as (leader, _, match):
        leader.discard()
        owner = match.owners[Role.FOLLOWER]
        await owner.until(lambda: owner.closed)
        assert owner.closed == [None]
        assert match.owners[Role.LEADER].closed == []
        leader.send(Ack(1))  # too late, and no trouble


async def test_bulk_waits_while_nobody_reads_and_goes_on_when_somebody_does() -> None:
    match = Match()
    owner = match.owners[Role.LEADER]
    link = match.link(Role.LEADER)
    opening = asyncio.gather(link.open(match.socks[Role.LEADER]))
    reader, writer = await match.impostor(Role.FOLLOWER)
    writer.write(encode(HELLO))
    await opening
    sent = 0
    body = bytes(MAX_PART)

    def more(link: PeerLink) -> None:
        nonlocal sent
        sent += 1
        link.send(Part("1111111111111111.1", 0), body, bulk=True)

    owner.on_writable = more
    more(link)
    before = -1
    while before != sent:  # until nothing moves any more
        before = sent
        await asyncio.sleep(0.1)
    stuck = sent
    assert 2 <= stuck < 100
    cutter, came = FrameReader(PEER_LEG), 0
    while came < 3 * stuck:
        came += sum(frame.body == body for frame in cutter.feed(await reader.read(1 << 20)))
    assert sent > 2 * stuck
    owner.on_writable = lambda _: None
    link.discard()
    writer.transport.abort()


async def test_a_peer_that_never_reads_is_given_up_before_it_costs_too_much() -> None:
    match = Match()
    # What the kernel holds is none of the link's: on some machines as much as the link itself may.
    match.socks[Role.FOLLOWER].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    match.socks[Role.LEADER].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
    owner = match.owners[Role.LEADER]
    link = match.link(Role.LEADER)
    opening = asyncio.gather(link.open(match.socks[Role.LEADER]))
    _, writer = await match.impostor(Role.FOLLOWER)
    writer.write(encode(HELLO))
    await opening
    sent = 0
    while not owner.closed and sent < 4 * MAX_UNREAD:  # TLS and the kernel hold some beside what is counted
        link.send(Text(seq=1, received=0), bytes(65_536))
        sent += 65_536
        await asyncio.sleep(0)
    writer.transport.abort()
    assert owner.closed == [None]
    assert sent > MAX_UNREAD


async def test_behind_bulk_that_flows_a_text_does_not_wait_long() -> None:
    async with linked() as (leader, _, match):
        sender, receiver = match.owners[Role.LEADER], match.owners[Role.FOLLOWER]
        sender.on_writable = lambda link: link.send(Part("1111111111111111.1", 0), bytes(MAX_PART), bulk=True)
        sender.on_writable(leader)
        await receiver.until(lambda: len(receiver.arrived) >= 20)
        before = len(receiver.arrived)
        leader.send(Text(seq=1, received=0), b"hi")
        await receiver.until(lambda: (Text(seq=1, received=0), b"hi") in receiver.arrived)
        assert receiver.arrived.index((Text(seq=1, received=0), b"hi")) - before < 24
        sender.on_writable = lambda _: None


async def test_close_flushes_and_the_last_word_waits_for_the_peers() -> None:
    async with linked() as (leader, follower, match):
        for number in range(1, 200):
            leader.send(Text(seq=number, received=0), bytes(60_000))
        leader.send(HangUp(seq=200, received=0))
        closing = asyncio.gather(leader.close(5.0))
        owner = match.owners[Role.FOLLOWER]
        await owner.until(lambda: len(owner.arrived) == 200)
        assert isinstance(owner.arrived[-1][0], HangUp)
        assert not closing.done()
        follower.send(HangUp(seq=1, received=200))
        await follower.close(5.0)
        await closing
        assert match.owners[Role.LEADER].closed == owner.closed == []


async def test_close_does_not_wait_for_ever() -> None:
    async with linked() as (leader, _, __):
        leader.send(HangUp(seq=1, received=0))
        began = asyncio.get_running_loop().time()
        await leader.close(0.2)
        assert 0.15 < asyncio.get_running_loop().time() - began < 10.0


async def test_a_link_that_is_not_read_holds_its_peer_back_and_loses_nothing() -> None:
    async with linked() as (leader, follower, match):
        owner = match.owners[Role.FOLLOWER]
        heard = owner.link_arrived

        def pause(link: PeerLink, message: TalkMessage, body: Body) -> None:
            heard(link, message, body)
            link.read(False)

        owner.link_arrived = pause  # type: ignore[method-assign]  # it pauses after each message
        for seq in range(1, 301):
            leader.send(Text(seq=seq, received=0), bytes(40_000))
        for seq in range(1, 301):
            await owner.until(lambda seq=seq: len(owner.arrived) >= seq)  # type: ignore[misc]
            assert len(owner.arrived) == seq
            if seq == 1:  # the buffers on the way are full before all of it has gone
                assert leader._transport is not None
                assert leader._transport.get_write_buffer_size() > 0
            follower.read(True)
        assert [message.seq for message, _ in owner.arrived if isinstance(message, Text)] == [*range(1, 301)]


async def test_a_close_reads_on_so_that_the_word_of_the_peer_is_not_missed() -> None:
    async with linked() as (leader, follower, _):
        follower.read(False)
        leader.send(Text(seq=1, received=0), b"x")
        leader.send(HangUp(seq=2, received=0))
        follower.send(HangUp(seq=1, received=0))
        async with asyncio.timeout(20):
            await asyncio.gather(leader.close(30.0), follower.close(30.0))


async def say_hello(match: Match, role: Role) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await match.impostor(role)
    writer.write(encode(HELLO))
    return reader, writer


@pytest.mark.parametrize("split", [False, True])
async def test_a_bad_prefix_does_not_undo_the_message_before_it(split: bool) -> None:
    match = Match()
    follower = match.link(Role.FOLLOWER)
    _, (_, writer) = await asyncio.gather(
        follower.open(match.socks[Role.FOLLOWER]), say_hello(match, Role.LEADER)
    )
    owner = match.owners[Role.FOLLOWER]
    good, bad = encode(Text(seq=1, received=0), b"x"), bytes(6)
    writer.write(good if split else good + bad)
    await owner.until(lambda: owner.arrived)
    if split:
        writer.write(bad)
    await owner.until(lambda: owner.closed)
    assert owner.arrived == [(Text(seq=1, received=0), b"x")]
    assert [error.code for error in owner.closed if error] == [Code.BAD_FRAME]
    writer.close()
