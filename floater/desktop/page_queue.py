"""What the page is told, in batches: one is on its way, and what waits for the next one is bounded.

The page takes a batch when it has time. Until then everything is gathered, so a
thousand events cost the page one call. If it takes none for too long, the
waiting events are dropped but for the newest: its running number shows the page
that it has missed some, and `status` and `history` tell it all of them.
"""

from enum import Enum, auto
from typing import Final

from floater import api
from floater.bridge.lines import event_line

MAX_EVENTS: Final = 2_000
"Events that wait for a page that takes nothing."
MAX_BYTES: Final = 1 << 23
"Bytes of their lines."
MAX_NOTICES: Final = 64
"Notices and mails that wait; of more, the newest."

_TOLD_BY_NO_REPLY: Final = (api.Notice, api.Mailed)


class _Kind(Enum):
    REPLY = auto()
    EVENT = auto()
    NOTICE = auto()


class PageQueue:
    """Lines for the page, in order."""

    def __init__(self) -> None:
        self.is_out = False
        "Whether a batch is on its way to the page."
        self._lines: list[tuple[bytes, _Kind]] = []
        self._out: list[tuple[bytes, _Kind]] = []
        "Notices and mails that are on their way."
        self._events = 0
        self._bytes = 0
        self._notices = 0

    def event(self, event: api.Event) -> None:
        """Let an event wait for the next batch."""
        line = event_line(event)
        if isinstance(event, _TOLD_BY_NO_REPLY):
            self._notice(line)
            return
        if self._events >= MAX_EVENTS or self._bytes + len(line) > MAX_BYTES:
            self._drop(_Kind.EVENT)
        self._lines.append((line, _Kind.EVENT))
        self._events += 1
        self._bytes += len(line)

    def reply(self, line: bytes) -> None:
        """Let a reply wait for the next batch. None is dropped: the page waits for each."""
        self._lines.append((line, _Kind.REPLY))

    def next(self) -> str:
        """Return the next batch, lines separated by newlines; empty if none waits or one is on its way."""
        if self.is_out or not self._lines:
            return ""
        batch = b"".join(line for line, _ in self._lines)
        self._out = [each for each in self._lines if each[1] is _Kind.NOTICE]
        self._drop(*_Kind)
        self.is_out = True
        return batch.decode("utf-8").rstrip("\n")

    def ask(self) -> None:
        """Note that an empty batch is on its way."""
        self.is_out = True

    def taken(self) -> None:
        """Note that the page has taken what was on its way."""
        self.is_out = False
        self._out = []

    def forget_page(self) -> None:
        """Keep only notices and mails that were not taken: another page asks for all else."""
        self.is_out = False
        self._drop(_Kind.REPLY, _Kind.EVENT)
        untaken, self._out = [*self._out, *self._lines], []
        self._lines = untaken[-MAX_NOTICES:]
        self._notices = len(self._lines)

    def _notice(self, line: bytes) -> None:
        self._lines.append((line, _Kind.NOTICE))
        self._notices += 1
        if self._notices > MAX_NOTICES:
            self._lines.remove(next(each for each in self._lines if each[1] is _Kind.NOTICE))
            self._notices -= 1

    def _drop(self, *kinds: _Kind) -> None:
        self._lines = [each for each in self._lines if each[1] not in kinds]
        if _Kind.EVENT in kinds:
            self._events = self._bytes = 0
        if _Kind.NOTICE in kinds:
            self._notices = 0
