"""Join the two sides of a match when they cannot reach each other (spec §6.3).

Both connect to us, each with the token of its side; the relay never dials. It
passes on the peers' own TLS, which it cannot read::

    JOINING ──join──▶ WAITING ──the other side joins──▶ JOINED ──GO──▶ FLOWING
       │                 │                                 │
       └─ 10 s, bad ─────┴─ 30 s, replaced ────────────────┴─ a side or the match ends, idle, quota ─▶ closed

Back-pressure: while one side does not read, we do not read from the other, so
a pair holds at most `_HIGH_WATER` bytes and one read each way, also inside TLS.
No timer and no clock is in the path of a byte. A pair lasts as long as its match.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from enum import Enum
from itertools import count
from typing import Final, cast

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire.codec import Message, encode
from floater.wire.control import Refused
from floater.wire.relay import GO, Joined, JoinReader
from server.config import ServerConfig
from server.core.halves import Halves, Owner
from server.core.networks import SITE_SHARE
from server.core.relaying import (
    Close,
    Closed,
    Cut,
    Drop,
    Effect,
    Entered,
    Event,
    Join,
    Refuse,
    Relaying,
    RelayLimits,
    StreamId,
    Swept,
    Use,
)
from server.gateway.streams import Stream, log_broken_off
from server.services.tickets import RelayPass, TicketSigner

log = logging.getLogger("server.gateway")

_HIGH_WATER: Final = 262_144
_LOW_WATER: Final = 65_536
_TLS_WATER: Final = 32_768
"High-water mark of a stream inside TLS, each way: TLS keeps several buffers of that size."
_TLS_SOCKET: Final = 262_144
"Bytes that the system may buffer of such a stream, each way."
_FLUSH: Final = 30.0
"Seconds that the remaining side has to read the last bytes of a pair."


class Relay:
    """All streams of the relay: performs what `core.relaying` decides.

    Args:
        config: limits.
        signer: reads the tokens.
        is_good: whether the match of a pass goes on.
    """

    def __init__(
        self, config: ServerConfig, signer: TicketSigner, is_good: Callable[[RelayPass], bool]
    ) -> None:
        self.config = config
        self._signer = signer
        self._is_good = is_good
        self._relaying = Relaying(_limits(config), _halves(config))
        self._streams: dict[StreamId, RelayStream] = {}
        self._closing: dict[StreamId, RelayStream] = {}  # left, with bytes to read
        self._ids = count(1)

    def __len__(self) -> int:
        """How many matches have a stream here."""
        return len(self._relaying)

    def protocol(self, stream: Stream) -> "RelayStream":
        """Make the protocol of one connection."""
        return RelayStream(stream, self)

    def enter(self, stream: "RelayStream", token: bytes) -> None:
        """Let a stream in by the token that it has shown, join it to its other side, or refuse it.

        Raises:
            RemoteProtocolError: RELAY_REFUSED: the token is not ours.
        """
        relay_pass = self._signer.read_relay_token(token)
        stream.id, stream.relay_pass = next(self._ids), relay_pass
        self._streams[stream.id] = stream
        match_id, role, owner = relay_pass.match_id, relay_pass.role, stream.owner
        self._feed(Entered(stream.id, match_id, role, owner, self._is_good(relay_pass)))

    def leave(self, stream: "RelayStream") -> None:
        """Remove a stream that has ended, or is closed as soon as it has read everything."""
        if self._streams.pop(stream.id, None) is not None:
            self._closing[stream.id] = stream
            self._feed(Closed(stream.id, stream.moved))

    def forget(self, stream: "RelayStream") -> None:
        """Take note that the connection of a stream that has left is gone."""
        self._closing.pop(stream.id, None)

    def sweep(self, elapsed: float) -> None:
        """Count `elapsed` seconds since the last sweep, and end what is over."""
        joined = [stream for stream in self._streams.values() if stream.is_joined]
        uses = {
            stream.id: Use(stream.moved, stream.held, self._is_good(stream.relay_pass)) for stream in joined
        }
        left_over = {stream.id: stream.held for stream in self._closing.values()}
        self._feed(Swept(elapsed, uses, left_over))

    def _feed(self, event: Event) -> None:
        for effect in self._relaying.feed(event):
            self._perform(effect)

    def _perform(self, effect: Effect) -> None:
        streams = self._streams
        match effect:
            case Join(one, other):
                traffic = Traffic()
                streams[one].join(streams[other], traffic)
                streams[other].join(streams[one], traffic)
            case Refuse(stream, code):
                streams[stream].refuse(code)
            case Close(stream):
                streams[stream].end()
            case Cut(one, other):
                log.warning("= the relay holds too much: the most stalled pair ends")
                streams[one].cut()
                streams[other].cut()
            case Drop(stream):
                log.warning("= the relay holds too much: a stream that has ended is dropped")
                self._closing[stream].cut()


def _limits(config: ServerConfig) -> RelayLimits:
    return RelayLimits(
        pairs=config.max_relays,
        idle=config.relay_idle,
        after_match=config.relay_after_match,
        volume=config.relay_bytes,
        memory=config.relay_memory,
    )


def _halves(config: ServerConfig) -> Halves[StreamId]:
    return Halves(
        in_all=config.relay_halves,
        of_network=config.relay_halves_per_address,
        of_site=SITE_SHARE * config.relay_halves_per_address,
        of_account=config.relay_halves_per_account,
    )


class Traffic:
    """The bytes that two joined streams have sent each other."""

    __slots__ = ("moved",)

    def __init__(self) -> None:
        self.moved = 0


class _State(Enum):
    JOINING = 1
    WAITING = 2
    JOINED = 3
    FLOWING = 4
    ENDED = 5


class RelayStream(asyncio.Protocol):
    """One side of a match."""

    def __init__(self, stream: Stream, relay: Relay) -> None:
        self._stream = stream
        self._relay = relay
        self._state = _State.JOINING
        self._reader = JoinReader()
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._other: RelayStream | None = None
        self._traffic: Traffic | None = None
        self._held = b""  # the peer's first bytes, until our side has sent GO
        self._has_ended = False  # our side has sent the end of its stream
        self.id: StreamId = 0
        "Its number, and below what its token says; set by `Relay` as it enters."
        self.relay_pass: RelayPass = cast(RelayPass, None)

    @property
    def owner(self) -> Owner:
        """Whose it is; it has entered."""
        stream = self._stream
        return Owner(self.relay_pass.account, stream.network, stream.site, stream.is_exempt)

    @property
    def is_joined(self) -> bool:
        """True once it has been joined to the other side."""
        return self._traffic is not None

    @property
    def moved(self) -> int:
        """Bytes that it and its other side have sent each other."""
        return 0 if self._traffic is None else self._traffic.moved

    @property
    def held(self) -> int:
        """How many bytes wait for our side to read them."""
        return len(self._held) + self._transport.get_write_buffer_size()

    # -- coming in ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Use this transport; `stream.deadline` runs already."""
        self._transport = self._stream.attach(transport)
        if transport.get_extra_info("ssl_object") is None:
            self._transport.set_write_buffer_limits(high=_HIGH_WATER, low=_LOW_WATER)
        else:
            _bound_tls(self._transport)
        now = asyncio.get_running_loop().time()
        self._stream.deadline = now + self._relay.config.relay_join_timeout
        self._stream.overdue = self._too_late

    def data_received(self, data: bytes) -> None:
        """Pass bytes on, or read the frames that come before them."""
        if self._state is _State.FLOWING:
            assert self._other is not None
            assert self._traffic is not None
            self._traffic.moved += len(data)
            self._other.give(data)
            return
        try:
            match self._state:
                case _State.JOINING:
                    self._read_join(data)
                case _State.WAITING:
                    raise RemoteProtocolError(Code.UNEXPECTED, "before joined")
                case _State.JOINED:
                    self._read_go(data)
                case _:
                    pass
        except RemoteProtocolError as error:
            self.refuse(error.code)

    def _read_join(self, data: bytes) -> None:
        join = self._reader.feed(data)
        if join is None:
            return
        self._state = _State.WAITING
        self._deadline(self._relay.config.relay_wait)
        self._relay.enter(self, join.token)
        if not self._has_gone:
            self._stream.trust()

    def _read_go(self, data: bytes) -> None:
        assert self._other is not None
        if data[:1] != GO:
            raise RemoteProtocolError(Code.UNEXPECTED, "instead of GO")
        self._state = _State.FLOWING
        self._stream.deadline = None
        self._other.resume()
        if self._held:
            self._transport.write(self._held)  # may hold the other again at once
            self._held = b""
        if self._other.has_ended:
            self._finish_writing()
        if len(data) > 1:
            self.data_received(data[1:])

    # -- together -------------------------------------------------------------------------

    def join(self, other: "RelayStream", traffic: Traffic) -> None:
        """Join the other side, and count in `traffic` what both send."""
        self._state = _State.JOINED
        self._other, self._traffic = other, traffic
        self._deadline(self._relay.config.relay_join_timeout)
        self._send(Joined())

    def give(self, data: bytes) -> None:
        """Write bytes of the other side to ours; they wait until ours has sent GO."""
        if self._state is _State.FLOWING:
            self._transport.write(data)
        else:
            assert self._other is not None
            self._held += data
            self._other.hold()

    def hold(self) -> None:
        """Stop reading from our side for now."""
        if not self._has_gone and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if not self._has_gone and not self._transport.is_closing():
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        """Stop reading from the other side while ours does not read."""
        if self._other is not None:
            self._other.hold()

    def resume_writing(self) -> None:
        """Read from the other side again."""
        if self._other is not None:
            self._other.resume()

    # -- going ----------------------------------------------------------------------------

    @property
    def has_ended(self) -> bool:
        """True if our side has sent the end of its stream."""
        return self._has_ended

    def eof_received(self) -> bool:
        """End the direction from our side; the other direction stays open where the stream allows it."""
        self._has_ended = True
        if self._other is None or self._other.has_ended or not self._transport.can_write_eof():
            self.end()
            return False
        if self._other.is_flowing:
            self._other._finish_writing()
        return True

    @property
    def is_flowing(self) -> bool:
        """True if our side has sent GO."""
        return self._state is _State.FLOWING

    @property
    def _has_gone(self) -> bool:
        """True if it was closed, refused or replaced."""
        return self._state is _State.ENDED

    def _finish_writing(self) -> None:
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self.end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the other side once everything has been written to it."""
        self._stream.ended()
        self.end()
        self._relay.forget(self)

    def end(self) -> None:
        """Close it once everything written has been sent, and its other side. May be called again."""
        if self._state is _State.ENDED:
            return
        self._state = _State.ENDED
        self._relay.leave(self)
        self._stream.close(within=_FLUSH)

    def _too_late(self) -> None:
        self.refuse(Code.TIMED_OUT)

    def cut(self) -> None:
        """Abort it, and drop what was not read."""
        self._stream.abort()

    def refuse(self, code: Code) -> None:
        """Say why, if our side can still be told, and end it."""
        log_broken_off("relay", code)
        if self._state in (_State.JOINING, _State.WAITING):
            self._send(Refused(code=code))
        self.end()

    def _send(self, message: Message) -> None:
        self._transport.write(encode(message))

    def _deadline(self, seconds: float) -> None:
        self._stream.deadline = asyncio.get_running_loop().time() + seconds
        self._stream.overdue = self._too_late


def _bound_tls(transport: asyncio.Transport) -> None:
    """Let a stream inside TLS hold no more than a bare one, although TLS has buffers of its own."""
    transport.set_write_buffer_limits(high=_TLS_WATER, low=_TLS_WATER // 4)
    # Both loops have it; it is missing in the base class alone.
    set_read_limits: Callable[..., None] | None = getattr(transport, "set_read_buffer_limits", None)
    if set_read_limits is not None:
        set_read_limits(high=_TLS_WATER, low=_TLS_WATER // 4)
    sock = transport.get_extra_info("socket")
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        sock.setsockopt(socket.SOL_SOCKET, option, _TLS_SOCKET)
