"""Decide when the network has changed under us (spec §6.6).

::

    STEADY ──a place is gone, or we slept──▶ STEADY (Changed, at once)
      │ ▲
      │ └───────────SETTLE (Changed)─────────┐
      └──something is new, or flickered──▶ RESTLESS

What is lost is told at once: every second spent on it is wasted. What is new
gets a moment, because an address comes before its route.
"""

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from floater.machine import Tick
from floater.wire.endpoint import Address

LOOK_EVERY: Final = 1.0
"Seconds between two looks at the network, whether or not the system told us of anything."
SETTLE: Final = 0.03
"Seconds that news of the network have to become whole."
SLEPT: Final = 3.0
"Seconds that this computer slept, or did nothing at all, after which no stream is trusted."


@dataclass(frozen=True, slots=True)
class Seen:
    """What the network looks like now.

    Attributes:
        places: our addresses.
        routers: our gateways.
        asleep: seconds that this computer has slept since some moment; only differences count.
    """

    places: frozenset[Address]
    routers: frozenset[Address]
    asleep: float = 0.0


@dataclass(frozen=True, slots=True)
class Flickered:
    """An address was taken away, or (None) a cable was out, if only for a moment."""

    place: Address | None


@dataclass(frozen=True, slots=True)
class Look:
    """Feed `Seen`."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The network is another one: streams on an address of `gone` are dead, all others doubtful."""

    gone: frozenset[Address]


Event: TypeAlias = Seen | Flickered | Tick
Effect: TypeAlias = Look | Changed


class Network:
    """What this computer's network was when it was last looked at. Begins with the first `Seen`."""

    def __init__(self) -> None:
        self._seen: Seen | None = None
        self._looked = 0.0
        self._settled: float | None = None

    @property
    def deadline(self) -> float | None:
        """Monotonic seconds at which to feed `Tick`; None until the first `Seen`."""
        if self._seen is None:
            return None
        look = self._looked + LOOK_EVERY
        return look if self._settled is None else min(look, self._settled)

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance. The match below is the whole transition table."""
        match event:
            case Seen():
                return self._see(event, now)
            case Flickered(None):
                self._stir(now)
            case Flickered(place) if place is not None and self._seen and place in self._seen.places:
                self._seen = replace(self._seen, places=self._seen.places - {place})
                return [Changed(frozenset((place,)))]
            case Tick() if self._settled is not None and now >= self._settled:
                self._settled = None
                return [Changed(frozenset())]
            case Tick() if self._seen is not None and now >= self._looked + LOOK_EVERY:
                stood_still = now >= self._looked + LOOK_EVERY + SLEPT
                self._looked = now
                return [Look(), *([Changed(frozenset())] if stood_still else [])]
        return []

    def _see(self, seen: Seen, now: float) -> list[Effect]:
        before, self._seen, self._looked = self._seen, seen, now
        if before is None:
            return []
        gone = before.places - seen.places
        if gone or seen.asleep - before.asleep >= SLEPT:
            self._settled = None
            return [Changed(gone)]
        if (seen.places, seen.routers) != (before.places, before.routers):
            self._stir(now)
        return []

    def _stir(self, now: float) -> None:
        if self._settled is None:
            self._settled = now + SETTLE
