"""Decide whose turn is next where many wait for few places: one of each site in rotation.

Once the queue is half full, no site may have more than its share of it; once it is full, the last
that came from the site that holds most gives way to one from a site that holds less. Those who are
known have every second turn and, if they need them, half of the places.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Turns(Generic[T]):
    """Those who wait, by site.

    Args:
        places: how many may wait.
        share: how many of one site may wait once half of the places are taken.
    """

    def __init__(self, *, places: int, share: int) -> None:
        self._places = places
        self._share = share
        self._unknown = _Sites[T]()
        self._known = _Sites[T]()
        self._last = self._unknown  # whose turn it was

    def __len__(self) -> int:
        """How many wait."""
        return self._unknown.size + self._known.size

    def join(self, site: bytes, one: T, *, is_known: bool = False) -> T | None:
        """Let one more wait.

        Returns:
            The one that has to give way: `one` itself if there is no place for it, None if there is none.
        """
        own = self._known if is_known else self._unknown
        if site and own.count(site) >= self._share and len(self) * 2 >= self._places:
            return one
        loser: T | None = None
        if len(self) >= self._places:
            if is_known and self._known.size * 2 < self._places and self._unknown.size:
                loser = self._unknown.push_out(1)
            elif (loser := own.push_out(own.count(site) + 2)) is None:
                return one
        own.add(site, one)
        return loser

    def leave(self, site: bytes, one: T) -> None:
        """Wait no more; do nothing if it does not wait."""
        self._unknown.remove(site, one)
        self._known.remove(site, one)

    def next(self) -> T | None:
        """Remove and return the one whose turn it is; None if the queue is empty."""
        first = self._unknown if self._last is self._known else self._known
        self._last = first if first.size else (self._known if first is self._unknown else self._unknown)
        return self._last.take()


class _Sites(Generic[T]):
    """Those who wait, by site, the sites in the order of their turns."""

    def __init__(self) -> None:
        self.size = 0
        self._waiting: dict[bytes, dict[T, None]] = {}

    def count(self, site: bytes) -> int:
        """How many of a site wait."""
        return len(self._waiting.get(site, ()))

    def add(self, site: bytes, one: T) -> None:
        """Let one more wait."""
        self._waiting.setdefault(site, {})[one] = None
        self.size += 1

    def remove(self, site: bytes, one: T) -> None:
        """Remove one; do nothing if it is not here."""
        waiting = self._waiting.get(site, {})
        if one not in waiting:
            return
        del waiting[one]
        self.size -= 1
        if not waiting:
            del self._waiting[site]

    def push_out(self, least: int) -> T | None:
        """Remove and return the last of the site that holds most; None if that holds fewer than `least`."""
        most = max(self._waiting, key=self.count, default=b"")
        if self.count(most) < least:
            return None
        loser = next(reversed(self._waiting[most]))
        self.remove(most, loser)
        return loser

    def take(self) -> T | None:
        """Remove and return the one whose turn it is."""
        site = next(iter(self._waiting), None)
        if site is None:
            return None
        waiting = self._waiting.pop(site)
        one = next(iter(waiting))
        del waiting[one]
        self.size -= 1
        if waiting:
            self._waiting[site] = waiting
        return one
