"""Remember what the observers saw, and decide which of their streams belong to known accounts (spec §5.1).

Each control connection has an `observer_key`. A stream to an observer that names it is the same client's.
"""

from collections.abc import Hashable
from itertools import islice
from typing import Final, Generic, NamedTuple, TypeVar

from floater.wire.endpoint import Endpoint

HELD_OPEN: Final = 600.0
"Seconds without a request before an observer hangs up, if the last request named a known `observer_key`."
HELD_FOR_STRANGERS: Final = 30.0
"Seconds likewise, if it did not."
MAX_SEEN: Final = 32
"Endpoints noted for one connection, and streams of it that are trusted; the oldest endpoint goes first."

T = TypeVar("T", bound=Hashable)


class Treatment(NamedTuple):
    """How a stream is treated that names a key."""

    held: float
    "Seconds for which it may be silent."
    is_trusted: bool
    "It counts as one of a known account."


class Observations(Generic[T]):
    """The endpoints that the observers saw, and their streams, by `observer_key`."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[Endpoint, None]] = {}
        self._streams: dict[str, dict[T, None]] = {}  # in the order in which they named the key
        self._trusted: dict[str, set[T]] = {}  # those of a key that has logged in, up to MAX_SEEN of each

    def expect(self, key: str) -> None:
        """Note endpoints for this key from now on."""
        self._seen[key] = {}

    def forget(self, key: str) -> list[T]:
        """Forget a key whose connection has ended; return the streams that are of no known account now."""
        self._seen.pop(key, None)
        self._streams.pop(key, None)
        return self.distrust(key)

    def distrust(self, key: str) -> list[T]:
        """Trust a key no more whose connection has logged out; return the streams that are unknown now."""
        return list(self._trusted.pop(key, ()))

    def trust(self, key: str) -> list[T]:
        """Trust a key whose connection has logged in; return those of its streams that are known from now on.

        They are MAX_SEEN at most, those that named the key first. May be called again.
        """
        if key not in self._seen:
            return []
        trusted = self._trusted.setdefault(key, set())
        waiting = (stream for stream in self._streams.get(key, ()) if stream not in trusted)
        new = list(islice(waiting, MAX_SEEN - len(trusted)))
        trusted.update(new)
        return new

    def join(self, key: str, stream: T) -> Treatment:
        """Take note that a stream names this key."""
        if key not in self._seen:
            return Treatment(HELD_FOR_STRANGERS, is_trusted=False)
        self._streams.setdefault(key, {})[stream] = None
        trusted = self._trusted.get(key)
        if trusted is not None and len(trusted) < MAX_SEEN:
            trusted.add(stream)
        return Treatment(HELD_OPEN, is_trusted=trusted is not None and stream in trusted)

    def part(self, key: str, stream: T) -> None:
        """Take note that a stream that named this key has ended, or names another."""
        streams = self._streams.get(key, {})
        streams.pop(stream, None)
        if not streams:
            self._streams.pop(key, None)
        self._trusted.get(key, set()).discard(stream)

    def note(self, key: str, endpoint: Endpoint) -> None:
        """Note an endpoint for a key; ignore a key that was not given to a connection."""
        seen = self._seen.get(key)
        if seen is None:
            return
        seen.pop(endpoint, None)
        seen[endpoint] = None
        if len(seen) > MAX_SEEN:
            del seen[next(iter(seen))]

    def seen(self, key: str) -> frozenset[Endpoint]:
        """Return the endpoints noted for a key."""
        return frozenset(self._seen.get(key, ()))
