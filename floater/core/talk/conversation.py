"""What survives links: every numbered message arrives once and in order (spec §7.2).

    APART ──LinkUp──▶ LINKED ──LinkDown──▶ APART
                        └──LinkUp──▶ LINKED (another link; make before break)

Each direction numbers its messages 1, 2, 3 … A message stays in the outbox
until the peer has acknowledged it, and goes out again on every new link. So
the first numbered message on a link is never beyond the next one expected,
and a gap can only be a fault of the peer. Messages on a link that is no
longer, or not yet, in use count like all others.

Whether the link in use still answers is watched by `liveness`.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

from floater.codes import Code
from floater.core.link import Alive, Arrived, Check, LinkDown, LinkUp, Suspect, Transmit
from floater.core.talk.liveness import Due, Liveness
from floater.core.talk.orders import Say
from floater.errors import RemoteProtocolError
from floater.machine import Tick, earliest
from floater.wire.limits import MAX_UNACKNOWLEDGED
from floater.wire.talk import Ack, HangUp, Numbered, NumberedMessage

ACK_INTERVAL: Final = 0.005
"Seconds. An acknowledgement goes out at once, but no two closer together than this."
MAX_OUTBOX: Final = 8_388_608
"Bytes of bodies that wait for an acknowledgement."
RESERVE: Final = 512
"Messages kept free of MAX_UNACKNOWLEDGED for what we must answer, so that no wish can crowd it out."


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
        self.is_expecting = False
        "Whether anything unnumbered is due from the peer, as last fed."
        self._outbox: deque[tuple[NumberedMessage, bytes]] = deque()
        self._outbox_bytes = 0
        self._ack_at: float | None = None
        self._last_ack = float("-inf")
        self._liveness = Liveness()

    @property
    def rtt(self) -> float | None:
        """Seconds; the shortest round trip seen on the link in use, None before the first."""
        return self._liveness.rtt

    def has_room(self, size: int = 0) -> bool:
        """Say whether a person's message with a body of `size` bytes may still be said."""
        return len(self._outbox) < MAX_UNACKNOWLEDGED - RESERVE and self._outbox_bytes + size <= MAX_OUTBOX

    @property
    def ack_at(self) -> float | None:
        """When to acknowledge, unless something that is said, or bulk, does it before."""
        return self._ack_at

    @property
    def deadline(self) -> float | None:
        """When to acknowledge, or when the link has been silent for too long."""
        if self.link is None:
            return None
        return earliest(self._liveness.deadline, self._ack_at)

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance by one event.

        Raises:
            RemoteProtocolError: OUT_OF_ORDER (a gap), BAD_FIELD (an
                acknowledgement of what was never said), OUTBOX_FULL (the peer
                makes us answer and acknowledges nothing).
        """
        effects: list[Effect] = []
        match event:
            case Arrived():
                effects += self._arrived(event, now)
            case Say():
                effects += self._say(event, now)
            case LinkUp(link, received):
                effects += self._link_up(link, received, now)
            case LinkDown(link) if link == self.link:
                self.link = self._ack_at = None
            case LinkDown():
                return []
            case Expect(due):
                self.is_expecting = due
            case Yield():
                effects += self._ack(now)
            case Tick() if self._ack_at is not None and now >= self._ack_at:
                effects += self._ack(now)
        if isinstance(event, Arrived | LinkUp | LinkDown | Check | Tick):
            effects += self._liveness.feed(event, now=now)
        is_due = bool(self._outbox) or self.is_expecting
        if is_due is not self._liveness.is_due:
            self._liveness.feed(Due(is_due), now=now)
        return effects

    # -- saying ---------------------------------------------------------------------------

    def _say(self, order: Say, now: float) -> list[Effect]:
        # The last place belongs to the hang-up: the end can be said however little the peer acknowledges.
        if len(self._outbox) >= MAX_UNACKNOWLEDGED - 1 and order.kind is not HangUp:
            raise RemoteProtocolError(Code.OUTBOX_FULL, "it acknowledges nothing")
        message, body = order.message(self.next_seq, self.received), order.body
        self.next_seq += 1
        self._outbox.append((message, body))
        self._outbox_bytes += len(body)
        if self.link is None:
            return []
        self._acknowledge(now)
        return [Transmit(self.link, message, body)]

    def _link_up(self, link: int, received: int, now: float) -> list[Effect]:
        effects = self._acknowledged(received)
        self.link = link
        for message, body in self._outbox:
            again = msgspec.structs.replace(message, received=self.received)
            effects.append(Transmit(link, again, body))
        if self.received and not self._outbox:
            effects.append(Transmit(link, Ack(self.received)))
        self._acknowledge(now)
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
        match event.message:
            case Numbered() as message:
                return self._numbered(message, bytes(event.body), now)
            case Ack(received):
                return self._acknowledged(received)
        return []

    def _numbered(self, message: NumberedMessage, body: bytes, now: float) -> list[Effect]:
        if message.seq > self.received + 1:
            raise RemoteProtocolError(Code.OUT_OF_ORDER, f"{message.seq} after {self.received}")
        effects: list[Effect] = []
        if message.seq > self.received:
            self.received = message.seq
            effects.append(Heard(message, body))
        acknowledged = self._acknowledged(message.received)
        # A refusal comes before the acknowledgement that it carries, but a hang-up after it: what the peer
        # has got is not undelivered.
        effects = [*acknowledged, *effects] if isinstance(message, HangUp) else [*effects, *acknowledged]
        if self.link is not None and self._ack_at is None:
            self._ack_at = max(now, self._last_ack + ACK_INTERVAL)
        return effects
