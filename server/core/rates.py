"""Limit rates by the generic cell rate algorithm (ITU-T I.371, Annex A), many keys at once.

A key has one number, the time at which it will be as good as new again. What
is granted moves that time on by `seconds / count`; what would move it more
than `seconds` beyond now is refused. Nothing has to run in between, and a key
that is as good as new is forgotten.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

MAX_KEYS: Final = 200_000
"Keys remembered at once, about 30 MB. Beyond, one is forgotten for each new one."
_LOOKED_AT: Final = 8
"Keys among which the one to forget is chosen."


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` at once, and `count` again in each `seconds`."""

    count: int
    seconds: float

    @property
    def interval(self) -> float:
        """Seconds between two in the long run."""
        return self.seconds / self.count

    def wait(self, good_at: float, *, now: float) -> float:
        """Return 0.0 if one more may be granted now, else the seconds after which to ask again.

        Args:
            good_at: when what has been granted is as good as forgotten; any past time at first.
            now: monotonic seconds.
        """
        # A tolerance, because n times an interval is not exactly n intervals in floating point.
        beyond = max(good_at, now) + self.interval - (now + self.seconds)
        return beyond if beyond > self.interval * 1e-6 else 0.0

    def charge(self, good_at: float, *, now: float, times: int = 1) -> float:
        """Return what becomes of `good_at` by granting one more; a negative number gives back."""
        return max(good_at, now) + self.interval * times


def parse_rates(text: str, *counts: int) -> tuple[Rate | None, ...]:
    """Read `COUNT/SECONDS` several times, with `-` for no limit.

    Args:
        text: the rates.
        counts: how many there may be; any number if none is given.

    Raises:
        ValueError: something else, another number of them, or a number that is not above 0.
    """
    rates: list[Rate | None] = []
    for word in text.split():
        if word == "-":
            rates.append(None)
            continue
        count_text, _, seconds_text = word.partition("/")
        rate = Rate(int(count_text), float(seconds_text))
        if rate.count < 1 or not math.isfinite(rate.seconds) or rate.seconds <= 0:
            raise ValueError(f"{word!r} is not COUNT/SECONDS")
        rates.append(rate)
    if counts and len(rates) not in counts:
        raise ValueError(f"{text!r} is not COUNT/SECONDS {counts[-1]} times")
    return tuple(rates)


class Rates:
    """How much each key has used."""

    def __init__(self, max_keys: int = MAX_KEYS) -> None:
        self._good_at: dict[bytes, float] = {}
        self._max_keys = max_keys

    def __len__(self) -> int:
        return len(self._good_at)

    def take(self, wanted: Iterable[tuple[bytes, Rate]], *, now: float) -> float:
        """Take one from every key, or from none.

        If one key refuses, the others are not charged: a source that has used
        up its own limit cannot use up that of an e-mail address as well.

        Args:
            wanted: keys, each with its rate; a key is always given the same rate.
            now: monotonic seconds.

        Returns:
            0.0 if it was granted, else the seconds after which to ask again.
        """
        wanted = tuple(wanted)
        wait = self.wait(wanted, now=now)
        if wait > 0.0:
            return wait
        for key, rate in wanted:
            self._good_at[key] = rate.charge(self._good_at.pop(key, now), now=now)
            if len(self._good_at) > self._max_keys:
                self._forget_one(now)
        return 0.0

    def wait(self, wanted: Iterable[tuple[bytes, Rate]], *, now: float) -> float:
        """Return what `take` would, and take nothing."""
        return max((rate.wait(self._good_at.get(key, now), now=now) for key, rate in wanted), default=0.0)

    def charge(self, key: bytes, rate: Rate, *, now: float, times: int = 1) -> None:
        """Take from a key even if its limit is used up; a negative number gives back."""
        good_at = rate.charge(self._good_at.pop(key, now), now=now, times=times)
        self._good_at[key] = min(good_at, now + 2 * rate.seconds)
        if len(self._good_at) > self._max_keys:
            self._forget_one(now)

    def used(self, key: bytes, *, now: float) -> float:
        """Return how much of a key's limit is used up, in seconds: all of it is the `seconds` of its rate."""
        return max(self._good_at.get(key, now) - now, 0.0)

    def _forget_one(self, now: float) -> None:
        """Forget one of the keys untouched for longest: one as good as new, or else the least used.

        It looks at a few keys only, so that no request waits for a look at all of them.
        """
        looked: list[tuple[float, bytes]] = []
        for _ in range(min(_LOOKED_AT, len(self._good_at))):
            key = next(iter(self._good_at))
            good_at = self._good_at.pop(key)
            if good_at <= now:
                break
            looked.append((good_at, key))
        else:
            looked.remove(min(looked))
        for good_at, key in looked:
            self._good_at[key] = good_at
