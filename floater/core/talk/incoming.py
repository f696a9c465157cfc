"""The files that we are offered (spec §7.5, §7.6).

One transfer::

    OFFERED ──accept──▶ MAKING_ROOM ──there is room──▶ GETTING ──whole──▶ STORING ──▶ gone
       └─decline          └─there is none: declined      └─cancel, damage, full disk──▶ gone

Nothing is asked for before the person accepts and there is room on the disk.
Then we lead: each `get` extends what the peer may send, to a window beyond
what has come (`inflow`).
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from floater import api
from floater.codes import Code
from floater.core.emit import Emit
from floater.core.link import LinkDown, LinkUp
from floater.core.talk.inflow import GET_INTERVAL, Inflow
from floater.core.talk.open_transfer import Effect, OpenTransfer, OpenTransfers
from floater.core.talk.orders import Say, Send, refuse
from floater.core.talk.sniff import clean_type, is_what_it_says
from floater.core.talk.transfer import (
    AcceptTo,
    BlockWritten,
    CreateFile,
    DiscardFile,
    FileCreated,
    FileStored,
    FinishFile,
    WriteBlock,
    WriteFailed,
    reason_for_peer,
    reason_of,
)
from floater.errors import Refused, RemoteProtocolError
from floater.machine import Tick
from floater.wire import talk as wire
from floater.wire.digest import Digest, choose_digest
from floater.wire.frame import Body
from floater.wire.names import clean_file_name

MAX_UNWRITTEN: Final = 16_777_216
"Bytes of all transfers that wait for the disk; beyond it nothing more is asked for."

Wish: TypeAlias = AcceptTo | api.Decline | api.Pause | api.Resume | api.Cancel
Word: TypeAlias = wire.Pause | wire.Resume | wire.Cancel | wire.Complete
Report: TypeAlias = FileCreated | BlockWritten | FileStored | WriteFailed


class State(Enum):
    """Where a transfer of the peer's stands."""

    OFFERED = "offered"
    MAKING_ROOM = "making_room"
    GETTING = "getting"
    STORING = "storing"


@dataclass(slots=True)
class _Transfer(OpenTransfer):
    """One file of the peer's."""

    name: str
    content_type: str
    flow: Inflow
    algorithm: Digest
    "By which it is checked."
    state: State = State.OFFERED
    digest: bytes = b""
    "As the peer's `complete` says; empty before."

    @property
    def is_expecting(self) -> bool:
        """Whether the peer owes us bytes, or the word that these were all."""
        owes = self.flow.place < self.flow.granted or self.flow.is_whole
        return self.state is State.GETTING and not self.rests and owes

    @property
    def would_get(self) -> bool:
        """Whether there is more to ask for."""
        return self.state is State.GETTING and not self.rests and self.flow.can_grow

    def digest_of(self, complete: wire.Complete) -> bytes:
        """Return the digest that we asked for.

        Raises:
            RemoteProtocolError: BAD_FIELD; it is not there.
        """
        digest = complete.blake3 if self.algorithm is Digest.BLAKE3 else complete.sha256
        if digest is None:
            raise RemoteProtocolError(Code.BAD_FIELD, self.algorithm.value)
        return digest

    @property
    def is_what_it_says(self) -> bool:
        """Whether what has come may go by the type that was said."""
        return is_what_it_says(self.content_type, self.flow.head)


