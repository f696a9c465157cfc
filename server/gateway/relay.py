"""Join the two sides of a match when they cannot reach each other (spec §6.3).

Both connect to us, each with the token of its side; the relay never dials. It
passes on the peers' own TLS, which it cannot read::

    JOINING ──join──▶ WAITING ──the other side joins──▶ JOINED ──GO──▶ FLOWING
       │                 │                                 │
       └─ 10 s, bad ─────┴─ 30 s, replaced ────────────────┴─ either side ends, idle, quota ─▶ closed

Back-pressure: while one side does not read, we do not read from the other, so
a pair holds at most `_HIGH_WATER` bytes and one read each way. No timer and no
clock is in the path of a byte.
"""

import asyncio
import logging
import time
from enum import Enum
from typing import Final, cast

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire.codec import Message, UnknownType, encode
from floater.wire.control import Refused, Role
from floater.wire.frame import FrameLimits, FrameReader
from floater.wire.relay import GO, JOIN_MESSAGES, PREAMBLE, Joined
from server.config import ServerConfig
from server.gateway.streams import Stream, log_broken_off
from server.services.tickets import RelayPass, TicketSigner

log = logging.getLogger("server.gateway")

_LIMITS: Final = FrameLimits(header=1_024, body=0)
_HIGH_WATER: Final = 262_144
_LOW_WATER: Final = 65_536
_FLUSH: Final = 30.0
"Seconds that the remaining side has to read the last bytes of a pair."
_REMEMBERED: Final = 100_000
"Matches whose use of the relay is remembered; the one that ended longest ago goes first."


