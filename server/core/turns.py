"""Decide whose turn is next where many wait for few places: one of each site in rotation.

Once the queue is half full, no site may have more than its share of it; once it is full, the last
that came from the site that holds most gives way to one from a site that holds less.
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
        self._waiting: dict[bytes, dict[T, None]] = {}  # the sites in the order of their turns
        self._size = 0

    def __len__(self) -> int:
        """How many wait."""
        return self._size

    def join(self, site: bytes, one: T) -> T | None:
        """Let one more wait.

        Returns:
            The one that has to give way: `one` itself if there is no place for it, None if there is none.
        """
        held = len(self._waiting.get(site, ()))
        if site and held >= self._share and self._size * 2 >= self._places:
            return one
        loser: T | None = None
        if self._size >= self._places:
            most = max(self._waiting, key=lambda other: len(self._waiting[other]), default=site)
            if len(self._waiting.get(most, ())) <= held + 1:
                return one
            loser = next(reversed(self._waiting[most]))
            self.leave(most, loser)
        self._waiting.setdefault(site, {})[one] = None
        self._size += 1
        return loser

    def leave(self, site: bytes, one: T) -> None:
        """Wait no more; do nothing if it does not wait."""
        waiting = self._waiting.get(site, {})
        if one not in waiting:
            return
        del waiting[one]
        self._size -= 1
        if not waiting:
            del self._waiting[site]

    def next(self) -> T | None:
        """Remove and return the one whose turn it is; None if the queue is empty."""
        site = next(iter(self._waiting), None)
        if site is None:
            return None
        waiting = self._waiting.pop(site)
        one = next(iter(waiting))
        del waiting[one]
        self._size -= 1
        if waiting:
            self._waiting[site] = waiting
        return one
