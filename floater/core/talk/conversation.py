"""What survives links: every numbered message arrives once and in order (spec §7.2).

    APART ──LinkUp──▶ LINKED ──LinkDown──▶ APART
                        └──LinkUp──▶ LINKED (another link; make before break)

Each direction numbers its messages 1, 2, 3 … A message stays in the outbox
until the peer has acknowledged it, and goes out again on every new link. So
the first numbered message on a link is never beyond the next one expected,
and a gap can only be a fault of the peer. Messages on a link that is no
longer, or not yet, in use count like all others.

A link on which something is due but nothing comes is asked (`LinkPing`) after
1 s, and suspected after 3. `Check` asks at once, and waits for little more
than a round trip.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

from floater.codes import Code
from floater.core.link import Alive, Arrived, Check, LinkDown, LinkUp, Suspect, Transmit
from floater.core.talk.orders import Say
from floater.errors import RemoteProtocolError
from floater.machine import Tick
from floater.wire.limits import MAX_UNACKNOWLEDGED
from floater.wire.talk import Ack, LinkPing, LinkPong, Numbered, NumberedMessage

ACK_INTERVAL: Final = 0.005
"Seconds. An acknowledgement goes out at once, but no two closer together than this."
ASK_AFTER: Final = 1.0
"Seconds of silence, while something is due, before we ask."
SUSPECT_AFTER: Final = 3.0
"Seconds of silence, while something is due, before the link is suspected."
HASTE: Final = 0.5
"Seconds of silence after a `Check` before the link is suspected; three round trips, where that is longer."
KEEP_ALIVE: Final = 15.0
"Seconds of silence, with nothing due, before we ask all the same: NATs and relays forget idle streams."
MAX_OUTBOX: Final = 8_388_608
"Bytes of bodies that wait for an acknowledgement."
RESERVE: Final = 512
"Messages kept free of MAX_UNACKNOWLEDGED for what we must answer, so that no wish can crowd it out."
PONGS_PER_SECOND: Final = 20
"A peer has no reason to ask more often; what goes beyond is not answered."


@dataclass(frozen=True, slots=True)
class Expect:
    """Whether anything unnumbered is due from the peer: bytes of a file, or a `get` for ours."""

    due: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """The next numbered message of the peer."""

    message: NumberedMessage
    body: bytes


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The peer has our messages up to this one."""

    seq: int


@dataclass(frozen=True, slots=True)
class Yield:
    """Bulk is about to go out: an acknowledgement that waits goes before it."""


Event: TypeAlias = LinkUp | LinkDown | Arrived | Say | Expect | Check | Yield | Tick
Effect: TypeAlias = Transmit | Suspect | Alive | Heard | Acknowledged


