"""The bytes of one file on their way in: what has come, and how far we ask ahead (spec §7.6).

The window follows the pace: what comes in a round trip and a bit, so that a
fast link is never idle, and on a slow one little lies in buffers where a text
would have to wait behind it.
"""

from dataclasses import dataclass
from typing import Final

from floater.codes import Code
from floater.core.talk.sniff import HEAD
from floater.errors import RemoteProtocolError
from floater.wire.frame import Body

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


@dataclass(slots=True)
class Inflow:
    """The bytes of one file of the peer's. Places count from its start; `granted` is exclusive."""

    size: int
    head: bytes = b""
    "The first bytes, up to HEAD of them."
    place: int = 0
    "What has come."
    written: int = 0
    "What the store has written of it."
    granted: int = 0
    "What we have asked for on the link in use."
    window: int = FIRST_WINDOW
    pace: float = 0.0
    "Bytes a second, as last measured on the link in use."
    pace_from: tuple[float, int] | None = None
    got_at: float = 0.0
    "When we last asked."

    @property
    def is_whole(self) -> bool:
        """Whether the last byte has come."""
        return self.place == self.size

    @property
    def is_known(self) -> bool:
        """Whether as much has come as is needed to tell the type of the file."""
        return len(self.head) == HEAD or self.is_whole

    @property
    def can_grow(self) -> bool:
        """Whether the window reaches beyond what was asked for."""
        return self.granted < min(self.size, self.place + self.window)

    @property
    def is_worth_asking(self) -> bool:
        """Whether a sixteenth of the window has been used up."""
        return (self.granted - self.place) * 16 <= self.window * 15

    def take(self, first: int, body: Body | memoryview) -> Body | memoryview:
        """Take bytes from `first` on, and return those that are new; none if all came before.

        Raises:
            RemoteProtocolError: BAD_FIELD (empty), UNEXPECTED (not asked
                for), OUT_OF_ORDER (a gap).
        """
        if not body:
            raise RemoteProtocolError(Code.BAD_FIELD, "a part of nothing")
        end = first + len(body)
        if end > max(self.granted, self.place):
            raise RemoteProtocolError(Code.UNEXPECTED, "a part nobody asked for")
        if end <= self.place:
            return b""
        if first > self.place:
            raise RemoteProtocolError(Code.OUT_OF_ORDER, "bytes left out")
        if first < self.place:
            body = memoryview(body)[self.place - first :]
        if self.place < HEAD:
            self.head += body[: HEAD - self.place]
        self.place = end
        return body

    def ask(self, *, now: float) -> tuple[int, int]:
        """Ask as far as the window reaches; returns the places of the first and the last byte."""
        first, self.granted = self.granted, min(self.size, self.place + self.window)
        self.got_at = now
        return first, self.granted - 1

    def is_due(self, *, now: float) -> bool:
        """Say whether to ask even for little."""
        return now - self.got_at >= GET_INTERVAL or self.granted <= self.place

    def start_anew(self) -> None:
        """Forget what was asked, and the pace: the link has changed."""
        self.granted, self.window = self.place, FIRST_WINDOW
        self.pace, self.pace_from = 0.0, None

    def take_pace(self, rtt: float, *, now: float) -> None:
        """Let the window follow the pace, by no more than a factor of two at once.

        A window that comes whole in little more than a round trip is what holds the pace back: it doubles.
        If the window is large enough, a part of it lies in buffers, and so its last bytes come later.

        Args:
            rtt: seconds of a round trip on the link in use.
            now: monotonic seconds.
        """
        if self.pace_from is None:
            self.pace_from = now, self.place
        since, was = self.pace_from
        took, came = now - since, self.place - was
        queue = max(QUEUE_TIME, rtt / 4)
        if came < self.window and took < max(PACE_TIME, rtt + queue):
            return
        pace, least = came / max(took, 1e-6), self.window // 2
        if came >= self.window and took < rtt + queue / 2:
            least = self.window * 2
        elif pace > GROWTH * self.pace:
            least = self.window
        fits = max(least, min(self.window * 2, int(pace * (rtt + queue))))
        self.window = max(MIN_WINDOW, min(MAX_WINDOW, fits))
        self.pace, self.pace_from = pace, (now, self.place)
