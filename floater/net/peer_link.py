"""One authenticated stream to the peer: TLS 1.3 by role, hello, then messages (spec §6.4, §7).

::

    a stream ──▶ TLS: the leader is the client ──▶ both say PeerHello ──▶ messages ──▶ closed
                 each trusts one certificate       same ticket, a common version

Whatever goes wrong before the hellos ends in an exception of `open`, whatever
goes wrong after them in `link_closed`.
"""

import asyncio
import logging
import socket
import ssl
import time
from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol, cast

from floater.codes import Code
from floater.crypto.tls import is_peer
from floater.errors import FloaterError, LinkClosed, RemoteProtocolError, Unreachable
from floater.loop import abort
from floater.net.sockets import address_of, forget_on_close
from floater.wire.codec import encode, encode_head
from floater.wire.control import Role
from floater.wire.endpoint import Address
from floater.wire.frame import PEER_LEG, Body, Frame, FrameReader
from floater.wire.limits import HANDSHAKE_TIMEOUT, PROTOCOL_VERSION
from floater.wire.talk import HangUp, PeerHello, TalkMessage, decode_talk

HIGH_WATER: Final = 65_536
"Bytes that may wait in our hands before bulk has to pause."
LOW_WATER: Final = 32_768
"Bytes below which there is room for bulk again."

MAX_UNREAD: Final = 33_554_432
"""Bytes that may wait for a peer that does not read. An outbox and the parts under way are less; what
could grow for ever is our answers to one that goes on sending."""

READ_BUFFER: Final = 16_384
"Bytes read at once, at most, while it is not known what they belong to: one record of TLS."
WRITE_PIECE: Final = 65_536
"Bytes of a body that are handed to TLS at once: few enough to stay in the processor's cache on their way."
SHUTDOWN_TIMEOUT: Final = 1.0
"Seconds that the peer has to answer the end of TLS."

log = logging.getLogger("floater.net")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What all links of one match prove and demand."""

    role: Role
    context: ssl.SSLContext
    peer_certificate: bytes
    ticket: bytes
    signature: bytes


class LinkOwner(Protocol):
    """Receives the events of a link. Its methods are called from the event loop and must not block."""

    def link_trusted(self, link: "PeerLink") -> None:
        """The peer's certificate is the right one; what is sent now goes out with our hello."""

    def link_ready(self, link: "PeerLink", hello: PeerHello, rtt: float | None) -> None:
        """The peer is authenticated. `rtt` is known to the leader only."""

    def link_arrived(self, link: "PeerLink", message: TalkMessage, body: Body) -> None:
        """A message other than the hello has come."""

    def link_writable(self, link: "PeerLink") -> None:
        """There is room for bulk again."""

    def link_closed(self, link: "PeerLink", error: FloaterError | None) -> None:
        """A link that was ready is over; `error` if the peer broke the protocol."""

    def received(self) -> int:
        """Tell the highest `seq` we have got, for the hello."""


class _State(Enum):
    OPENING = "opening"
    READY = "ready"
    CLOSING = "closing"  # our last words are on their way; nothing is reported any more
    OVER = "over"


