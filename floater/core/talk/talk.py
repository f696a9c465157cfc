"""One talk with one peer, from the first link to the last word (spec §7).

    QUIET ──both have greeted──▶ OPEN
      │                            │
      └───────────HangUp───────────┴──▶ HANGING_UP ──acknowledged, or 2 s──▶ OVER

`Talk` puts the machines of a talk together: the conversation (nothing lost),
the greeting (nothing early), the texts, the transfers, the farewell, and the
intake (the link of a peer that talks too much is not read). A hang-up without
a link, a hang-up of the peer, `End` and `Misbehaved` lead to OVER at once.

What our person does is told as an event before any other event that follows from it.

Our own hang-up settles everything: what is not acknowledged then counts as
undelivered, transfers fail. While it is HANGING_UP, a talk tells nothing more
but a text of the peer that crossed our hang-up.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from floater import api
from floater.codes import Code
from floater.core.emit import Emit
from floater.core.link import (
    Alive,
    Arrived,
    Check,
    LinkDown,
    LinkUp,
    PauseReading,
    ResumeReading,
    Suspect,
    Transmit,
    Writable,
)
from floater.core.talk import farewell, transfers
from floater.core.talk.conversation import Acknowledged, Conversation, Expect, Heard, Yield
from floater.core.talk.farewell import End, Farewell, Misbehaved
from floater.core.talk.greeting import Greeting
from floater.core.talk.intake import Intake
from floater.core.talk.orders import Greeted, Over, Say, Send, refuse
from floater.core.talk.texts import Texts, body_of
from floater.core.talk.transfer import (
    AcceptTo,
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
from floater.core.talk.transfers import Transfers
from floater.core.talk.typing import TypingState
from floater.errors import LocalProtocolError, Refused, RemoteProtocolError
from floater.machine import Tick, earliest
from floater.wire import talk as wire

__all__ = [
    "AcceptTo",
    "Effect",
    "Emit",
    "End",
    "Event",
    "Greeted",
    "Misbehaved",
    "OfferFile",
    "Over",
    "State",
    "Talk",
    "TalkConfig",
    "Wish",
]


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


_Said: TypeAlias = api.Greet | api.SendText | api.Retry | api.Typing | OfferFile | transfers.Wish
Wish: TypeAlias = _Said | api.HangUp
"""The person's wishes are the commands of the API themselves, but for two: `SendFile` becomes the `OfferFile`
that the store made of its path, and `Accept` becomes `AcceptTo`. The client fills in `Greet.language`."""

Event: TypeAlias = (
    LinkUp | LinkDown | Check | Arrived | Writable | Wish | FileReport | End | Misbehaved | Tick
)
Effect: TypeAlias = (
    Transmit | PauseReading | ResumeReading | Suspect | Alive | Emit | Greeted | Over | FileOrder
)
_Inner: TypeAlias = Effect | Say | Send | Heard | Acknowledged


class Talk:
    """One side of one talk.

    Args:
        me: our author name (`author_of` the certificate we show in this talk).
        peer: the peer's.
        config: what we choose for ourselves.

    Raises:
        LocalProtocolError: both have one name.

    `feed` raises:
        Refused: a wish cannot be fulfilled; nothing was changed. NO_TALK (over,
            or hanging up), NOT_GREETED, ALREADY_GREETED, TEXT_EMPTY,
            TEXT_TOO_LONG, OUTBOX_FULL, FILE_TOO_LARGE, NO_SUCH_TRANSFER,
            TRANSFER_STATE, NO_SUCH_MESSAGE.
        RemoteProtocolError: the peer broke the protocol. Feed `Misbehaved`
            with its code next.
    """

    def __init__(self, me: str, peer: str, config: TalkConfig | None = None) -> None:
        if me == peer:
            raise LocalProtocolError("both sides have one name")
        self.last_id = ""
        "The `message_id` or `transfer_id` that the last wish created."
        self._conversation = Conversation()
        self._greeting = Greeting()
        self._texts = Texts(me, peer)
        self._transfers = Transfers(me, peer, (config or TalkConfig()).max_file)
        self._typing = TypingState()
        self._farewell = Farewell(self._conversation)
        self._intake = Intake()
        self._overflows = False
        "Whether the peer acknowledges so little that something could not be said."

    @property
    def state(self) -> State:
        """Where the talk stands."""
        if self._farewell.state is not farewell.State.ON:
            return State.OVER if self.is_over else State.HANGING_UP
        return State.OPEN if self._greeting.is_open else State.QUIET

    @property
    def refusal(self) -> Code | None:
        """Why nothing but a greeting or a hang-up may be said now: NO_TALK, NOT_GREETED; None if it may."""
        if self._farewell.state is not farewell.State.ON:
            return Code.NO_TALK
        return None if self._greeting.is_open else Code.NOT_GREETED

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
        return self._farewell.state is farewell.State.OVER

    @property
    def deadline(self) -> float | None:
        """Monotonic seconds at which to feed `Tick`; None for never."""
        if self.is_over:
            return None
        return earliest(
            self._conversation.deadline,
            self._transfers.deadline,
            self._typing.deadline,
            self._farewell.deadline,
            self._texts.deadline,
            self._intake.deadline,
        )

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance by one event and say what is to be done. After the end nothing is done."""
        if self.is_over:
            if isinstance(event, Wish):
                raise Refused(Code.NO_TALK)
            return []
        effects: list[Effect] = []
        self._do(self._decide(event, now), effects, now)
        if self._overflows and not self.is_over:
            self._do(self._farewell.feed(Misbehaved(Code.OUTBOX_FULL), now=now), effects, now)
        if not self.is_over:
            if self._conversation.is_expecting is not self._transfers.is_expecting:
                self._conversation.feed(Expect(self._transfers.is_expecting), now=now)
            ack_at = self._conversation.ack_at
            if ack_at is not None and ack_at <= now:
                self._do(self._conversation.feed(Tick(), now=now), effects, now)
        return effects

    # -- what happened, by kind -----------------------------------------------------------

    def _decide(self, event: Event, now: float) -> Iterable[_Inner]:
        match event:
            case Arrived():
                return self._arrived(event, now)
            case api.SendText() | api.Typing():
                return self._wish(event, now)
            case Writable() | BlockRead() | ReadFailed():
                return self._transfers.feed(event, now=now)
            case FileCreated() | BlockWritten() | FileStored() | WriteFailed():
                return self._transfers.feed(event, now=now)
            case Tick():
                return self._tick(now)
            case LinkUp() | LinkDown():
                return self._link(event, now)
            case Check():
                return self._conversation.feed(event, now=now)
            case api.HangUp():
                return [*self._settle(), *self._farewell.feed(event, now=now)]
            case End() | Misbehaved():
                return self._farewell.feed(event, now=now)
            case _:
                return self._wish(event, now)

    def _do(self, orders: Iterable[_Inner], effects: list[Effect], now: float) -> None:
        """Carry out what the machines within want of each other, and pass the rest on."""
        for order in orders:
            match order:
                case Say():
                    if self.state is State.HANGING_UP and order.kind is not wire.HangUp:
                        continue  # nothing is said after it
                    self._say(order, effects, now)
                case Send(message, body, bulk):
                    if bulk:
                        self._do(self._conversation.feed(Yield(), now=now), effects, now)
                    if self._conversation.link is not None:
                        effects.append(Transmit(self._conversation.link, message, body, bulk))
                case Heard(message, body):
                    self._do(self._heard(message, body, now), effects, now)
                case Acknowledged(seq):
                    self._do(self._texts.acknowledged(seq), effects, now)
                    self._do(self._farewell.feed(order, now=now), effects, now)
                case Over():
                    self._do(self._settle(), effects, now)
                    effects.append(order)
                case _:
                    effects.append(order)

    def _say(self, order: Say, effects: list[Effect], now: float) -> None:
        """Say something. If the peer leaves no room for it, the rest of the event counts, and then we end."""
        try:
            said = self._conversation.feed(order, now=now)
        except RemoteProtocolError:
            self._overflows = True
        else:
            self._do(said, effects, now)

    def _link(self, event: LinkUp | LinkDown, now: float) -> Iterable[_Inner]:
        if isinstance(event, LinkDown) and event.link != self._conversation.link:
            return []
        inner: list[_Inner] = [*self._conversation.feed(event, now=now)]
        inner += self._transfers.feed(event, now=now)
        inner += self._farewell.feed(event, now=now)
        return inner

    def _tick(self, now: float) -> Iterable[_Inner]:
        over = self._farewell.feed(Tick(), now=now)
        if over:
            return over
        inner: list[_Inner] = [*self._intake.feed(Tick(), now=now)]
        inner += self._conversation.feed(Tick(), now=now)
        inner += self._typing.feed(Tick(), now=now)
        due = self._transfers.deadline
        if due is not None and now >= due:
            inner += self._transfers.feed(Tick(), now=now)
        inner += self._texts.feed(Tick(), now=now)
        return inner

    # -- from the peer --------------------------------------------------------------------

    def _arrived(self, event: Arrived, now: float) -> Iterable[_Inner]:
        inner: list[_Inner] = [*self._intake.feed(event, now=now)]
        inner += self._conversation.feed(event, now=now)
        # What is not numbered belongs to its link: from any other it is out of date.
        if event.link != self._conversation.link or not self._greeting.is_open:
            return inner
        match event.message:
            case wire.Typing(typing):
                inner += self._typing.peer(typing, now=now)
            case wire.Part() | wire.Get() as message:
                rtt = self._conversation.rtt or 0.0
                inner += self._transfers.bulk(message, event.body, rtt=rtt, now=now)
        return inner

    def _heard(self, message: wire.NumberedMessage, body: bytes, now: float) -> Iterable[_Inner]:
        if self.state is State.HANGING_UP and not isinstance(message, wire.HangUp | wire.Text):
            return []  # it crossed our hang-up, after which nothing is said
        if isinstance(message, wire.Unknown):  # before the greeting, too: it will not be known after it
            return [refuse(message, Code.UNKNOWN_TYPE)]
        if not self._greeting.admits(message):
            return [refuse(message, Code.NOT_GREETED)]
        match message:
            case wire.Text(seq):
                said = self._texts.heard(seq, body)
                return [*self._typing.peer(False, now=now), said]
            case wire.Greet():
                return self._greeting.feed(message, now=now)
            case wire.HangUp():
                return self._farewell.feed(message, now=now)
            case wire.Refuse():
                return self._refused(message, now)
            case _:
                return self._transfers.told(message, body, now=now)

    def _refused(self, message: wire.Refuse, now: float) -> Iterable[_Inner]:
        """Take the peer's refusal of something we said."""
        if message.of >= self._conversation.next_seq:
            raise RemoteProtocolError(Code.BAD_FIELD, "refuses what was never said")
        if message.of in self._texts:
            return self._texts.refused(message.of, reason_of(message.code, Code.NOT_DELIVERED))
        return self._transfers.refused(message, now=now)

    # -- wishes ---------------------------------------------------------------------------

    def _wish(self, wish: _Said, now: float) -> Iterable[_Inner]:
        refusal = self.refusal
        if refusal is not None and not (isinstance(wish, api.Greet) and refusal is Code.NOT_GREETED):
            raise Refused(refusal)
        match wish:
            case api.Greet():
                return self._greeting.feed(wish, now=now)
            case api.SendText(text):
                return self._send_text(text, now)
            case api.Typing(typing):
                return self._typing.ours(typing, now=now)
            case OfferFile():
                return self._offer(wish)
            case api.Retry(message_id):
                self._texts.retry(message_id, next_seq=self._conversation.next_seq, now=now)
                return self._conversation.feed(Check(), now=now)
            case _:
                self._make_sure_of_room()
                return self._transfers.wished(wish, now=now)

    def _send_text(self, text: str, now: float) -> Iterable[_Inner]:
        body = body_of(text)
        self._make_sure_of_room(len(body))
        self.last_id = self._texts.said(self._conversation.next_seq, now=now)
        self._typing.said()
        # The peer gets it first: for our person, nothing follows from it that could be told before.
        return [Say(wire.Text, body=body), Emit(api.Said(self.last_id, text))]

    def _offer(self, offer: OfferFile) -> Iterable[_Inner]:
        self._make_sure_of_room(len(offer.preview.pixels) if offer.preview else 0)
        self.last_id, offered = self._transfers.offer(self._conversation.next_seq, offer)
        return offered

    def _make_sure_of_room(self, size: int = 0) -> None:
        if not self._conversation.has_room(size):
            raise Refused(Code.OUTBOX_FULL)

    # -- the end --------------------------------------------------------------------------

    def _settle(self) -> Iterable[_Inner]:
        """Say now what becomes of everything that is open; nothing more is told of it."""
        return [*self._transfers.end(), *self._texts.end()]
