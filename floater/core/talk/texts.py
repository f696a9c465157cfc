"""The texts of both sides, and what becomes of each of ours (spec §7.4).

::

    SENT ──acknowledged──▶ delivered
      └──20 s──▶ LATE ──acknowledged──▶ delivered after all
      └──refused, the talk ends──▶ undelivered
"""

from typing import Final

from floater import api
from floater.codes import Code
from floater.core.emit import Emit
from floater.errors import Refused, RemoteProtocolError
from floater.machine import Tick
from floater.wire.limits import MAX_TEXT
from floater.wire.message_id import make_message_id, parse_message_id

UNDELIVERED_AFTER: Final = 20.0
"Seconds without an acknowledgement after which a text counts as not delivered, until it is after all."


def body_of(text: str) -> bytes:
    """Lay out what our person wants to say.

    Raises:
        Refused: TEXT_EMPTY, TEXT_TOO_LONG.
    """
    body = text.encode("utf-8", "replace")
    if not text.strip():
        raise Refused(Code.TEXT_EMPTY)
    if len(body) > MAX_TEXT:
        raise Refused(Code.TEXT_TOO_LONG)
    return body


def text_in(body: bytes) -> str:
    """Read what the peer says.

    Raises:
        RemoteProtocolError: BAD_FIELD; no UTF-8, empty or longer than MAX_TEXT.
    """
    if not 1 <= len(body) <= MAX_TEXT:
        raise RemoteProtocolError(Code.BAD_FIELD, f"text of {len(body)} bytes")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RemoteProtocolError(Code.BAD_FIELD, "text is no UTF-8") from error


class Texts:
    """The texts of one talk; of ours, those that the peer has not acknowledged.

    Args:
        me: our author name.
        peer: the peer's.
    """

    def __init__(self, me: str, peer: str) -> None:
        self._me = me
        self._peer = peer
        self._waiting: dict[int, float | None] = {}
        "By number: when each is late, the earliest first; None if it is."

    def __contains__(self, seq: int) -> bool:
        return seq in self._waiting

    @property
    def deadline(self) -> float | None:
        """When the next one is late."""
        return next((at for at in self._waiting.values() if at is not None), None)

    def said(self, seq: int, *, now: float) -> str:
        """Wait for the acknowledgement of this one, from now on, and return its message id."""
        self._waiting.pop(seq, None)  # the latest stands last
        self._waiting[seq] = now + UNDELIVERED_AFTER
        return self._id(seq)

    def retry(self, message_id: str, *, next_seq: int, now: float) -> None:
        """Wait anew for a text that is tried again. Any message of ours may be named.

        Args:
            message_id: as our person names it.
            next_seq: the number that no message of ours has yet.
            now: monotonic seconds.

        Raises:
            Refused: NO_SUCH_MESSAGE; it is not ours.
        """
        match parse_message_id(message_id):
            case (self._me, seq) if seq < next_seq:
                if seq in self._waiting:
                    self.said(seq, now=now)
            case _:
                raise Refused(Code.NO_SUCH_MESSAGE)

    def heard(self, seq: int, body: bytes) -> Emit:
        """Take a text of the peer.

        Raises:
            RemoteProtocolError: as `text_in`.
        """
        return Emit(api.TextReceived(make_message_id(self._peer, seq), text_in(body)))

    def acknowledged(self, seq: int) -> list[Emit]:
        """Take the peer's word that it has all up to `seq`."""
        delivered = sorted(text for text in self._waiting if text <= seq)
        for text in delivered:
            del self._waiting[text]
        return [Emit(api.Delivered(self._id(text))) for text in delivered]

    def refused(self, seq: int, code: Code) -> list[Emit]:
        """Take the peer's refusal of this one."""
        del self._waiting[seq]
        return [self._undelivered(seq, code)]

    def feed(self, event: Tick, *, now: float) -> list[Emit]:
        """Advance by the clock."""
        late = [seq for seq, at in self._waiting.items() if at is not None and at <= now]
        for seq in late:
            self._waiting[seq] = None
        return [self._undelivered(seq) for seq in late]

    def end(self) -> list[Emit]:
        """Give up: the talk is over. Nothing is told twice."""
        lost = [self._undelivered(seq) for seq, at in self._waiting.items() if at is not None]
        self._waiting.clear()
        return lost

    def _undelivered(self, seq: int, code: Code = Code.NOT_DELIVERED) -> Emit:
        return Emit(api.Undelivered(self._id(seq), api.Error(code.value, "")))

    def _id(self, seq: int) -> str:
        return make_message_id(self._me, seq)
