"""One talk with one stranger, from the first link to the last word (spec §7).

    QUIET ──both have greeted──▶ OPEN
      │                            │
      └───────────HangUp───────────┴──▶ HANGING_UP ──acknowledged, or 2 s──▶ OVER

`Talk` puts the machines of a talk together: the conversation (nothing lost),
the greeting (nothing early), and the transfers of both directions. A hang-up
without a link, a hang-up of the peer and `End` lead to OVER at once.

Our own hang-up settles everything: what is not acknowledged then counts as
undelivered, transfers fail. HANGING_UP is the farewell, of which nothing more
is told but a text that crossed it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from floater import api
from floater.codes import Code
from floater.core.emit import Emit
from floater.core.link import Alive, Arrived, Check, LinkDown, LinkUp, Suspect, Transmit, Writable
from floater.core.talk.conversation import Acknowledged, Conversation, Expect, Heard, Yield
from floater.core.talk.greeting import Greeting
from floater.core.talk.incoming import Incoming
from floater.core.talk.orders import Greeted, Over, Say, Send
from floater.core.talk.outgoing import Offered, Outgoing
from floater.core.talk.texts import Texts
from floater.core.talk.transfer import (
    BlockRead,
    BlockWritten,
    FileCreated,
    FileOrder,
    FileReport,
    FileStored,
    OfferFile,
    ReadFailed,
    WriteFailed,
    reason_of,
)
from floater.core.talk.typing import TypingState
from floater.errors import Refused, RemoteProtocolError
from floater.machine import Tick
from floater.wire import talk as wire
from floater.wire.control import Role
from floater.wire.limits import MAX_FILE, MAX_TEXT

__all__ = [
    "Effect",
    "Emit",
    "End",
    "Event",
    "Greeted",
    "OfferFile",
    "Over",
    "State",
    "Talk",
    "TalkConfig",
    "Wish",
]

_MESSAGE_ID: Final = re.compile("(.)([1-9][0-9]{0,15})")
HANG_UP_TIME: Final = 2.0
"Seconds that a hang-up waits for its acknowledgement."


class State(Enum):
    """Where a talk stands."""

    QUIET = "quiet"
    OPEN = "open"
    HANGING_UP = "hanging_up"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkConfig:
    """What one side may choose for itself."""

    max_file: int = 1 << 36
    "Bytes of the largest file that may be offered to us; a larger one is declined at once."


@dataclass(frozen=True, slots=True)
class End:
    """The talk is over for a reason outside of it: the peer is lost, the log-in ended, it misbehaved."""

    reason: api.Ended


_Said: TypeAlias = (
    api.Greet
    | api.SendText
    | api.Retry
    | api.Typing
    | OfferFile
    | api.Accept
    | api.Decline
    | api.Pause
    | api.Resume
    | api.Cancel
)
Wish: TypeAlias = _Said | api.HangUp
"""The person's wishes are the commands of the API themselves. `Greet.language` and `Accept.to` are filled in
by the client; `SendFile` becomes the `OfferFile` that the store made of its path."""

Event: TypeAlias = LinkUp | LinkDown | Check | Arrived | Writable | Wish | FileReport | End | Tick
Effect: TypeAlias = Transmit | Suspect | Alive | Emit | Greeted | Over | FileOrder
_Inner: TypeAlias = Effect | Say | Send | Heard | Acknowledged


class Talk:
    """One side of one talk.

    Raises, from `feed`:
        Refused: a wish cannot be fulfilled; nothing was changed. NO_TALK (over,
            or hanging up), NOT_GREETED, ALREADY_GREETED, TEXT_EMPTY,
            TEXT_TOO_LONG, OUTBOX_FULL, FILE_TOO_LARGE, NO_SUCH_TRANSFER,
            TRANSFER_STATE, BAD_COMMAND (no such message).
        RemoteProtocolError: the peer broke the protocol. Feed `End` with
            `peer_misbehaved` next.
    """

    def __init__(self, role: Role, config: TalkConfig | None = None) -> None:
        self.role = role
        self.config = config or TalkConfig()
        self.state = State.QUIET
        self.last_id = ""
        "The `message_id` or `transfer_id` that the last wish created."
        self._ours, self._theirs = ("L", "F") if role is Role.LEADER else ("F", "L")
        self._conversation = Conversation()
        self._greeting = Greeting()
        self._outgoing = Outgoing()
        self._incoming = Incoming(self.config.max_file)
        self._typing = TypingState()
        self._expecting = False
        self._texts = Texts(self._ours)
        self._began: float | None = None
        self._hung_up: int | None = None
        "The `seq` of our hang-up."
        self._give_up_at: float | None = None

    @property
    def received(self) -> int:
        """The highest `seq` of the peer that we have processed; goes into `peer_hello`."""
        return self._conversation.received

    @property
    def greeted(self) -> bool:
        """Whether we have greeted."""
        return self._greeting.greeted

    @property
    def peer_greeted(self) -> bool:
        """Whether the peer has greeted."""
        return self._greeting.peer_greeted

    @property
    def is_over(self) -> bool:
        """Whether the talk has ended."""
        return self.state is State.OVER

    @property
    def deadline(self) -> float | None:
        """Monotonic seconds at which to feed `Tick`; None for never."""
        if self.is_over:
            return None
        earliest = self._conversation.deadline
        for at in (self._incoming.deadline, self._typing.deadline, self._give_up_at, self._texts.deadline):
            if at is not None and (earliest is None or at < earliest):
                earliest = at
        return earliest

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance by one event and say what is to be done."""
        if self.is_over:
            return self._after(event)
        effects: list[Effect] = []
        self._do(self._decide(event, now), effects, now)
        if not self.is_over:
            expecting = self._incoming.is_expecting or self._outgoing.is_expecting
            if expecting != self._expecting:
                self._expecting = expecting
                self._do(self._conversation.feed(Expect(expecting), now=now), effects, now)
            ack_at = self._conversation.ack_at
            if ack_at is not None and ack_at <= now:
                self._do(self._conversation.feed(Tick(), now=now), effects, now)
        return effects

    # -- what happened, by kind -----------------------------------------------------------

    def _decide(self, event: Event, now: float) -> Iterable[_Inner]:
        match event:
            case Arrived():
                return self._arrived(event, now)
            case Writable() | BlockRead() | ReadFailed():
                return self._outgoing.feed(event, now=now)
            case BlockWritten() | FileCreated() | FileStored() | WriteFailed():
                return self._incoming.feed(event, now=now)
            case Tick():
                return self._tick(now)
            case LinkUp() | LinkDown():
                return self._link(event, now)
            case Check():
                return self._conversation.feed(event, now=now)
            case End(reason):
                return self._end(reason, now)
            case api.HangUp():
                return self._hang_up(now)
            case _:
                return self._wish(event, now)

    def _do(self, orders: Iterable[_Inner], effects: list[Effect], now: float) -> None:
        """Carry out what the machines within want of each other, and pass the rest on."""
        for order in orders:
            match order:
                case Say():
                    if self.state is State.HANGING_UP and not isinstance(order.message, wire.HangUp):
                        continue  # nothing is said after it
                    self._do(self._conversation.feed(order, now=now), effects, now)
                case Send(message, body, bulk):
                    if bulk:
                        self._do(self._conversation.feed(Yield(), now=now), effects, now)
                    if self._conversation.link is not None:
                        effects.append(Transmit(self._conversation.link, message, body, bulk))
                case Heard(message, body):
                    if not self.is_over:
                        self._do(self._heard(message, body, now), effects, now)
                case Acknowledged(seq):
                    self._do(self._acknowledged(seq, now), effects, now)
                case Greeted():
                    if self.state is State.QUIET:
                        self.state = State.OPEN
                    effects.append(order)
                case _:
                    effects.append(order)

    def _link(self, event: LinkUp | LinkDown, now: float) -> list[_Inner]:
        if isinstance(event, LinkDown) and event.link != self._conversation.link:
            return []
        if self._began is None:
            self._began = now
        inner: list[_Inner] = [*self._conversation.feed(event, now=now)]
        inner += self._outgoing.feed(event, now=now)
        inner += self._incoming.feed(event, now=now)
        if self.state is State.HANGING_UP and isinstance(event, LinkDown):
            return self._over(api.Ended.YOU_HUNG_UP, now)
        return inner

    def _tick(self, now: float) -> list[_Inner]:
        if self._give_up_at is not None and now >= self._give_up_at:
            return self._over(api.Ended.YOU_HUNG_UP, now)
        inner: list[_Inner] = [*self._conversation.feed(Tick(), now=now)]
        inner += self._typing.feed(Tick(), now=now)
        deadline = self._incoming.deadline
        if deadline is not None and now >= deadline:
            inner += self._incoming.feed(Tick(), now=now)
        inner += self._texts.feed(Tick(), now=now)
        return inner

    # -- from the peer --------------------------------------------------------------------

    def _arrived(self, event: Arrived, now: float) -> Iterable[_Inner]:
        inner: list[_Inner] = [*self._conversation.feed(event, now=now)]
        self._incoming.rtt = self._conversation.rtt or 0.0
        message = event.message
        # What is not numbered belongs to its link: from any other it is out of date.
        if not isinstance(message, wire.Get | wire.Part | wire.Typing) or (
            event.link != self._conversation.link or not self._greeting.is_open
        ):
            return inner
        match message:
            case wire.Typing(typing):
                inner += self._typing.peer(typing, now=now)
            case wire.Part(transfer):
                if self._incoming.has(transfer):
                    inner += self._incoming.feed(message, body=event.body, now=now)
                elif transfer[0] != self._theirs:
                    raise RemoteProtocolError(Code.UNEXPECTED, "a part of our own file")
            case wire.Get(transfer):
                if self._outgoing.has(transfer):
                    inner += self._outgoing.feed(message, now=now)
                elif transfer[0] != self._ours:
                    raise RemoteProtocolError(Code.UNEXPECTED, "a get for the peer's own file")
        return inner

    def _heard(self, message: wire.NumberedMessage, body: bytes, now: float) -> Iterable[_Inner]:
        if self.state is State.HANGING_UP and not isinstance(message, wire.HangUp | wire.Text):
            return []  # it crossed our hang-up, after which nothing is said
        if not self._greeting.admits(message):
            return [_refuse(message, Code.NOT_GREETED)]
        match message:
            case wire.Text():
                return self._text(message, body, now)
            case wire.Greet():
                return self._greeting.feed(message, now=now)
            case wire.HangUp():
                return self._peer_hung_up(now)
            case wire.Offer():
                return self._incoming.offered(f"{self._theirs}{message.seq}", message, body)
            case wire.Refuse(of=of, code=code):
                return self._refused(of, code, now)
            case wire.Unknown():
                return [_refuse(message, Code.UNKNOWN_TYPE)]
            case wire.Accept(transfer=id_) | wire.Decline(transfer=id_) | wire.Stored(transfer=id_):
                return (
                    self._outgoing.feed(message, now=now) if self._outgoing.has(id_) else [_unknown(message)]
                )
            case wire.Complete(transfer=id_):
                return (
                    self._incoming.feed(message, now=now) if self._incoming.has(id_) else [_unknown(message)]
                )
            case wire.Pause(transfer=id_) | wire.Resume(transfer=id_) | wire.Cancel(transfer=id_):
                if self._outgoing.has(id_):
                    return self._outgoing.feed(message, now=now)
                return (
                    self._incoming.feed(message, now=now) if self._incoming.has(id_) else [_unknown(message)]
                )

    def _text(self, message: wire.Text, body: bytes, now: float) -> list[_Inner]:
        if not 1 <= len(body) <= MAX_TEXT:
            raise RemoteProtocolError(Code.BAD_FIELD, f"text of {len(body)} bytes")
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise RemoteProtocolError(Code.BAD_FIELD, "text is no UTF-8") from error
        stopped = self._typing.peer(False, now=now)
        return [*stopped, Emit(api.TextReceived(f"{self._theirs}{message.seq}", text))]

    def _refused(self, of: int, word: str, now: float) -> Iterable[_Inner]:
        """Take the peer's refusal of something we said."""
        if of >= self._conversation.next_seq:
            raise RemoteProtocolError(Code.BAD_FIELD, "refuses what was never said")
        if of in self._texts:
            return self._texts.refused(of, reason_of(word, Code.NOT_DELIVERED))
        transfer = f"{self._ours}{of}"
        if self._outgoing.has(transfer):
            decline = wire.Decline(seq=0, received=0, transfer=transfer, code=word)
            return self._outgoing.feed(decline, now=now)
        return []

    def _acknowledged(self, seq: int, now: float) -> list[_Inner]:
        inner: list[_Inner] = [*self._texts.acknowledged(seq)]
        if self._hung_up is not None and seq >= self._hung_up:
            inner += self._over(api.Ended.YOU_HUNG_UP, now)
        return inner

    # -- wishes ---------------------------------------------------------------------------

    def _wish(self, wish: _Said, now: float) -> Iterable[_Inner]:
        if self.state is State.HANGING_UP:
            raise Refused(Code.NO_TALK)
        if isinstance(wish, api.Greet):
            return self._greeting.feed(wish, now=now)
        if not self._greeting.is_open:
            raise Refused(Code.NOT_GREETED)
        match wish:
            case api.SendText(text):
                return self._send_text(text, now)
            case api.Typing(typing):
                return self._typing.ours(typing, now=now)
            case OfferFile():
                return self._offer(wish, now)
            case api.Retry(message_id):
                return self._retry(message_id, now)
            case _:
                return self._about_transfer(wish, now)

    def _send_text(self, text: str, now: float) -> list[_Inner]:
        body = text.encode("utf-8", "replace")
        if not text.strip():
            raise Refused(Code.TEXT_EMPTY)
        if len(body) > MAX_TEXT:
            raise Refused(Code.TEXT_TOO_LONG)
        self._make_sure_of_room(len(body))
        self.last_id = self._texts.said(self._conversation.next_seq, now=now)
        self._typing.said()
        return [Say(wire.Text(seq=0, received=0), body)]

    def _offer(self, wish: OfferFile, now: float) -> list[_Inner]:
        if wish.size > MAX_FILE:
            raise Refused(Code.FILE_TOO_LARGE)
        if self._outgoing.is_full:
            raise Refused(Code.OUTBOX_FULL)
        pixels, edges = (
            (wish.preview.pixels, (wish.preview.width, wish.preview.height)) if wish.preview else (b"", None)
        )
        self._make_sure_of_room(len(pixels))
        self.last_id = f"{self._ours}{self._conversation.next_seq}"
        self._outgoing.feed(Offered(self.last_id, wish), now=now)
        offer = wire.Offer(
            seq=0,
            received=0,
            name=wish.name,
            content_type=wish.content_type,
            content_length=wish.size,
            preview=edges,
        )
        return [Say(offer, pixels)]

    def _retry(self, message_id: str, now: float) -> Iterable[_Inner]:
        found = _MESSAGE_ID.fullmatch(message_id)
        if found is None or found[1] != self._ours:
            raise Refused(Code.NO_SUCH_MESSAGE)
        seq = int(found[2])
        if seq >= self._conversation.next_seq:
            raise Refused(Code.NO_SUCH_MESSAGE)
        if seq in self._texts:
            self._texts.said(seq, now=now)
        return self._conversation.feed(Check(), now=now)

    def _about_transfer(
        self, wish: api.Accept | api.Decline | api.Pause | api.Resume | api.Cancel, now: float
    ) -> Iterable[_Inner]:
        id_ = wish.transfer_id
        if self._incoming.has(id_):
            self._make_sure_of_room()
            return self._incoming.feed(wish, now=now)
        if not self._outgoing.has(id_):
            raise Refused(Code.NO_SUCH_TRANSFER)
        if isinstance(wish, api.Accept | api.Decline):
            raise Refused(Code.TRANSFER_STATE)
        self._make_sure_of_room()
        return self._outgoing.feed(wish, now=now)

    def _make_sure_of_room(self, size: int = 0) -> None:
        if not self._conversation.has_room(size):
            raise Refused(Code.OUTBOX_FULL)

    # -- the end --------------------------------------------------------------------------

    def _hang_up(self, now: float) -> list[_Inner]:
        if self.state is State.HANGING_UP:
            return []
        if self._conversation.link is None:
            return self._over(api.Ended.YOU_HUNG_UP, now)
        self.state = State.HANGING_UP
        self._give_up_at = now + HANG_UP_TIME
        self._hung_up = self._conversation.next_seq
        return [*self._settle(), Say(wire.HangUp(seq=0, received=0))]

    def _peer_hung_up(self, now: float) -> list[_Inner]:
        inner: list[_Inner] = []
        if self._conversation.link is not None:
            inner.append(Transmit(self._conversation.link, wire.Ack(self._conversation.received)))
        ours = self.state is State.HANGING_UP
        return inner + self._over(api.Ended.YOU_HUNG_UP if ours else api.Ended.PEER_HUNG_UP, now)

    def _end(self, reason: api.Ended, now: float) -> list[_Inner]:
        inner: list[_Inner] = []
        if self.state is not State.HANGING_UP and self._conversation.link is not None:
            inner += self._conversation.feed(Say(wire.HangUp(seq=0, received=0)), now=now)
        return inner + self._over(reason, now)

    def _over(self, reason: api.Ended, now: float) -> list[_Inner]:
        if self.is_over:
            return []
        self.state = State.OVER
        return [*self._settle(), Over(reason, 0.0 if self._began is None else now - self._began)]

    def _settle(self) -> list[_Inner]:
        """Say now what becomes of everything that is open; nothing more is told of it."""
        return [*self._outgoing.end(), *self._incoming.end(), *self._texts.end()]

    def _after(self, event: Event) -> list[Effect]:
        """Nothing is done any more, and a wish is refused."""
        if isinstance(event, LinkUp | LinkDown | Check | Arrived | Writable | FileReport | End | Tick):
            return []
        raise Refused(Code.NO_TALK)


def _refuse(message: wire.NumberedMessage, code: Code) -> Say:
    return Say(wire.Refuse(seq=0, received=0, of=message.seq, code=code.value))


def _unknown(message: wire.NumberedMessage) -> Say:
    """The transfer is over, or never was: a cancel and a pause may have crossed, so this is no fault."""
    return _refuse(message, Code.NO_SUCH_TRANSFER)
