"""The files of one talk: what is said of one goes to its direction (spec §7.2.1, §7.5, §7.6)."""

from typing import TypeAlias

from floater import api
from floater.codes import Code
from floater.core.link import LinkDown, LinkUp, Writable
from floater.core.talk.incoming import Incoming
from floater.core.talk.open_transfer import Effect
from floater.core.talk.orders import refuse
from floater.core.talk.outgoing import Outgoing
from floater.core.talk.transfer import AcceptTo, BlockRead, FileReport, OfferFile, ReadFailed
from floater.errors import Refused, RemoteProtocolError
from floater.machine import Tick
from floater.wire import talk as wire
from floater.wire.frame import Body
from floater.wire.limits import MAX_FILE
from floater.wire.message_id import make_message_id

Wish: TypeAlias = AcceptTo | api.Decline | api.Pause | api.Resume | api.Cancel
Word: TypeAlias = (
    wire.Offer
    | wire.Accept
    | wire.Decline
    | wire.Pause
    | wire.Resume
    | wire.Cancel
    | wire.Complete
    | wire.Stored
)
Event: TypeAlias = LinkUp | LinkDown | Writable | FileReport | Tick


class Transfers:
    """All transfers of one talk.

    Args:
        me: our author name.
        peer: the peer's.
        max_file: bytes of the largest file that may be offered to us.
    """

    def __init__(self, me: str, peer: str, max_file: int) -> None:
        self._me = me
        self._peer = peer
        self._incoming = Incoming(max_file)
        self._outgoing = Outgoing()

    @property
    def is_expecting(self) -> bool:
        """Whether anything unnumbered is due from the peer: bytes of a file, or a `get` for ours."""
        return self._incoming.is_expecting or self._outgoing.is_expecting

    @property
    def deadline(self) -> float | None:
        """When to feed `Tick`."""
        return self._incoming.deadline

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance by one event that is not about a transfer alone."""
        match event:
            case LinkUp() | LinkDown():
                self._outgoing.link(event)
                return self._incoming.link(event, now=now)
            case Writable():
                return self._outgoing.feed(event, now=now)
            case BlockRead() | ReadFailed():
                return self._outgoing.reported(event, now=now)
            case Tick():
                return self._incoming.feed(event, now=now)
            case _:
                return self._incoming.reported(event, now=now)

    def offer(self, seq: int, offer: OfferFile) -> tuple[str, list[Effect]]:
        """Offer a file in our message `seq`; returns the transfer's id and what follows.

        Raises:
            Refused: FILE_TOO_LARGE, OUTBOX_FULL.
        """
        if offer.size > MAX_FILE:
            raise Refused(Code.FILE_TOO_LARGE)
        id_ = make_message_id(self._me, seq)
        return id_, self._outgoing.offer(id_, offer)

    def wished(self, wish: Wish, *, now: float) -> list[Effect]:
        """Do what our person wishes.

        Raises:
            Refused: NO_SUCH_TRANSFER, TRANSFER_STATE.
        """
        id_ = wish.transfer_id
        if self._incoming.has(id_):
            return self._incoming.wished(id_, wish, now=now)
        if not self._outgoing.has(id_):
            raise Refused(Code.NO_SUCH_TRANSFER)
        if isinstance(wish, AcceptTo | api.Decline):
            raise Refused(Code.TRANSFER_STATE)
        return self._outgoing.wished(id_, wish, now=now)

    def told(self, message: Word, body: bytes, *, now: float) -> list[Effect]:
        """Take a numbered message of the peer.

        One about a transfer that is not open is refused, not a fault: it may have crossed the end.

        Raises:
            RemoteProtocolError: as `Incoming` and `Outgoing`.
        """
        match message:
            case wire.Offer(seq=seq):
                return self._incoming.offered(make_message_id(self._peer, seq), message, body)
            case (
                wire.Accept(transfer=id_)
                | wire.Decline(transfer=id_)
                | wire.Stored(transfer=id_)
                | wire.Pause(transfer=id_)
                | wire.Resume(transfer=id_)
                | wire.Cancel(transfer=id_)
            ) if self._outgoing.has(id_):
                return self._outgoing.told(id_, message, now=now)
            case (
                wire.Complete(transfer=id_)
                | wire.Pause(transfer=id_)
                | wire.Resume(transfer=id_)
                | wire.Cancel(transfer=id_)
            ) if self._incoming.has(id_):
                return self._incoming.told(id_, message, now=now)
        return [refuse(message, Code.NO_SUCH_TRANSFER)]

    def refused(self, message: wire.Refuse, *, now: float) -> list[Effect]:
        """Take the peer's refusal of a message of ours, which may be an offer.

        Raises:
            RemoteProtocolError: UNEXPECTED; the peer has accepted it.
        """
        id_ = make_message_id(self._me, message.of)
        return self._outgoing.told(id_, message, now=now) if self._outgoing.has(id_) else []

    def bulk(self, message: wire.Get | wire.Part, body: Body, *, rtt: float, now: float) -> list[Effect]:
        """Take a `get` for a file of ours or a part of one of the peer's. After its end it is ignored.

        Raises:
            RemoteProtocolError: UNEXPECTED; the file is not one that its author offered, or as
                `Incoming.part` and `Outgoing.get`.
        """
        match message:
            case wire.Part(id_, first) if self._incoming.has(id_):
                return self._incoming.part(id_, first, body, rtt=rtt, now=now)
            case wire.Get(id_, first, last) if self._outgoing.has(id_):
                return self._outgoing.get(id_, first, last, now=now)
        author = self._peer if isinstance(message, wire.Part) else self._me
        if not message.transfer.startswith(f"{author}."):
            raise RemoteProtocolError(Code.UNEXPECTED, f"{type(message).__name__} of another author's file")
        return []

    def end(self) -> list[Effect]:
        """Give everything up: the talk is over."""
        return [*self._outgoing.end(), *self._incoming.end()]
