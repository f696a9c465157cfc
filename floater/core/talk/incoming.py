"""The files that we are offered, and their bytes on the way in (spec §7.5, §7.6).

One transfer::

    OFFERED ──accept──▶ MAKING_ROOM ──there is room──▶ GETTING ──whole──▶ STORING ──▶ gone
       └─decline          └─there is none: declined      └─cancel, damage, full disk──▶ gone

Nothing is asked for before the person accepts and there is room on the disk.
Then we lead: each `get` extends what the peer may send, to a window beyond
what has come. The window follows the pace: what comes in a round trip and a
bit, so that a fast link is never idle, and on a slow one little lies in
buffers where a text would have to wait behind it.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from floater import api
from floater.codes import Code
from floater.core.emit import Emit
from floater.core.link import LinkDown, LinkUp
from floater.core.talk.orders import Say, Send
from floater.core.talk.sniff import HEAD, clean_type, is_what_it_says
from floater.core.talk.transfer import (
    PROGRESS_INTERVAL,
    BlockWritten,
    CreateFile,
    DiscardFile,
    FileCreated,
    FileStored,
    FinishFile,
    WriteBlock,
    WriteFailed,
    failed,
    reason_of,
)
from floater.errors import Refused, RemoteProtocolError
from floater.machine import Tick
from floater.wire import talk as wire
from floater.wire.frame import Body
from floater.wire.limits import MAX_OPEN_OFFERS
from floater.wire.names import clean_file_name

FIRST_WINDOW: Final = 262_144
"Bytes, before anything of the pace of the link is known."
MIN_WINDOW: Final = 32_768
MAX_WINDOW: Final = 16_777_216
QUEUE_TIME: Final = 0.05
"""Seconds of bytes that may lie in buffers beyond a round trip: how long a text waits behind a file. Where a
quarter of a round trip is longer, it is that."""
GROWTH: Final = 1.25
"Times that a pace has to grow for a window not to shrink to it: the stream below has just begun."
PACE_TIME: Final = 0.1
"""Seconds over which the pace is measured, or a round trip and QUEUE_TIME if that is longer; less where a
whole window comes sooner."""
GET_INTERVAL: Final = 0.5
"Seconds after which a wish is extended even by little: it tells the sender that its bytes arrive."
MAX_UNWRITTEN: Final = 16_777_216
"Bytes of all transfers that wait for the disk; beyond it nothing more is asked for."


class State(Enum):
    """Where a transfer of the peer's stands."""

    OFFERED = "offered"
    MAKING_ROOM = "making_room"
    GETTING = "getting"
    STORING = "storing"


Event: TypeAlias = (
    wire.Offer
    | LinkUp
    | LinkDown
    | wire.Part
    | FileCreated
    | BlockWritten
    | FileStored
    | WriteFailed
    | api.Accept
    | api.Decline
    | api.Pause
    | api.Resume
    | api.Cancel
    | wire.Pause
    | wire.Resume
    | wire.Cancel
    | wire.Complete
    | Tick
)
Effect: TypeAlias = Say | Send | Emit | CreateFile | WriteBlock | FinishFile | DiscardFile


@dataclass(slots=True)
class _Transfer:
    """One file of the peer's. Places count bytes from its start; `granted` is exclusive."""

    id: str
    name: str
    content_type: str
    size: int
    state: State = State.OFFERED
    head: bytes = b""
    place: int = 0
    "What has come."
    written: int = 0
    granted: int = 0
    "What we have asked for on the link in use."
    window: int = FIRST_WINDOW
    pace: float = 0.0
    "Bytes a second, as last measured on the link in use."
    pace_from: tuple[float, int] | None = None
    got_at: float = 0.0
    "When we last sent a `get`."
    sha256: bytes = b""
    paused: bool = False
    paused_by_peer: bool = False
    progress_at: float = float("-inf")

    @property
    def rests(self) -> bool:
        return self.paused or self.paused_by_peer


