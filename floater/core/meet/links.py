"""The links of one match: which are ready, which is in use, and which are about to be closed (spec §6.5)."""

from dataclasses import dataclass
from typing import Final

from floater.api import PathKind

LOSER_GRACE: Final = 0.25
"Seconds that a link lives on after another was chosen before it."
REPLACED_GRACE: Final = 2.0
"Seconds that a link lives on after a better one was chosen after it."

MAX_UNUSED: Final = 4
"Ready links kept beside the one in use: an honest leader leaves no more, and each is a socket."

_RANK: Final = {PathKind.LAN: 0, PathKind.DIRECT: 1, PathKind.RELAY: 2}


@dataclass(frozen=True, slots=True)
class Ready:
    """A link is authenticated.

    Attributes:
        link: its number.
        kind: the way it takes.
        how: by what means it came about, a word for the receipt.
        received: the last number of the conversation that the peer says it has received.
        rtt: round-trip time in seconds; None: not measured.
    """

    link: int
    kind: PathKind
    how: str
    received: int
    rtt: float | None = None


@dataclass(frozen=True, slots=True)
class Discard:
    """Close a link; nothing on it matters any more."""

    link: int


class Links:
    """The links that are ready."""

    def __init__(self) -> None:
        self.current: Ready | None = None
        "The link in use."
        self._ready: dict[int, Ready] = {}
        self._close_at: dict[int, float] = {}

    @property
    def deadline(self) -> float | None:
        """Monotonic seconds at which `close_due` has something to close; None for never."""
        return min(self._close_at.values(), default=None)

    @property
    def kind(self) -> PathKind | None:
        """The way that the link in use takes; None: no link is in use."""
        return None if self.current is None else self.current.kind

    @property
    def best(self) -> Ready | None:
        """The link to use if all are free to choose from: the lowest rank, then the first that was ready."""
        return min(self._ready.values(), key=lambda ready: _RANK[ready.kind], default=None)

    def __contains__(self, link: int) -> bool:
        return link in self._ready

    def add(self, ready: Ready) -> list[Discard]:
        """Add a link. Of too many that are not in use, close the oldest."""
        self._ready[ready.link] = ready
        unused = [link for link in self._ready if self.current is None or link != self.current.link]
        if len(unused) <= MAX_UNUSED:
            return []
        self.remove(unused[0])
        return [Discard(unused[0])]

    def is_better(self, kind: PathKind) -> bool:
        """Tell whether a link of this kind would be better than the one in use."""
        return self.kind is None or _RANK[kind] < _RANK[self.kind]

    def use(self, link: int, now: float) -> Ready:
        """Use a link from now on, and close the one that was in use after REPLACED_GRACE."""
        if self.current is not None and self.current.link != link:
            self._close_at[self.current.link] = now + REPLACED_GRACE
        self._close_at.pop(link, None)
        self.current = self._ready[link]
        return self.current

    def leave_unused(self, link: int, now: float) -> None:
        """Close a link that was not chosen after LOSER_GRACE."""
        self._close_at[link] = now + LOSER_GRACE

    def remove(self, link: int) -> Ready | None:
        """Forget a link that is gone, also as the link in use; returns it if it was ready."""
        if self.current is not None and self.current.link == link:
            self.current = None
        self._close_at.pop(link, None)
        return self._ready.pop(link, None)

    def lost_in_order(self, lost: frozenset[int]) -> list[int]:
        """List those of `lost` that are ready. The link in use comes last: none of them may replace it."""
        current = None if self.current is None else self.current.link
        return sorted(lost & self._ready.keys(), key=lambda link: (link == current, link))

    def close_due(self, now: float) -> list[Discard]:
        """Close the links whose time is over."""
        due = [link for link, at in self._close_at.items() if now >= at]
        for link in due:
            del self._close_at[link], self._ready[link]
        return [Discard(link) for link in due]

    def close_all(self) -> list[Discard]:
        """Close every link."""
        closed = [Discard(link) for link in self._ready]
        self.current = None
        self._ready.clear()
        self._close_at.clear()
        return closed