class Incoming(OpenTransfers[_Transfer]):
    """All files that the peer offers in one talk.

    Args:
        max_file: bytes of the largest file that may be offered.
    """

    def __init__(self, max_file: int) -> None:
        super().__init__()
        self._max_file = max_file
        self._linked = False
        self._unwritten = 0
        self._told_too_large = False

    @property
    def is_expecting(self) -> bool:
        """Whether the peer owes us bytes, or the word that these were all."""
        return any(transfer.is_expecting for transfer in self._transfers.values())

    @property
    def deadline(self) -> float | None:
        """When a wish must be extended even by little."""
        if not self._linked or self._unwritten >= MAX_UNWRITTEN:
            return None
        due = (t.flow.got_at + GET_INTERVAL for t in self._transfers.values() if t.would_get)
        return min(due, default=None)

    def offered(self, id_: str, offer: wire.Offer, preview: bytes) -> list[Effect]:
        """Take an offer of the peer, which goes by this id.

        Raises:
            RemoteProtocolError: BAD_FIELD; the preview is not of the size it says.
        """
        width, height = offer.preview or (0, 0)
        if len(preview) != width * height * 3:
            raise RemoteProtocolError(Code.BAD_FIELD, "preview")
        if self.is_full:
            return [refuse(offer, Code.OUTBOX_FULL)]
        size = offer.content_length
        if size > self._max_file:
            return self._too_large(id_)
        name, content_type = clean_file_name(offer.name), clean_type(offer.content_type)
        algorithm = choose_digest(offer.content_digests)
        self._transfers[id_] = _Transfer(id_, size, name, content_type, Inflow(size), algorithm)
        picture = api.Preview(width, height, preview) if offer.preview else None
        return [Emit(api.Offer(id_, name, content_type, size, picture))]

    def wished(self, id_: str, wish: Wish, *, now: float) -> list[Effect]:
        """Do what our person wishes for an open transfer.

        Raises:
            Refused: TRANSFER_STATE.
        """
        transfer = self._transfers[id_]
        match transfer.state, wish:
            case State.OFFERED, AcceptTo(_, folder):
                transfer.state = State.MAKING_ROOM
                return [CreateFile(id_, folder, transfer.name, transfer.size, transfer.algorithm)]
            case ((State.OFFERED | State.MAKING_ROOM), api.Decline()):
                return self._decline(transfer, Code.DECLINED, Code.YOU_DECLINED)
            case ((State.OFFERED | State.MAKING_ROOM), api.Cancel()):
                return self._decline(transfer, Code.CANCELLED, Code.YOU_CANCELLED)
            case ((State.GETTING | State.STORING), api.Cancel()):
                return self._give_up(transfer, Code.CANCELLED, Code.YOU_CANCELLED)
            case State.MAKING_ROOM, (api.Pause() | api.Resume()):
                transfer.pause(wish)  # the peer hears of it with our `accept`
                return [transfer.shown]
            case State.GETTING, (api.Pause() | api.Resume()):
                said = transfer.pause(wish)
                transfer.flow.pace_from = None
                return [said, transfer.shown, *self._get(transfer, now)]
        raise Refused(Code.TRANSFER_STATE)

    def told(self, id_: str, message: Word, *, now: float) -> list[Effect]:
        """Take what the peer says about an open transfer.

        Raises:
            RemoteProtocolError: UNEXPECTED; its state does not allow it. BAD_FIELD; the digest that we
                asked for is missing.
        """
        transfer = self._transfers[id_]
        match transfer.state, message:
            case _, wire.Cancel(code=code):
                return self._gone(transfer, reason_of(code, Code.CANCELLED))
            case State.GETTING, wire.Complete() if not transfer.digest:
                transfer.digest = transfer.digest_of(message)
                return self._store_if_whole(transfer)
            case ((State.GETTING | State.STORING), (wire.Pause() | wire.Resume())):
                transfer.paused_by_peer = isinstance(message, wire.Pause)
                transfer.flow.pace_from = None
                return [transfer.shown, *self._get(transfer, now)]
        raise RemoteProtocolError(Code.UNEXPECTED, f"{type(message).__name__} while {transfer.state.value}")

    def part(self, id_: str, first: int, body: Body, *, rtt: float, now: float) -> list[Effect]:
        """Take bytes of an open transfer.

        Args:
            id_: of the transfer.
            first: the place of the first of them.
            body: the bytes.
            rtt: seconds of a round trip on the link in use; 0 if it is not known.
            now: monotonic seconds.

        Raises:
            RemoteProtocolError: as `Inflow.take`.
        """
        transfer = self._transfers[id_]
        flow = transfer.flow
        fresh = flow.take(first, body)
        if not fresh:
            return []
        self._unwritten += len(fresh)
        if flow.is_known and not transfer.is_what_it_says:
            return self._give_up(transfer, Code.NOT_WHAT_IT_SAYS)
        effects: list[Effect] = [WriteBlock(id_, fresh)]
        effects += transfer.progress(flow.place, last=flow.is_whole, now=now)
        flow.take_pace(rtt, now=now)
        if flow.is_worth_asking:
            effects += self._get(transfer, now)
        return [*effects, *self._store_if_whole(transfer)]

    def reported(self, report: Report, *, now: float) -> list[Effect]:
        """Take what the store reports; nothing follows if the transfer is over."""
        transfer = self._transfers.get(report.transfer)
        if transfer is None:
            return []
        match transfer.state, report:
            case State.MAKING_ROOM, FileCreated():
                transfer.state = State.GETTING
                accept: list[Effect] = [Say(wire.Accept, transfer.id, transfer.algorithm.value)]
                if transfer.paused:
                    accept.append(Say(wire.Pause, transfer.id))
                return [*accept, *self._get(transfer, now)]
            case _, BlockWritten(_, written):
                was_full = self._unwritten >= MAX_UNWRITTEN
                self._unwritten -= written - transfer.flow.written
                transfer.flow.written = written
                return self._get_all(now) if was_full else []
            case State.MAKING_ROOM, WriteFailed(_, code):
                return self._decline(transfer, reason_for_peer(code), code)
            case _, WriteFailed(_, code):
                return self._give_up(transfer, reason_for_peer(code), code)
            case State.STORING, FileStored(_, path):
                self._forget(transfer)
                digest = f"{transfer.algorithm}:{transfer.digest.hex()}"
                return [Say(wire.Stored, transfer.id), Emit(api.Received(transfer.id, path, digest))]
        return []

    def link(self, event: LinkUp | LinkDown, *, now: float) -> list[Effect]:
        """Ask anew on another link."""
        self._linked = isinstance(event, LinkUp)
        for transfer in self._transfers.values():
            transfer.flow.start_anew()
        return self._get_all(now)

    def feed(self, event: Tick, *, now: float) -> list[Effect]:
        """Advance by the clock."""
        return self._get_all(now)

    # -- asking for more ------------------------------------------------------------------

    def _get_all(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        for transfer in self._transfers.values():
            if transfer.flow.is_due(now=now):
                effects += self._get(transfer, now)
        return effects

    def _get(self, transfer: _Transfer, now: float) -> list[Effect]:
        if not self._linked or not transfer.would_get or self._unwritten >= MAX_UNWRITTEN:
            return []
        first, last = transfer.flow.ask(now=now)
        return [Send(wire.Get(transfer.id, first, last))]

    # -- the end of one -------------------------------------------------------------------

    def _store_if_whole(self, transfer: _Transfer) -> list[Effect]:
        if not transfer.digest or not transfer.flow.is_whole:
            return []
        if not transfer.is_what_it_says:
            return self._give_up(transfer, Code.NOT_WHAT_IT_SAYS)
        transfer.state = State.STORING
        return [FinishFile(transfer.id, transfer.digest)]

    def _too_large(self, id_: str) -> list[Effect]:
        code = Code.FILE_TOO_LARGE.value
        notice: list[Effect] = [] if self._told_too_large else [Emit(api.Notice(code, ""))]
        self._told_too_large = True
        return [Say(wire.Decline, id_, code), *notice]

    def _decline(self, transfer: _Transfer, code: Code, to_us: Code | None = None) -> list[Effect]:
        return [Say(wire.Decline, transfer.id, code.value), *self._gone(transfer, to_us or code)]

    def _close(self, transfer: _Transfer) -> list[Effect]:
        self._forget(transfer)
        return [] if transfer.state is State.OFFERED else [DiscardFile(transfer.id)]

    def _forget(self, transfer: _Transfer) -> None:
        self._unwritten -= transfer.flow.place - transfer.flow.written
        del self._transfers[transfer.id]
