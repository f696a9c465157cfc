"""What becomes of each text that we say: delivered, undelivered for now, or for good (spec §7.4).

SENT ──acknowledged──▶ delivered
  └──20 s──▶ LATE ──acknowledged──▶ delivered after all
  └──refused, the talk ends──▶ undelivered
"""

from typing import Final

from floater import api
from floater.codes import Code
from floater.core.emit import Emit
from floater.machine import Tick

UNDELIVERED_AFTER: Final = 20.0
"Seconds without an acknowledgement after which a text counts as not delivered, until it is after all."


class Texts:
    """The texts of one side that the peer has not acknowledged.

    Args:
        letter: what our message ids begin with.
    """

    def __init__(self, letter: str) -> None:
        self._letter = letter
        self._waiting: dict[int, float | None] = {}
        "By number: when each is late, the earliest first; None if it is."

    def __contains__(self, seq: int) -> bool:
        return seq in self._waiting

    @property
    def deadline(self) -> float | None:
        """When the next one is late."""
        if not self._waiting:
            return None
        return next((at for at in self._waiting.values() if at is not None), None)

    def said(self, seq: int, *, now: float) -> str:
        """Wait for this one, from now on; also if it is tried again. Returns its message id."""
        self._waiting.pop(seq, None)  # the latest stands last
        self._waiting[seq] = now + UNDELIVERED_AFTER
        return f"{self._letter}{seq}"

    def acknowledged(self, seq: int) -> list[Emit]:
        """Take the peer's word that it has all up to `seq`."""
        delivered = sorted(text for text in self._waiting if text <= seq)
        for text in delivered:
            del self._waiting[text]
        return [Emit(api.Delivered(f"{self._letter}{text}")) for text in delivered]

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
        return Emit(api.Undelivered(f"{self._letter}{seq}", api.Error(code.value, "")))
