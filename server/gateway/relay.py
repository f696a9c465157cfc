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
from typing import Final, cast

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire.codec import Message, UnknownType, encode
from floater.wire.control import Refused, Role
from floater.wire.frame import FrameLimits, FrameReader
from floater.wire.relay import GO, JOIN_MESSAGES, PREAMBLE, Joined
from server.config import ServerConfig
from server.core.halves import Halves, Owner
from server.core.networks import SITE_SHARE
from server.gateway.streams import Stream, log_broken_off
from server.services.tickets import RelayPass, TicketSigner

log = logging.getLogger("server.gateway")

_LIMITS: Final = FrameLimits(header=1_024, body=0)
_HIGH_WATER: Final = 262_144
_LOW_WATER: Final = 65_536
_TLS_WATER: Final = 32_768
"High-water mark of a stream inside TLS, each way: TLS keeps several buffers of that size."
_TLS_SOCKET: Final = 262_144
"Bytes that the system may buffer of such a stream, each way."
_FLUSH: Final = 30.0
"Seconds that the remaining side has to read the last bytes of a pair."
_DAY: Final = 86_400.0
_REMEMBERED: Final = 100_000
"Accounts whose use of the relay is remembered; the one that used it longest ago goes first."


class Relay:
    """All streams of the relay.

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
        self._places: dict[str, dict[Role, RelayStream]] = {}
        self._pairs: set[Pair] = set()
        self._halves: Halves[RelayStream] = Halves(
            in_all=config.relay_halves,
            of_network=config.relay_halves_per_address,
            of_site=SITE_SHARE * config.relay_halves_per_address,
            of_account=config.relay_halves_per_account,
        )
        self._moved: dict[int, int] = {}
        self._day_left = _DAY
        self._is_heavy = False

    def __len__(self) -> int:
        """How many matches have a stream here."""
        return len(self._places)

    def protocol(self, stream: Stream) -> "RelayStream":
        """Make the protocol of one connection."""
        return RelayStream(stream, self)

    def enter(self, stream: "RelayStream", token: bytes) -> None:
        """Register a stream for its side, and join it to the other side if that is there.

        Raises:
            RemoteProtocolError: RELAY_REFUSED or RELAY_FULL.
        """
        relay_pass = self._signer.read_relay_token(token)
        match_id, role = relay_pass.match_id, relay_pass.role
        if not self._is_good(relay_pass):
            raise RemoteProtocolError(Code.RELAY_REFUSED, "its match is over")
        if self._moved.get(relay_pass.account, 0) >= self.config.relay_bytes:
            raise RemoteProtocolError(Code.RELAY_REFUSED, "used up")
        if (older := self._places.get(match_id, {}).get(role)) is not None:
            older.end()  # and if it was joined, the other side with it
        other = self._places.get(match_id, {}).get(Role.FOLLOWER if role is Role.LEADER else Role.LEADER)
        if other is not None and (self._is_heavy or len(self._pairs) >= self.config.max_relays):
            other.refuse(Code.RELAY_FULL)
            raise RemoteProtocolError(Code.RELAY_FULL)
        self._places.setdefault(match_id, {})[role] = stream
        stream.place = relay_pass
        if other is None:
            for loser in self._halves.add(stream, stream.owner):
                loser.refuse(Code.RELAY_FULL)
            return
        self._halves.remove(other, other.owner)
        pair = Pair(stream, other)
        self._pairs.add(pair)
        stream.join(other, pair)
        other.join(stream, pair)

    def leave(self, stream: "RelayStream") -> None:
        """Remove a stream that has ended or was replaced. May be called again."""
        if (place := stream.place) is None:
            return
        self._halves.remove(stream, stream.owner)
        stream.place = None
        sides = self._places.get(place.match_id)
        if sides is not None and sides.get(place.role) is stream:
            del sides[place.role]
            if not sides:
                del self._places[place.match_id]
        if stream.pair is not None:
            self._charge(place.account, stream.pair)
            self._pairs.discard(stream.pair)

    def sweep(self, elapsed: float) -> None:
        """End the pairs that are idle, whose match is over, or that have used up a quota.

        Args:
            elapsed: seconds since the last sweep.
        """
        self._day_left -= elapsed
        if self._day_left <= 0.0:
            self._day_left = _DAY
            self._moved.clear()
        for pair in list(self._pairs):
            sides = [place for stream in (pair.one, pair.other) if (place := stream.place) is not None]
            for place in sides:
                self._charge(place.account, pair)
            is_used_up = any(self._moved.get(place.account, 0) >= self.config.relay_bytes for place in sides)
            is_good = all(self._is_good(place) for place in sides)
            if pair.is_over(elapsed, self.config, is_good=is_good) or is_used_up:
                log.debug("= relay pair over")
                pair.one.end()
        self._shed()

    # -- bytes ----------------------------------------------------------------------------

    def _charge(self, account: int, pair: "Pair") -> None:
        """Count for an account what a pair has moved since it was last counted."""
        new = pair.moved - pair.charged.get(account, 0)
        pair.charged[account] = pair.moved
        if account and new:
            self._moved[account] = self._moved.pop(account, 0) + new
            if len(self._moved) > _REMEMBERED:
                del self._moved[next(iter(self._moved))]

    def _shed(self) -> None:
        """End the most stalled pairs while too many bytes are held in all."""
        held = {pair: pair.held() for pair in self._pairs}
        in_all = sum(held.values())
        self._is_heavy = in_all > self.config.relay_memory
        for pair in sorted(held, key=held.__getitem__, reverse=True) if self._is_heavy else ():
            if in_all <= self.config.relay_memory:
                break
            log.warning("= the relay holds too much: the most stalled pair ends")
            in_all -= held[pair]
            pair.one.cut()
            pair.other.cut()


class Pair:
    """Two joined streams."""

    __slots__ = ("_after", "_idle", "_moved_before", "charged", "moved", "one", "other")

    def __init__(self, one: "RelayStream", other: "RelayStream") -> None:
        self.one, self.other = one, other
        self.moved = 0
        "Bytes, both ways."
        self.charged: dict[int, int] = {}
        "How many of them each account has been charged."
        self._moved_before = 0
        self._idle = 0.0
        self._after = 0.0

    def is_over(self, elapsed: float, config: ServerConfig, *, is_good: bool) -> bool:
        """Count `elapsed` seconds; return True if the pair has to end. `is_good`: its match goes on."""
        self._idle = self._idle + elapsed if self.moved == self._moved_before else 0.0
        self._moved_before = self.moved
        self._after = 0.0 if is_good else self._after + elapsed
        return self._idle >= config.relay_idle or self._after >= config.relay_after_match

    def held(self) -> int:
        """Return how many bytes wait for one of the two to read them."""
        return self.one.held + self.other.held


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

    @property
    def owner(self) -> Owner:
        """Whose it is; it has entered."""
        assert self.place is not None
        stream = self._stream
        return Owner(self.place.account, stream.network, stream.site, stream.is_exempt)

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
            self.refuse(error.code)

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
        self._reader.check()
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
        self.refuse(Code.TIMED_OUT)

    def cut(self) -> None:
        """End it at once, and drop what was not read."""
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