class Relay:
    """All streams of the relay.

    Args:
        config: limits.
        signer: reads the tokens.
    """

    def __init__(self, config: ServerConfig, signer: TicketSigner) -> None:
        self.config = config
        self._signer = signer
        self._places: dict[str, dict[Role, RelayStream]] = {}
        self._used: dict[str, tuple[int, float]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def protocol(self, stream: Stream) -> "RelayStream":
        """Make the protocol of one connection."""
        return RelayStream(stream, self)

    def enter(self, stream: "RelayStream", token: bytes) -> None:
        """Register a stream for its side, and join it to the other side if that is there.

        Raises:
            RemoteProtocolError: RELAY_REFUSED or RELAY_FULL.
        """
        relay_pass = self._signer.check_relay_token(token, now=time.time())
        match_id, role = relay_pass.match_id, relay_pass.role
        if (older := self._places.get(match_id, {}).get(role)) is not None:
            older.end()  # and if it was joined, the other side with it
        moved, spent = self._used.get(match_id, (0, 0.0))
        if moved >= self.config.relay_bytes or spent >= self.config.relay_time:
            raise RemoteProtocolError(Code.RELAY_REFUSED, "used up")
        if match_id not in self._places and len(self._places) >= self.config.max_relays:
            raise RemoteProtocolError(Code.RELAY_FULL)
        sides = self._places.setdefault(match_id, {})
        sides[role] = stream
        stream.place = relay_pass
        other = sides.get(Role.FOLLOWER if role is Role.LEADER else Role.LEADER)
        if other is not None:
            pair = Pair(stream, other, moved, spent)
            stream.join(other, pair)
            other.join(stream, pair)

    def leave(self, stream: "RelayStream") -> None:
        """Remove a stream that has ended or was replaced. May be called again."""
        if (place := stream.place) is None:
            return
        stream.place = None
        sides = self._places.get(place.match_id)
        if sides is not None and sides.get(place.role) is stream:
            del sides[place.role]
            if not sides:
                del self._places[place.match_id]
        if stream.pair is not None:
            self._used.pop(place.match_id, None)
            self._used[place.match_id] = stream.pair.moved, stream.pair.spent
            if len(self._used) > _REMEMBERED:
                del self._used[next(iter(self._used))]

    def sweep(self, elapsed: float) -> None:
        """End the pairs that are idle or have used up their quota.

        Args:
            elapsed: seconds since the last sweep.
        """
        pairs = {stream.pair for sides in self._places.values() for stream in sides.values() if stream.pair}
        for pair in pairs:
            if pair.is_over(elapsed, self.config):
                log.debug("= relay pair over")
                pair.one.end()


class Pair:
    """Two joined streams, and how much of the quota they have used."""

    __slots__ = ("_idle", "_moved_before", "moved", "one", "other", "spent")

    def __init__(self, one: "RelayStream", other: "RelayStream", moved: int, spent: float) -> None:
        self.one, self.other = one, other
        self.moved = moved
        "Bytes of this match, both ways, over all its pairs."
        self.spent = spent
        "Seconds likewise."
        self._moved_before = moved
        self._idle = 0.0

    def is_over(self, elapsed: float, config: ServerConfig) -> bool:
        """Count `elapsed` seconds; return True if the pair has to end."""
        self.spent += elapsed
        self._idle = self._idle + elapsed if self.moved == self._moved_before else 0.0
        self._moved_before = self.moved
        return (
            self._idle >= config.relay_idle
            or self.moved >= config.relay_bytes
            or self.spent >= config.relay_time
        )


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
        self._head = bytearray()
        self._reader = FrameReader(_LIMITS)
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._other: RelayStream | None = None
        self._held = b""  # the peer's first bytes, until our side has sent GO
        self._has_ended = False  # our side has sent the end of its stream
        self.pair: Pair | None = None
        self.place: RelayPass | None = None

    # -- coming in ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Use this transport; `stream.deadline` runs already."""
        self._transport = self._stream.attach(transport)
        self._transport.set_write_buffer_limits(high=_HIGH_WATER, low=_LOW_WATER)
        now = asyncio.get_running_loop().time()
        self._stream.deadline = now + self._relay.config.relay_join_timeout
        self._stream.overdue = self._too_late

    def data_received(self, data: bytes) -> None:
        """Pass bytes on, or read the frames that come before them."""
        if self._state is _State.FLOWING:
            assert self._other is not None
            assert self.pair is not None
            self.pair.moved += len(data)
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
            self._refuse(error.code)

    def _read_join(self, data: bytes) -> None:
        if self._head != PREAMBLE:
            room = len(PREAMBLE) - len(self._head)
            self._head += data[:room]
            data = data[room:]
            if not PREAMBLE.startswith(self._head):
                raise RemoteProtocolError(Code.BAD_FRAME, "preamble")
        frames = self._reader.feed(data)
        if not frames:
            return
        if len(frames) > 1 or self._reader.pending:
            raise RemoteProtocolError(Code.UNEXPECTED, "before joined")
        try:
            message = JOIN_MESSAGES.decode(frames[0])
        except UnknownType:
            raise RemoteProtocolError(Code.UNKNOWN_TYPE) from None
        self._state = _State.WAITING
        self._deadline(self._relay.config.relay_wait)
        self._relay.enter(self, message.token)
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

    def join(self, other: "RelayStream", pair: Pair) -> None:
        """Join the other side."""
        self._state = _State.JOINED
        self._other, self.pair = other, pair
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
        if self._state is not _State.ENDED and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._state is not _State.ENDED and not self._transport.is_closing():
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

    def _finish_writing(self) -> None:
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self.end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the other side once everything has been written to it."""
        self._stream.ended()
        self.end()

    def end(self) -> None:
        """Close both sides once everything written has been sent. May be called again."""
        if self._state is _State.ENDED:
            return
        self._state = _State.ENDED
        self._relay.leave(self)
        self._stream.close(within=_FLUSH)
        if self._other is not None:
            self._other.end()

    def _too_late(self) -> None:
        self._refuse(Code.TIMED_OUT)

    def _refuse(self, code: Code) -> None:
        log_broken_off("relay", code)
        if self._state in (_State.JOINING, _State.WAITING):
            self._send(Refused(code=code))
        self.end()

    def _send(self, message: Message) -> None:
        self._transport.write(encode(message))

    def _deadline(self, seconds: float) -> None:
        self._stream.deadline = asyncio.get_running_loop().time() + seconds
        self._stream.overdue = self._too_late
