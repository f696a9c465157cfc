"""The files that we offer (spec §7.5, §7.6).

One transfer::

    OFFERED ──accept──▶ SENDING ──last byte──▶ CHECKING ──stored──▶ gone
       └─decline, cancel──┴─cancel, read fault────┴─cancel──▶ gone

The receiver leads: a `get` says which bytes it wants next, and nothing else
is sent (`outflow`). So the receiver decides how much is on the way, and after
a change of links it just asks again from where it stands.

One part at a time lies in the link's send buffer beyond its low water, and a
part takes about 10 ms at the pace of the receiver, so that a text never waits
long behind a file. Several transfers take turns.
"""

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from floater import api
from floater.codes import Code
from floater.core.emit import Emit
from floater.core.link import LinkDown, LinkUp, Writable
from floater.core.talk.open_transfer import Effect, OpenTransfer, OpenTransfers
from floater.core.talk.orders import Say, Send
from floater.core.talk.outflow import Outflow
from floater.core.talk.transfer import BlockRead, CloseFile, OfferFile, ReadBlock, ReadFailed, reason_of
from floater.errors import Refused, RemoteProtocolError
from floater.wire import talk as wire
from floater.wire.digest import OFFERED, Digest

Wish: TypeAlias = api.Pause | api.Resume | api.Cancel
Word: TypeAlias = (
    wire.Accept | wire.Decline | wire.Refuse | wire.Pause | wire.Resume | wire.Cancel | wire.Stored
)
Report: TypeAlias = BlockRead | ReadFailed

_WORDS: Final = tuple(digest.value for digest in OFFERED)


class State(Enum):
    """Where a transfer of ours stands."""

    OFFERED = "offered"
    SENDING = "sending"
    CHECKING = "checking"


@dataclass(slots=True)
class _Transfer(OpenTransfer):
    """One file of ours."""

    flow: Outflow
    state: State = State.OFFERED

    @property
    def is_ready(self) -> bool:
        """Whether a part may go out."""
        return self.flow.is_ready and not self.rests

    def complete(self) -> Say:
        """Say that the last byte is on its way."""
        self.state = State.CHECKING
        if self.flow.algorithm is Digest.BLAKE3:
            return Say(wire.Complete, self.id, None, self.flow.digest)
        return Say(wire.Complete, self.id, self.flow.digest)


