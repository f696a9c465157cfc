"""The files that we offer, and their bytes on the way out (spec §7.5, §7.6).

One transfer::

    OFFERED ──accept──▶ SENDING ──last byte──▶ CHECKING ──stored──▶ gone
       └─decline, cancel──┴─cancel, read fault────┴─cancel──▶ gone

The receiver leads: a `get` says which bytes it wants next, and nothing else
is sent. So the receiver decides how much is on the way, and after a change of
links it just asks again from where it stands.

One part at a time lies in the link's send buffer beyond its low water, and a
part takes about 10 ms at the pace of the receiver, so that a text never waits
long behind a file. Several transfers take turns.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeAlias

from floater import api
from floater.codes import Code
from floater.core.emit import Emit
from floater.core.link import LinkDown, LinkUp, Writable
from floater.core.talk.orders import Say, Send
from floater.core.talk.transfer import (
    BLOCK,
    PROGRESS_INTERVAL,
    BlockRead,
    CloseFile,
    OfferFile,
    ReadBlock,
    ReadFailed,
    failed,
    reason_of,
)
from floater.errors import Refused, RemoteProtocolError
from floater.wire import talk as wire
from floater.wire.limits import MAX_OPEN_OFFERS, MAX_PART

READ_AHEAD: Final = 3 * BLOCK
"Bytes of one file that are read before they are sent."
PART_TIME: Final = 0.01
"Seconds that one part should take at the receiver's pace."
MIN_PART: Final = 8_192
FIRST_PART: Final = 16_384
"Before the receiver's pace on a link is known."


class State(Enum):
    """Where a transfer of ours stands."""

    OFFERED = "offered"
    SENDING = "sending"
    CHECKING = "checking"


@dataclass(frozen=True, slots=True)
class Offered:
    """We have offered a file under this id."""

    transfer: str
    offer: OfferFile


Event: TypeAlias = (
    Offered
    | LinkUp
    | LinkDown
    | Writable
    | BlockRead
    | ReadFailed
    | api.Pause
    | api.Resume
    | api.Cancel
    | wire.Accept
    | wire.Decline
    | wire.Pause
    | wire.Resume
    | wire.Cancel
    | wire.Stored
    | wire.Get
)
Effect: TypeAlias = Say | Send | Emit | ReadBlock | CloseFile


@dataclass(slots=True)
class _Transfer:
    """One file of ours. Places count bytes from its start; `end` and `granted` are exclusive."""

    id: str
    file: int
    size: int
    state: State = State.OFFERED
    place: int = 0
    "The next byte to send."
    granted: int = 0
    "Where the receiver's wish ends."
    furthest: int = 0
    "The end of what was ever sent."
    ordered: int = 0
    "The end of what the store was told to read."
    expected: int = 0
    "The first byte of the next block that is of use."
    blocks: deque[memoryview] = field(default_factory=deque)
    "What is read and not sent, from `place` on; `skip` bytes of the first are already sent."
    skip: int = 0
    sha256: bytes = b""
    paused: bool = False
    paused_by_peer: bool = False
    part: int = FIRST_PART
    pace_from: tuple[float, int] | None = None
    "When, and up to where, the receiver last extended its wish."
    progress_at: float = float("-inf")

    @property
    def rests(self) -> bool:
        return self.paused or self.paused_by_peer

    @property
    def ready(self) -> bool:
        return bool(self.blocks) and self.place < self.granted and not self.rests


class Outgoing:
    """All files that we offer in one talk."""

    def __init__(self) -> None:
        self._transfers: dict[str, _Transfer] = {}
        self._by_file: dict[int, _Transfer] = {}
        self._line: deque[str] = deque()
        "Whose turn it is to send."
        self._link: int | None = None
        self._room = False
        "Whether the link takes another part now."

    @property
    def is_full(self) -> bool:
        """Whether no further file may be offered."""
        return len(self._transfers) >= MAX_OPEN_OFFERS

    @property
    def is_expecting(self) -> bool:
        """Whether the peer owes us a word: a wish for more, or that it has stored the file."""
        return any(t.state is not State.OFFERED and not t.rests for t in self._transfers.values())

    @property
    def deadline(self) -> float | None:
        """None: the receiver leads."""
        return None

    def has(self, transfer: str) -> bool:
        """Say whether there is an open transfer of this id."""
        return transfer in self._transfers

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance by one event about a transfer that `has` knows, or about a link.

        Raises:
            Refused: TRANSFER_STATE; a wish of ours.
            RemoteProtocolError: UNEXPECTED; the peer asks for what it cannot have.
        """
        match event:
            case Writable(link):
                self._room = self._room or link == self._link
                return self._send(now)
            case BlockRead():
                return self._read(event, now)
            case wire.Get(transfer, first, last):
                return self._get(self._transfers[transfer], first, last, now)
            case Offered(id_, offer):
                transfer_ = _Transfer(id_, offer.file, offer.size)
                self._transfers[id_] = self._by_file[offer.file] = transfer_
                return []
            case LinkUp(link):
                self._link, self._room = link, True
                return self._forget_wishes()
            case LinkDown():
                self._link, self._room = None, False
                return self._forget_wishes()
            case ReadFailed(file, code):
                return self._give_up(self._by_file[file], code) if file in self._by_file else []
            case _:
                return self._about(self._transfers[_id_of(event)], event, now)

    def end(self) -> list[Effect]:
        """Give everything up: the talk is over."""
        effects: list[Effect] = []
        for transfer in list(self._transfers.values()):
            effects += self._gone(transfer, Code.TALK_ENDED)
        return effects

    # -- one transfer ---------------------------------------------------------------------

    def _about(self, transfer: _Transfer, event: Event, now: float) -> list[Effect]:
        match transfer.state, event:
            case State.OFFERED, wire.Accept():
                transfer.state = State.SENDING
                accepted: list[Effect] = [Emit(api.Accepted(transfer.id))]
                if transfer.size:
                    self._line.append(transfer.id)
                    return accepted
                return [*accepted, ReadBlock(transfer.file, 0, 0)]
            case State.OFFERED, wire.Decline():
                return self._gone(transfer, reason_of(event.code, Code.DECLINED))
            case _, wire.Cancel():
                return self._gone(transfer, reason_of(event.code, Code.CANCELLED))
            case State.CHECKING, wire.Stored():
                progress = self._progress(transfer, now, whole=True)
                return [*progress, *self._close(transfer), Emit(api.Sent(transfer.id))]
            case State.SENDING, (wire.Pause() | wire.Resume()):
                transfer.paused_by_peer = isinstance(event, wire.Pause)
                return [_paused(transfer), *self._send(now)]
            case State.CHECKING, (wire.Pause() | wire.Resume()):
                return []  # it crossed our last bytes
            case _, api.Cancel():
                return self._give_up(transfer, Code.CANCELLED, Code.YOU_CANCELLED)
            case State.SENDING, api.Pause() if not transfer.paused:
                transfer.paused = True
                return [Say(wire.Pause(seq=0, received=0, transfer=transfer.id)), _paused(transfer)]
            case State.SENDING, api.Resume() if transfer.paused:
                transfer.paused = False
                resume = Say(wire.Resume(seq=0, received=0, transfer=transfer.id))
                return [resume, _paused(transfer), *self._send(now)]
            case _, (api.Pause() | api.Resume()):
                raise Refused(Code.TRANSFER_STATE)
        raise RemoteProtocolError(Code.UNEXPECTED, f"{type(event).__name__} while {transfer.state.value}")

    def _get(self, transfer: _Transfer, first: int, last: int, now: float) -> list[Effect]:
        if transfer.state is State.OFFERED or not first <= last < transfer.size:
            raise RemoteProtocolError(Code.UNEXPECTED, "asks for what it cannot have")
        if first != transfer.granted:
            if first > transfer.furthest:
                raise RemoteProtocolError(Code.UNEXPECTED, "leaves bytes out")
            self._go_to(transfer, first)
        self._take_pace(transfer, last + 1, now)
        transfer.granted = last + 1
        return [*self._order(transfer), *self._send(now)]

    def _go_to(self, transfer: _Transfer, first: int) -> None:
        """Go on from `first`; what is read begins elsewhere."""
        transfer.place = transfer.ordered = transfer.expected = first
        transfer.blocks.clear()
        transfer.skip = 0
        transfer.pace_from = None

    def _take_pace(self, transfer: _Transfer, granted: int, now: float) -> None:
        """Learn from its wishes how fast the receiver gets our bytes, whatever buffers lie between."""
        if transfer.pace_from is not None:
            since, was = transfer.pace_from
            if now - since < PART_TIME and granted - was < 4 * MAX_PART:
                return  # too short to tell
            if granted > was:
                fits = int((granted - was) / max(now - since, 1e-6) * PART_TIME)
                transfer.part = max(MIN_PART, min(MAX_PART, fits))
        transfer.pace_from = now, granted

    def _forget_wishes(self) -> list[Effect]:
        """What the receiver wished on another link is void, and so is the pace there; it wishes anew."""
        for transfer in self._transfers.values():
            transfer.granted = transfer.place
            transfer.part, transfer.pace_from = FIRST_PART, None
        return []

    # -- bytes ----------------------------------------------------------------------------

    def _order(self, transfer: _Transfer) -> list[Effect]:
        """Order blocks to be read, as far ahead as READ_AHEAD allows, wished for already or not."""
        effects: list[Effect] = []
        until = min(transfer.size, transfer.place + READ_AHEAD - BLOCK + 1)
        while transfer.ordered < until:
            size = min(BLOCK, transfer.size - transfer.ordered)
            effects.append(ReadBlock(transfer.file, transfer.ordered, size))
            transfer.ordered += size
        return effects

    def _read(self, block: BlockRead, now: float) -> list[Effect]:
        transfer = self._by_file.get(block.file)
        if transfer is None or block.first != transfer.expected:
            return []  # given up, or read before we went back
        transfer.sha256 = block.sha256 or transfer.sha256
        if not transfer.size:
            return self._complete(transfer)
        transfer.expected += len(block.data)
        transfer.blocks.append(memoryview(block.data))
        return self._send(now)

    def _send(self, now: float) -> list[Effect]:
        """Send one part, if the link takes one and there is one."""
        if not self._room or self._link is None:
            return []
        for _ in range(len(self._line)):
            transfer = self._transfers[self._line[0]]
            self._line.rotate(-1)
            if transfer.ready:
                self._room = False
                return self._part(transfer, now)
        return []

    def _part(self, transfer: _Transfer, now: float) -> list[Effect]:
        block = transfer.blocks[0]
        size = min(transfer.part, len(block) - transfer.skip, transfer.granted - transfer.place)
        body = block[transfer.skip : transfer.skip + size]
        effects: list[Effect] = [Send(wire.Part(transfer.id, transfer.place), body, bulk=True)]
        transfer.skip += size
        transfer.place += size
        transfer.furthest = max(transfer.furthest, transfer.place)
        if transfer.skip == len(block):
            transfer.blocks.popleft()
            transfer.skip = 0
        effects += self._order(transfer)
        if transfer.place == transfer.size and transfer.state is State.SENDING:
            effects += self._complete(transfer)
        effects += self._progress(transfer, now)
        return effects

    def _complete(self, transfer: _Transfer) -> list[Effect]:
        transfer.state = State.CHECKING
        complete = wire.Complete(seq=0, received=0, transfer=transfer.id, sha256=transfer.sha256)
        return [Say(complete)]

    def _progress(self, transfer: _Transfer, now: float, *, whole: bool = False) -> list[Effect]:
        if not whole and now - transfer.progress_at < PROGRESS_INTERVAL:
            return []
        transfer.progress_at = now
        return [Emit(api.Progress(transfer.id, transfer.size if whole else transfer.place, transfer.size))]

    # -- the end of one -------------------------------------------------------------------

    def _give_up(self, transfer: _Transfer, code: Code, to_us: Code | None = None) -> list[Effect]:
        cancel = wire.Cancel(seq=0, received=0, transfer=transfer.id, code=code.value)
        return [Say(cancel), *self._gone(transfer, to_us or code)]

    def _gone(self, transfer: _Transfer, code: Code) -> list[Effect]:
        return [*self._close(transfer), Emit(failed(transfer.id, code))]

    def _close(self, transfer: _Transfer) -> list[Effect]:
        del self._transfers[transfer.id]
        del self._by_file[transfer.file]
        if transfer.id in self._line:
            self._line.remove(transfer.id)
        return [CloseFile(transfer.file)]


def _paused(transfer: _Transfer) -> Emit:
    return Emit(api.Paused(transfer.id, by_you=transfer.paused, by_peer=transfer.paused_by_peer))


def _id_of(event: object) -> str:
    match event:
        case api.Pause(id_) | api.Resume(id_) | api.Cancel(id_):
            return id_
        case (
            wire.Accept(transfer=id_)
            | wire.Decline(transfer=id_)
            | wire.Pause(transfer=id_)
            | wire.Resume(transfer=id_)
            | wire.Cancel(transfer=id_)
            | wire.Stored(transfer=id_)
        ):
            return id_
    raise AssertionError(event)
