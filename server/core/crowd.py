"""Count things by a key, and find the key that holds most in constant time.

A full place is defended with it: what has to go is the oldest of the key that holds most, so a
newcomer from elsewhere always finds room.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Crowd(Generic[T]):
    """Things, each under one key, in the order in which they came."""

    def __init__(self) -> None:
        self._held: dict[bytes, dict[T, None]] = {}
        self._by_count: dict[int, dict[bytes, None]] = {}
        self._most = 0
        self._size = 0

    def __len__(self) -> int:
        """How many things there are."""
        return self._size

    def count(self, key: bytes) -> int:
        """Return how many things a key holds."""
        return len(self._held.get(key, ()))

    def holds(self, key: bytes, thing: T) -> bool:
        """Return True if a thing is here, under this key."""
        return thing in self._held.get(key, ())

    def add(self, key: bytes, thing: T) -> None:
        """Add a thing that is not here yet."""
        held = self._held.setdefault(key, {})
        held[thing] = None
        self._size += 1
        self._recount(key, len(held) - 1, len(held))

    def remove(self, key: bytes, thing: T) -> None:
        """Remove a thing; do nothing if it is not here."""
        held = self._held.get(key, {})
        if thing not in held:
            return
        del held[thing]
        self._size -= 1
        self._recount(key, len(held) + 1, len(held))
        if not held:
            del self._held[key]

    def oldest(self, key: bytes) -> T | None:
        """Return the first thing that came under a key; None if it holds nothing."""
        return next(iter(self._held.get(key, ())), None)

    def oldest_of_most(self) -> T | None:
        """Return the first thing of the key that holds most; None if there is nothing."""
        keys = self._by_count.get(self._most)
        return None if not keys else self.oldest(next(iter(keys)))

    def _recount(self, key: bytes, before: int, after: int) -> None:
        """Move a key from one count to the next, which is one more or one less."""
        if before:
            keys = self._by_count[before]
            del keys[key]
            if not keys:
                del self._by_count[before]
        if after:
            self._by_count.setdefault(after, {})[key] = None
        if after > self._most or self._most not in self._by_count:
            self._most = after