class Outgoing(OpenTransfers[_Transfer]):
    """All files that we offer in one talk."""

    def __init__(self) -> None:
        super().__init__()
        self._by_file: dict[int, _Transfer] = {}
        self._line: deque[str] = deque()
        "Those that are sent, the next one first."
        self._link: int | None = None
        self._room = False
        "Whether the link takes another part now."

    @property
    def is_expecting(self) -> bool:
        """Whether the peer owes us a word: a wish for more, or that it has stored the file."""
        return any(t.state is not State.OFFERED and not t.rests for t in self._transfers.values())

    def offer(self, id_: str, offer: OfferFile) -> list[Effect]:
        """Offer a file under this id, that of the message that offers it.

        Raises:
            Refused: OUTBOX_FULL.
        """
        if self.is_full:
            raise Refused(Code.OUTBOX_FULL)
        transfer = _Transfer(id_, offer.size, Outflow(offer.file, offer.size))
        self._transfers[id_] = self._by_file[offer.file] = transfer
        picture = offer.preview
        edges, pixels = (None, b"") if picture is None else ((picture.width, picture.height), picture.pixels)
        return [
            Emit(api.Offered(id_, offer.name, offer.content_type, offer.size, picture)),
            Say(wire.Offer, offer.name, offer.content_type, offer.size, edges, _WORDS, body=pixels),
        ]

    def wished(self, id_: str, wish: Wish, *, now: float) -> list[Effect]:
        """Do what our person wishes for an open transfer.

        Raises:
            Refused: TRANSFER_STATE.
        """
        transfer = self._transfers[id_]
        match transfer.state, wish:
            case _, api.Cancel():
                return self._give_up(transfer, Code.CANCELLED, Code.YOU_CANCELLED)
            case State.SENDING, (api.Pause() | api.Resume()):
                return [transfer.pause(wish), transfer.shown, *self._send(now)]
        raise Refused(Code.TRANSFER_STATE)

    def told(self, id_: str, message: Word, *, now: float) -> list[Effect]:
        """Take what the peer says about an open transfer.

        Raises:
            RemoteProtocolError: UNEXPECTED; its state does not allow it. BAD_FIELD; it accepts with a
                digest that we did not offer.
        """
        transfer = self._transfers[id_]
        match transfer.state, message:
            case State.OFFERED, wire.Accept(content_digest=digest):
                return self._accepted(transfer, digest)
            case State.OFFERED, (wire.Decline(code=code) | wire.Refuse(code=code)):
                return self._gone(transfer, reason_of(code, Code.DECLINED))
            case _, wire.Cancel(code=code):
                return self._gone(transfer, reason_of(code, Code.CANCELLED))
            case State.CHECKING, wire.Stored():
                progress = transfer.progress(transfer.size, last=True, now=now)
                return [*progress, *self._close(transfer), Emit(api.Sent(transfer.id))]
            case State.SENDING, (wire.Pause() | wire.Resume()):
                transfer.paused_by_peer = isinstance(message, wire.Pause)
                return [transfer.shown, *self._send(now)]
            case State.CHECKING, (wire.Pause() | wire.Resume()):
                return []  # it crossed our last bytes
        raise RemoteProtocolError(Code.UNEXPECTED, f"{type(message).__name__} while {transfer.state.value}")

    def get(self, id_: str, first: int, last: int, *, now: float) -> list[Effect]:
        """Take the peer's wish for bytes of an open transfer, the first and the last included.

        Raises:
            RemoteProtocolError: UNEXPECTED; it has not accepted, or as `Outflow.wish`.
        """
        transfer = self._transfers[id_]
        if transfer.state is State.OFFERED:
            raise RemoteProtocolError(Code.UNEXPECTED, "asks for what it did not accept")
        return [*transfer.flow.wish(first, last, now=now), *self._send(now)]

    def reported(self, report: Report, *, now: float) -> list[Effect]:
        """Take what the store reports; nothing follows if the transfer is over."""
        transfer = self._by_file.get(report.file)
        if transfer is None:
            return []
        if isinstance(report, ReadFailed):
            return self._give_up(transfer, report.code)
        if not transfer.flow.take(report):
            return [*transfer.flow.order()]
        return self._send(now) if transfer.size else [transfer.complete()]

    def link(self, event: LinkUp | LinkDown) -> None:
        """Forget what the peer wished on another link."""
        self._link = event.link if isinstance(event, LinkUp) else None
        self._room = self._link is not None
        for transfer in self._transfers.values():
            transfer.flow.start_anew()

    def feed(self, event: Writable, *, now: float) -> list[Effect]:
        """Go on sending: the link may take another part."""
        self._room = self._room or event.link == self._link
        return self._send(now)

    # -- bytes ----------------------------------------------------------------------------

    def _accepted(self, transfer: _Transfer, digest: str) -> list[Effect]:
        if digest not in _WORDS:
            raise RemoteProtocolError(Code.BAD_FIELD, "content_digest")
        transfer.state, transfer.flow.algorithm = State.SENDING, Digest(digest)
        accepted = Emit(api.Accepted(transfer.id))
        if not transfer.size:
            return [accepted, ReadBlock(transfer.flow.file, 0, 0, transfer.flow.algorithm)]
        self._line.append(transfer.id)
        return [accepted]

    def _send(self, now: float) -> list[Effect]:
        """Send one part, if the link takes one and there is one."""
        if not self._room:
            return []
        for _ in range(len(self._line)):
            transfer = self._transfers[self._line[0]]
            self._line.rotate(-1)
            if transfer.is_ready:
                self._room = False
                return self._part(transfer, now)
        return []

    def _part(self, transfer: _Transfer, now: float) -> list[Effect]:
        flow = transfer.flow
        first, body = flow.cut()
        effects: list[Effect] = [Send(wire.Part(transfer.id, first), body, bulk=True), *flow.order()]
        if flow.is_whole and transfer.state is State.SENDING:
            effects.append(transfer.complete())
        return [*effects, *transfer.progress(flow.place, last=False, now=now)]

    def _close(self, transfer: _Transfer) -> list[Effect]:
        del self._transfers[transfer.id]
        del self._by_file[transfer.flow.file]
        if transfer.id in self._line:
            self._line.remove(transfer.id)
        return [CloseFile(transfer.flow.file)]