class Conversation:
    """Both directions of one conversation, seen from one side."""

    def __init__(self) -> None:
        self.link: int | None = None
        "The link in use."
        self.received = 0
        "The peer's highest number that was processed."
        self.next_seq = 1
        "The number that the next `Say` gets."
        self.rtt: float | None = None
        "Seconds; the shortest round trip seen on the link in use."
        self._outbox: deque[tuple[NumberedMessage, bytes]] = deque()
        self._outbox_bytes = 0
        self._ack_at: float | None = None
        self._last_ack = float("-inf")
        self._heard_at = 0.0
        self._due_since: float | None = None
        self._expecting = False
        self._pings = 0
        self._asked_at: float | None = None
        self._suspected = False
        self._checked_at: float | None = None
        self._pong_second = float("-inf")
        self._pongs = 0

    @property
    def unacknowledged(self) -> int:
        """How many of our messages the peer has not acknowledged."""
        return len(self._outbox)

    def has_room(self, size: int = 0) -> bool:
        """Say whether a person's message with a body of `size` bytes may still be said."""
        return len(self._outbox) < MAX_UNACKNOWLEDGED - RESERVE and self._outbox_bytes + size <= MAX_OUTBOX

    @property
    def ack_at(self) -> float | None:
        """When to acknowledge, unless something that is said, or bulk, does it before."""
        return self._ack_at

    @property
    def deadline(self) -> float | None:
        """When to acknowledge, to ask, or to suspect."""
        if self.link is None:
            return None
        silence = self._silence_deadline()
        if silence is None or self._ack_at is None:
            return self._ack_at if silence is None else silence
        return min(silence, self._ack_at)

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance by one event.

        Raises:
            RemoteProtocolError: OUT_OF_ORDER (a gap), BAD_FIELD (an
                acknowledgement of what was never said), OUTBOX_FULL (the peer
                makes us answer and acknowledges nothing).
        """
        effects: list[Effect]
        match event:
            case Arrived():
                effects = self._arrived(event, now)
            case Say(message, body):
                effects = self._say(message, body, now)
            case LinkUp(link, received):
                effects = self._link_up(link, received, now)
            case LinkDown(link):
                if link == self.link:
                    self.link = self.rtt = self._ack_at = self._asked_at = self._checked_at = None
                effects = []
            case Expect(due):
                self._expecting = due
                effects = []
            case Check():
                effects = self._check(now)
            case Yield():
                effects = self._ack(now)
            case Tick():
                effects = self._tick(now)
        if self._outbox or self._expecting or self._asked_at is not None:
            if self._due_since is None:
                self._due_since = now
        else:
            self._due_since = None
        return effects

    # -- saying ---------------------------------------------------------------------------

    def _say(self, message: NumberedMessage, body: bytes, now: float) -> list[Effect]:
        if len(self._outbox) >= MAX_UNACKNOWLEDGED:
            raise RemoteProtocolError(Code.OUTBOX_FULL, "it acknowledges nothing")
        message = msgspec.structs.replace(message, seq=self.next_seq, received=self.received)
        self.next_seq += 1
        self._outbox.append((message, body))
        self._outbox_bytes += len(body)
        if self.link is None:
            return []
        self._acknowledge(now)
        return [Transmit(self.link, message, body)]

    def _link_up(self, link: int, received: int, now: float) -> list[Effect]:
        effects = self._acknowledged(received)
        self.link, self.rtt = link, None
        self._heard_at = now
        self._due_since = now
        self._suspected = False
        self._checked_at = None
        for message, body in self._outbox:
            again = msgspec.structs.replace(message, received=self.received)
            effects.append(Transmit(link, again, body))
        if self.received and not self._outbox:
            effects.append(Transmit(link, Ack(self.received)))
        self._acknowledge(now)
        effects += self._ask(now)  # proves the link in both directions, and measures it while it is empty
        return effects

    def _acknowledged(self, received: int) -> list[Effect]:
        if received >= self.next_seq:
            raise RemoteProtocolError(Code.BAD_FIELD, "acknowledges what was never said")
        if not self._outbox or self._outbox[0][0].seq > received:
            return []
        while self._outbox and self._outbox[0][0].seq <= received:
            self._outbox_bytes -= len(self._outbox.popleft()[1])
        return [Acknowledged(received)]

    def _ack(self, now: float) -> list[Effect]:
        if self.link is None or self._ack_at is None:
            return []
        self._acknowledge(now)
        return [Transmit(self.link, Ack(self.received))]

    def _acknowledge(self, now: float) -> None:
        """Note that `received` goes out now."""
        self._ack_at = None
        self._last_ack = now

    # -- hearing --------------------------------------------------------------------------

    def _arrived(self, event: Arrived, now: float) -> list[Effect]:
        if event.link == self.link:
            self._heard_at = now
            self._suspected = False
        match event.message:
            case Numbered() as message:
                return self._numbered(message, bytes(event.body), now)
            case Ack(received):
                return self._acknowledged(received)
            case LinkPing(number):
                return self._pong(event.link, number, now)
            case LinkPong(number):
                if event.link == self.link and number == self._pings and self._asked_at is not None:
                    took = now - self._asked_at
                    self.rtt = took if self.rtt is None else min(self.rtt, took)
                    self._asked_at = None
                    if self._checked_at is not None:
                        self._checked_at = None
                        return [Alive(event.link)]
        return []

    def _numbered(self, message: NumberedMessage, body: bytes, now: float) -> list[Effect]:
        if message.seq > self.received + 1:
            raise RemoteProtocolError(Code.OUT_OF_ORDER, f"{message.seq} after {self.received}")
        effects: list[Effect] = []
        fresh = message.seq > self.received
        if fresh:
            self.received = message.seq
            effects.append(Heard(message, body))
        effects += self._acknowledged(message.received)
        if self.link is not None and self._ack_at is None:
            self._ack_at = max(now, self._last_ack + ACK_INTERVAL)
        return effects

    def _pong(self, link: int, number: int, now: float) -> list[Effect]:
        if now - self._pong_second >= 1.0:
            self._pong_second, self._pongs = now, 0
        self._pongs += 1
        return [Transmit(link, LinkPong(number))] if self._pongs <= PONGS_PER_SECOND else []

    # -- silence --------------------------------------------------------------------------

    def _silence_deadline(self) -> float | None:
        if self._due_since is None:
            return self._heard_at + KEEP_ALIVE
        quiet_since = max(self._heard_at, self._due_since)
        if self._asked_at is None:
            return quiet_since + ASK_AFTER
        if self._suspected:
            return None
        if self._checked_at is None:
            return quiet_since + SUSPECT_AFTER
        return max(quiet_since, self._checked_at) + max(HASTE, 3 * (self.rtt or 0.0))

    def _tick(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        if self.link is None:
            return effects
        if self._ack_at is not None and now >= self._ack_at:
            effects += self._ack(now)
        silence = self._silence_deadline()
        if silence is not None and now >= silence:
            effects += self._ask(now) if self._asked_at is None else self._suspect()
        return effects

    def _ask(self, now: float) -> list[Effect]:
        if self.link is None:
            return []
        self._pings = self._pings % 2**31 + 1
        self._asked_at = now
        return [Transmit(self.link, LinkPing(self._pings))]

    def _suspect(self) -> list[Effect]:
        if self.link is None or self._suspected:
            return []
        self._suspected = True
        return [Suspect(self.link)]

    def _check(self, now: float) -> list[Effect]:
        """Ask; what was asked before may have been lost with whatever gave rise to this."""
        if self.link is None or self._suspected or self._checked_at is not None:
            return []
        self._checked_at = now
        return self._ask(now)