class Incoming:
    """All files that the peer offers in one talk.

    Args:
        max_file: bytes of the largest file that may be offered.
    """

    def __init__(self, max_file: int) -> None:
        self.rtt = 0.0
        "Seconds; kept up to date by the owner."
        self._max_file = max_file
        self._transfers: dict[str, _Transfer] = {}
        self._linked = False
        self._unwritten = 0
        self._told_too_large = False

    @property
    def is_expecting(self) -> bool:
        """Whether the peer owes us bytes, or the word that these were all."""
        for t in self._transfers.values():
            if t.state is State.GETTING and not t.rests and (t.place < t.granted or t.place == t.size):
                return True
        return False

    @property
    def deadline(self) -> float | None:
        """When a wish must be extended even by little."""
        if not self._linked:
            return None
        due = [t.got_at + GET_INTERVAL for t in self._transfers.values() if self._would_get(t)]
        return min(due, default=None)

    def has(self, transfer: str) -> bool:
        """Say whether there is an open transfer of this id."""
        return transfer in self._transfers

    def offered(self, transfer: str, offer: wire.Offer, preview: bytes) -> list[Effect]:
        """Take an offer that came under this id.

        Raises:
            RemoteProtocolError: BAD_FIELD; the preview is not of the size it says.
        """
        width, height = offer.preview or (0, 0)
        if len(preview) != width * height * 3:
            raise RemoteProtocolError(Code.BAD_FIELD, "preview")
        if len(self._transfers) >= MAX_OPEN_OFFERS:
            refuse = wire.Refuse(seq=0, received=0, of=offer.seq, code=Code.OUTBOX_FULL.value)
            return [Say(refuse)]
        if offer.content_length > self._max_file:
            return self._too_large(transfer)
        name, content_type = clean_file_name(offer.name), clean_type(offer.content_type)
        self._transfers[transfer] = _Transfer(transfer, name, content_type, offer.content_length)
        picture = api.Preview(width, height, preview) if offer.preview else None
        return [Emit(api.Offer(transfer, name, content_type, offer.content_length, picture))]

    def feed(self, event: Event, *, body: Body = b"", now: float) -> list[Effect]:
        """Advance by one event about a transfer that `has` knows, or about a link.

        Raises:
            Refused: TRANSFER_STATE; a wish of ours.
            RemoteProtocolError: UNEXPECTED, BAD_FIELD; a part nobody asked for.
        """
        match event:
            case wire.Part(id_, first):
                return self._part(self._transfers[id_], first, body, now)
            case BlockWritten(id_, written):
                return self._written(id_, written, now)
            case Tick():
                return self._get_all(now)
            case LinkUp() | LinkDown():
                self._linked = isinstance(event, LinkUp)
                for transfer in self._transfers.values():
                    transfer.granted, transfer.window = transfer.place, FIRST_WINDOW
                    transfer.pace, transfer.pace_from = 0.0, None
                return self._get_all(now)
            case FileCreated(id_) | FileStored(id_) | WriteFailed(id_):
                return self._reported(self._transfers[id_], event, now) if id_ in self._transfers else []
            case api.Accept(id_) | api.Decline(id_) | api.Pause(id_) | api.Resume(id_) | api.Cancel(id_):
                return self._wished(self._transfers[id_], event, now)
            case (
                wire.Pause(transfer=id_)
                | wire.Resume(transfer=id_)
                | wire.Cancel(transfer=id_)
                | wire.Complete(transfer=id_)
            ):
                return self._told(self._transfers[id_], event, now)
        raise AssertionError(event)

    def end(self) -> list[Effect]:
        """Give everything up: the talk is over."""
        effects: list[Effect] = []
        for transfer in list(self._transfers.values()):
            effects += self._gone(transfer, Code.TALK_ENDED)
        return effects

    def _too_large(self, transfer: str) -> list[Effect]:
        code = Code.FILE_TOO_LARGE.value
        notice: list[Effect] = [] if self._told_too_large else [Emit(api.Notice(code, ""))]
        self._told_too_large = True
        return [Say(_decline(transfer, code)), *notice]

    # -- what is done to one --------------------------------------------------------------

    def _wished(
        self,
        transfer: _Transfer,
        wish: api.Accept | api.Decline | api.Pause | api.Resume | api.Cancel,
        now: float,
    ) -> list[Effect]:
        match transfer.state, wish:
            case State.OFFERED, api.Accept(_, to):
                transfer.state = State.MAKING_ROOM
                return [CreateFile(transfer.id, to, transfer.name, transfer.size)]
            case ((State.OFFERED | State.MAKING_ROOM), (api.Decline() | api.Cancel())):
                if isinstance(wish, api.Decline):
                    return self._decline(transfer, Code.DECLINED, Code.YOU_DECLINED)
                return self._decline(transfer, Code.CANCELLED, Code.YOU_CANCELLED)
            case ((State.GETTING | State.STORING), api.Cancel()):
                return self._give_up(transfer, Code.CANCELLED, Code.YOU_CANCELLED)
            case State.MAKING_ROOM, (api.Pause() | api.Resume()) if transfer.paused is isinstance(
                wish, api.Resume
            ):
                transfer.paused = not transfer.paused  # the peer hears of it with our `accept`
                return [_paused(transfer)]
            case State.GETTING, api.Pause() if not transfer.paused:
                transfer.paused, transfer.pace_from = True, None
                return [Say(wire.Pause(seq=0, received=0, transfer=transfer.id)), _paused(transfer)]
            case State.GETTING, api.Resume() if transfer.paused:
                transfer.paused = False
                resume = Say(wire.Resume(seq=0, received=0, transfer=transfer.id))
                return [resume, _paused(transfer), *self._get(transfer, now)]
        raise Refused(Code.TRANSFER_STATE)

    def _told(
        self,
        transfer: _Transfer,
        message: wire.Pause | wire.Resume | wire.Cancel | wire.Complete,
        now: float,
    ) -> list[Effect]:
        match transfer.state, message:
            case _, wire.Cancel(code=code):
                return self._gone(transfer, reason_of(code, Code.CANCELLED))
            case State.GETTING, wire.Complete(sha256=sha256) if not transfer.sha256:
                transfer.sha256 = sha256
                return self._store_if_whole(transfer)
            case ((State.GETTING | State.STORING), (wire.Pause() | wire.Resume())):
                transfer.paused_by_peer, transfer.pace_from = isinstance(message, wire.Pause), None
                return [_paused(transfer), *self._get(transfer, now)]
        raise RemoteProtocolError(Code.UNEXPECTED, f"{type(message).__name__} while {transfer.state.value}")

    def _reported(
        self, transfer: _Transfer, report: FileCreated | FileStored | WriteFailed, now: float
    ) -> list[Effect]:
        match transfer.state, report:
            case State.MAKING_ROOM, FileCreated():
                transfer.state = State.GETTING
                accept: list[Effect] = [Say(wire.Accept(seq=0, received=0, transfer=transfer.id))]
                if transfer.paused:
                    accept.append(Say(wire.Pause(seq=0, received=0, transfer=transfer.id)))
                return [*accept, *self._get(transfer, now), *self._store_if_whole(transfer)]
            case State.MAKING_ROOM, WriteFailed(_, code):
                return self._decline(transfer, code)
            case _, WriteFailed(_, code):
                return self._give_up(transfer, code)
            case State.STORING, FileStored(_, path):
                self._close(transfer)
                stored = Say(wire.Stored(seq=0, received=0, transfer=transfer.id))
                received = Emit(api.Received(transfer.id, path, f"sha256:{transfer.sha256.hex()}"))
                return [stored, received]
        return []

    # -- bytes ----------------------------------------------------------------------------

    def _part(self, transfer: _Transfer, first: int, body: Body | memoryview, now: float) -> list[Effect]:
        if not body:
            raise RemoteProtocolError(Code.BAD_FIELD, "a part of nothing")
        end = first + len(body)
        if transfer.state in (State.OFFERED, State.MAKING_ROOM) or end > max(
            transfer.granted, transfer.place
        ):
            raise RemoteProtocolError(Code.UNEXPECTED, "a part nobody asked for")
        if end <= transfer.place:
            return []  # had already
        if first > transfer.place:
            raise RemoteProtocolError(Code.OUT_OF_ORDER, "bytes left out")
        if first < transfer.place:
            body = memoryview(body)[transfer.place - first :]
        if transfer.place < HEAD:
            transfer.head += body[: HEAD - transfer.place]
        transfer.place = end
        known = len(transfer.head) == HEAD or transfer.place == transfer.size
        if known and not is_what_it_says(transfer.content_type, transfer.head):
            return self._give_up(transfer, Code.NOT_WHAT_IT_SAYS)
        self._unwritten += len(body)
        effects: list[Effect] = [WriteBlock(transfer.id, body)]
        effects += self._progress(transfer, now)
        effects += self._get_more(transfer, now)
        effects += self._store_if_whole(transfer)
        return effects

    def _written(self, id_: str, written: int, now: float) -> list[Effect]:
        transfer = self._transfers.get(id_)
        if transfer is None:
            return []
        was_full = self._unwritten >= MAX_UNWRITTEN
        self._unwritten -= written - transfer.written
        transfer.written = written
        return self._get_all(now) if was_full else []

    def _progress(self, transfer: _Transfer, now: float) -> list[Effect]:
        if transfer.place < transfer.size and now - transfer.progress_at < PROGRESS_INTERVAL:
            return []
        transfer.progress_at = now
        return [Emit(api.Progress(transfer.id, transfer.place, transfer.size))]

    def _store_if_whole(self, transfer: _Transfer) -> list[Effect]:
        if not transfer.sha256 or transfer.place < transfer.size or transfer.state is not State.GETTING:
            return []
        if not is_what_it_says(transfer.content_type, transfer.head):
            return self._give_up(transfer, Code.NOT_WHAT_IT_SAYS)
        transfer.state = State.STORING
        return [FinishFile(transfer.id, transfer.sha256)]

    # -- asking for more ------------------------------------------------------------------

    def _would_get(self, transfer: _Transfer) -> bool:
        return (
            transfer.state is State.GETTING
            and not transfer.rests
            and transfer.granted < min(transfer.size, transfer.place + transfer.window)
            and self._unwritten < MAX_UNWRITTEN
        )

    def _get_more(self, transfer: _Transfer, now: float) -> list[Effect]:
        """Extend the wish when a sixteenth of the window has been used up."""
        self._take_pace(transfer, now)
        left = transfer.granted - transfer.place
        return self._get(transfer, now) if left * 16 <= transfer.window * 15 else []

    def _get_all(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        for transfer in self._transfers.values():
            if now - transfer.got_at >= GET_INTERVAL or transfer.granted <= transfer.place:
                effects += self._get(transfer, now)
        return effects

    def _get(self, transfer: _Transfer, now: float) -> list[Effect]:
        if not self._linked or not self._would_get(transfer):
            return []
        first = transfer.granted
        transfer.granted = min(transfer.size, transfer.place + transfer.window)
        transfer.got_at = now
        return [Send(wire.Get(transfer.id, first, transfer.granted - 1))]

    def _take_pace(self, transfer: _Transfer, now: float) -> None:
        """Let the window follow the pace, by no more than a factor of two at once.

        A window that comes whole in little more than a round trip is what holds the pace back: it doubles. Of
        one that is large enough a part lies in buffers, and so its last bytes come later.
        """
        if transfer.pace_from is None:
            transfer.pace_from = now, transfer.place
        since, was = transfer.pace_from
        took, came = now - since, transfer.place - was
        queue = max(QUEUE_TIME, self.rtt / 4)
        if came < transfer.window and took < max(PACE_TIME, self.rtt + queue):
            return
        pace, least = came / max(took, 1e-6), transfer.window // 2
        if came >= transfer.window and took < self.rtt + queue / 2:
            least = transfer.window * 2
        elif pace > GROWTH * transfer.pace:
            least = transfer.window
        fits = max(least, min(transfer.window * 2, int(pace * (self.rtt + queue))))
        transfer.window = max(MIN_WINDOW, min(MAX_WINDOW, fits))
        transfer.pace, transfer.pace_from = pace, (now, transfer.place)

    # -- the end of one -------------------------------------------------------------------

    def _decline(self, transfer: _Transfer, code: Code, to_us: Code | None = None) -> list[Effect]:
        return [Say(_decline(transfer.id, code.value)), *self._gone(transfer, to_us or code)]

    def _give_up(self, transfer: _Transfer, code: Code, to_us: Code | None = None) -> list[Effect]:
        cancel = wire.Cancel(seq=0, received=0, transfer=transfer.id, code=code.value)
        return [Say(cancel), *self._gone(transfer, to_us or code)]

    def _gone(self, transfer: _Transfer, code: Code) -> list[Effect]:
        was = transfer.state
        self._close(transfer)
        discard: list[Effect] = [] if was is State.OFFERED else [DiscardFile(transfer.id)]
        return [*discard, Emit(failed(transfer.id, code))]

    def _close(self, transfer: _Transfer) -> None:
        self._unwritten -= transfer.place - transfer.written
        del self._transfers[transfer.id]


def _decline(transfer: str, code: str) -> wire.Decline:
    return wire.Decline(seq=0, received=0, transfer=transfer, code=code)


def _paused(transfer: _Transfer) -> Emit:
    return Emit(api.Paused(transfer.id, by_you=transfer.paused, by_peer=transfer.paused_by_peer))