class PeerLink(asyncio.BufferedProtocol):
    """A link under its number. Make it, then `open` it over a connected stream."""

    def __init__(self, number: int, credentials: Credentials, owner: LinkOwner) -> None:
        self.number = number
        self._credentials = credentials
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._reader = FrameReader(PEER_LEG)
        self._state = _State.OPENING
        self._transport: asyncio.Transport | None = None
        self._sock: socket.socket | None = None
        self._buffer = memoryview(bytearray(READ_BUFFER))
        self._given = self._buffer
        self._early = bytearray()
        self._frames: deque[Frame] = deque()
        "What has come and is not handed on yet, because reading is paused."
        self._reads = True
        self._greeted: asyncio.Future[FloaterError | None] = self._loop.create_future()
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._has_left = False
        self._peer_left = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._wants_room = False
        self._hello_at = 0.0

    async def open(
        self, stream: socket.socket | asyncio.Transport, *, timeout: float = HANDSHAKE_TIMEOUT
    ) -> None:
        """Find out whether our peer is at the other end; return when `link_ready` has been called.

        The stream belongs to the link from here on, and is closed if this raises.

        Args:
            stream: a connected socket, or a transport (a TLS stream to the
                relay) whose protocol has nothing more to read.
            timeout: seconds for handshake and hello.

        Raises:
            Unreachable: PEER_NOT_TRUSTED; the other end is not our peer.
            RemoteProtocolError: the hello is no good.
            LinkClosed: it ended, or TIMED_OUT.
        """
        if isinstance(stream, socket.socket):
            self._sock = stream
        try:
            async with asyncio.timeout(timeout):
                await self._shake_hands(stream, timeout)
                if (error := await self._greeted) is not None:
                    if self._state is _State.CLOSING:
                        await self._leave(SHUTDOWN_TIMEOUT)
                    raise error
        except BaseException as error:
            self.discard()
            if not isinstance(stream, socket.socket):
                abort(stream)
            elif self._transport is None:
                forget_on_close(stream)
                stream.close()
            if isinstance(error, TimeoutError):
                raise LinkClosed(Code.TIMED_OUT, "handshake") from error
            if isinstance(error, ssl.SSLError):
                raise Unreachable(Code.PEER_NOT_TRUSTED, error.reason or "") from error
            if isinstance(error, OSError):
                raise LinkClosed(Code.NO_PATH, type(error).__name__) from error
            raise

    def send(self, message: TalkMessage, body: bytes | memoryview = b"", *, bulk: bool = False) -> None:
        """Send a message; dropped after the end. With `bulk`, `link_writable` follows when there is room."""
        if self._transport is None or self._state is _State.OVER:
            return
        if self._transport.get_write_buffer_size() > MAX_UNREAD:
            log.info("= link %s: the peer does not read", self.number)
            self._loop.call_soon(self._fail, None)
            return
        if len(body) <= WRITE_PIECE:
            self._transport.write(encode(message, body))
        else:
            self._transport.write(encode_head(message, len(body)))
            view = memoryview(body)
            for at in range(0, len(view), WRITE_PIECE):
                self._transport.write(view[at : at + WRITE_PIECE])
        if isinstance(message, HangUp):
            self._has_left = True
        if bulk and not self._wants_room:
            self._wants_room = True
            self._loop.call_soon(self._offer_room)

    def discard(self) -> None:
        """Close at once, whatever is under way, and report nothing. Cancel an `open` still at work."""
        self._state = _State.OVER
        if not self._greeted.done():
            self._greeted.set_result(LinkClosed(Code.NO_PATH, "discarded"))
        if self._transport is not None:
            if self._sock is not None:
                forget_on_close(self._sock)
            abort(self._transport)

    @property
    def local(self) -> Address | None:
        """Our own address on this stream; None until it is open."""
        name = None if self._transport is None else self._transport.get_extra_info("sockname")
        return address_of(name[0]) if name else None

    async def close(self, timeout: float) -> None:
        """Send all that was given to `send`, after a `HangUp` wait for the peer's word, then close.

        A socket that is closed over unread bytes sends a reset, which may
        overtake our last words. So the side that hangs up first reads on
        until the other one is done, for `timeout` seconds at most.
        """
        if self._state is not _State.READY or self._transport is None:
            self.discard()
            return
        self._state = _State.CLOSING
        self.read(True)  # the peer's word may stand behind what had to wait
        await self._leave(timeout)

    async def _leave(self, timeout: float) -> None:
        assert self._transport is not None
        self._transport.set_write_buffer_limits(1, 0)  # `_room` now means: all is out of our hands
        try:
            async with asyncio.timeout(timeout):
                await self._room.wait()
                if self._has_left:
                    await self._peer_left.wait()
                self._transport.close()
                await self._over
        except TimeoutError:
            pass
        if not self._over.done():
            abort(self._transport)
        self._state = _State.OVER

    # -- what the transport says ----------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS stands: say hello, if it is with our peer."""
        transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses of it
        self._transport = transport
        if self._state is _State.OVER:
            self.discard()
            return
        transport.set_write_buffer_limits(HIGH_WATER, LOW_WATER)
        if not is_peer(transport.get_extra_info("ssl_object"), self._credentials.peer_certificate):
            self._fail(Unreachable(Code.PEER_NOT_TRUSTED, "another certificate"))
            return
        self._hello_at = time.monotonic()  # uvloop counts whole milliseconds
        self.send(
            PeerHello(
                versions=(PROTOCOL_VERSION,),
                ticket=self._credentials.ticket,
                signature=self._credentials.signature,
                received=self._owner.received(),
            )
        )
        self._owner.link_trusted(self)
        if self._early:
            self._hand_on(memoryview(bytes(self._early)))
            self._early.clear()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Say where to put what comes: the rest of a long body to its place, all else into one buffer."""
        self._given = self._reader.room or self._buffer
        return self._given

    def buffer_updated(self, nbytes: int) -> None:
        """Cut what came into messages and hand them on."""
        if self._transport is None:  # `start_tls` may deliver before it returns
            self._early += self._given[:nbytes]
        else:
            self._hand_on(self._given[:nbytes])

    def read(self, wanted: bool) -> None:
        """Read on, or hand nothing on until told so; the peer then waits, once the buffers are full."""
        if wanted is self._reads or self._transport is None:
            return
        self._reads = wanted
        if not wanted:
            self._transport.pause_reading()
            return
        self._hand_on()
        if self._reads and self._state is not _State.OVER:
            self._transport.resume_reading()

    def _hand_on(self, data: memoryview | None = None) -> None:
        """Hand on what has come, up to the frame that makes us pause; judge a bad prefix in its turn."""
        try:
            if data is not None:
                self._frames += self._reader.feed(data)
            while self._reads and self._frames:
                if self._state is _State.OVER:
                    return
                self._take(self._frames.popleft())
            if not self._frames:
                self._reader.check()
        except RemoteProtocolError as error:
            log.info("< link %s broke the protocol: %s", self.number, error.code.value)
            self._fail(error)

    def pause_writing(self) -> None:
        """Too much is waiting."""
        self._room.clear()

    def resume_writing(self) -> None:
        """There is room."""
        self._room.set()
        self._offer_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """The stream is over."""
        if not self._over.done():
            self._over.set_result(None)
        self._peer_left.set()
        self._room.set()
        self._fail(None)

    # -- inside ---------------------------------------------------------------------------

    async def _shake_hands(self, stream: socket.socket | asyncio.Transport, timeout: float) -> None:
        context, leads = self._credentials.context, self._credentials.role is Role.LEADER
        if not isinstance(stream, socket.socket):
            transport = await self._loop.start_tls(
                stream,
                self,
                context,
                server_side=not leads,
                server_hostname="" if leads else None,
                ssl_handshake_timeout=timeout,
                ssl_shutdown_timeout=SHUTDOWN_TIMEOUT,
            )
            if transport is None:
                raise ConnectionAbortedError
            self.connection_made(transport)
        elif leads:
            await self._loop.create_connection(
                lambda: self,
                sock=stream,
                ssl=context,
                server_hostname="",
                ssl_handshake_timeout=timeout,
                ssl_shutdown_timeout=SHUTDOWN_TIMEOUT,
            )
        else:
            await self._loop.connect_accepted_socket(
                lambda: self,
                stream,
                ssl=context,
                ssl_handshake_timeout=timeout,
                ssl_shutdown_timeout=SHUTDOWN_TIMEOUT,
            )

    def _take(self, frame: Frame) -> None:
        message = decode_talk(frame)
        if message is None:
            log.debug("< link %s: a message of a later version, ignored", self.number)
            return
        if isinstance(message, HangUp):
            self._peer_left.set()
        match self._state:
            case _State.OPENING:
                self._meet(message)
            case _State.READY:
                self._owner.link_arrived(self, message, frame.body)

    def _meet(self, hello: TalkMessage) -> None:
        if not isinstance(hello, PeerHello):
            raise RemoteProtocolError(Code.UNEXPECTED, "no hello")
        if PROTOCOL_VERSION not in hello.versions:
            self._refuse_version()
            return
        if (hello.ticket, hello.signature) != (self._credentials.ticket, self._credentials.signature):
            raise RemoteProtocolError(Code.BAD_TICKET, "another ticket")
        leads = self._credentials.role is Role.LEADER
        rtt = time.monotonic() - self._hello_at if leads else None
        self._state = _State.READY
        if not self._greeted.done():
            self._greeted.set_result(None)
        self._owner.link_ready(self, hello, rtt)

    def _refuse_version(self) -> None:
        """Tell the peer that it speaks no version of ours; `open` waits until that is sent, then raises."""
        code = Code.UNSUPPORTED_VERSION
        self.send(HangUp(seq=1, received=0, code=code.value))
        self._state = _State.CLOSING
        if not self._greeted.done():
            self._greeted.set_result(RemoteProtocolError(code))

    def _fail(self, error: FloaterError | None) -> None:
        """End; `error` is what the peer did wrong, None if the stream just ended."""
        before, self._state = self._state, _State.OVER
        if before is _State.OPENING and not self._greeted.done():
            self._greeted.set_result(error or LinkClosed(Code.NO_PATH, "ended before the hello"))
        if before in (_State.OPENING, _State.READY):
            self.discard()
        if before is _State.READY:
            self._owner.link_closed(self, error)

    def _offer_room(self) -> None:
        if self._wants_room and self._room.is_set() and self._state is _State.READY:
            self._wants_room = False
            self._owner.link_writable(self)
