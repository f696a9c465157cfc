"""Find out which protocols our router speaks, and notice that it has restarted; for `port_mapping`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from floater.core.meet.mapped_port import FIRST_PAUSE, Outcome, Protocol
from floater.machine import earliest
from floater.wire.endpoint import Endpoint, Scope, scope_of

SEARCH_TIME: Final = 1.0
"Seconds from the first question to giving up for now."
REST: Final = 600.0
"Seconds until a router that granted nothing is asked again by itself."


@dataclass(frozen=True, slots=True)
class Place:
    """The router that is asked.

    Attributes:
        router: its address.
        address: the address of this computer that faces it.
    """

    router: str
    address: str


@dataclass(frozen=True, slots=True)
class Search:
    """Ask whether the router speaks this protocol."""

    protocol: Protocol


class Router:
    """What is known of one router.

    Args:
        protocols: those in which it may be asked, the better ones first.
    """

    def __init__(self, protocols: Sequence[Protocol]) -> None:
        self.place: Place | None = None
        self.is_nested = False
        "Whether it said that it has no public address."
        self._protocols = protocols
        self._spoken: set[Protocol] = set()
        self._absent: set[Protocol] = set()
        self._rounds = 0
        self._ask_at: float | None = None
        self._search_ends: float | None = None
        self._clocks: dict[Protocol, tuple[int, float]] = {}

    @property
    def deadline(self) -> float | None:
        """Monotonic seconds at which the search goes on, ends, or begins anew; None for never."""
        return earliest(self._ask_at, self._search_ends)

    @property
    def is_searched(self) -> bool:
        """Whether answers to a search are awaited."""
        return self._search_ends is not None

    @property
    def is_found(self) -> bool:
        """Whether it speaks any protocol."""
        return bool(self._spoken)

    def move(self, place: Place | None) -> None:
        """Begin with another router; None: no router can map a port."""
        self.place = place
        self._spoken.clear()
        self._absent.clear()
        self._clocks.clear()
        self.end_search()

    def search(self, now: float) -> list[Search]:
        """Ask in all protocols, as if nothing were known."""
        self._rounds, self._search_ends, self.is_nested = 0, now + SEARCH_TIME, False
        self._spoken.clear()
        self._absent.clear()
        return self.search_on(now)

    def search_on(self, now: float) -> list[Search]:
        """Ask again in the protocols that are still unanswered."""
        self._ask_at = now + FIRST_PAUSE * 2.0**self._rounds
        self._rounds += 1
        return [Search(one) for one in self._protocols if one not in self._spoken | self._absent]

    def end_search(self) -> None:
        """Wait for answers no longer. Those that come all the same count."""
        self._ask_at = self._search_ends = None

    def is_search_over(self, now: float) -> bool:
        """Whether the time for answers is over."""
        return self._search_ends is not None and now >= self._search_ends

    def is_due(self, now: float) -> bool:
        """Whether to go on with the search, or to begin a new one after a rest."""
        return self._ask_at is not None and now >= self._ask_at

    def rest(self, now: float) -> None:
        """Search again after REST, unless that is planned already."""
        self._ask_at = self._ask_at or now + REST

    def found(self, protocol: Protocol, host: str | None) -> bool:
        """Note that it speaks a protocol; returns False if it is of no use because its address is not public.

        Args:
            protocol: which.
            host: its public address; None: it did not say.
        """
        if host is not None and scope_of(host) is not Scope.PUBLIC:
            self.is_nested = True
            return False
        self._spoken.add(protocol)
        return True

    def lacks(self, protocol: Protocol) -> None:
        """Note that it does not speak a protocol. The search ends once that is known of all."""
        self._spoken.discard(protocol)
        self._absent.add(protocol)
        if self._absent.issuperset(self._protocols) and self.is_searched:
            self.end_search()

    def has_restarted(self, protocol: Protocol, epoch: int | None, now: float) -> bool:
        """Compare its clock with ours (RFC 6887 §8.5); a router that restarted has lost every mapping."""
        if epoch is None:
            return False
        before = self._clocks.get(protocol)
        self._clocks[protocol] = epoch, now
        if before is None:
            return False
        ours, theirs = now - before[1], epoch - before[0]
        return theirs < -1 or ours + 2 < theirs * 15 / 16 or theirs + 2 < ours * 15 / 16

    def can_open(self, external: Endpoint, port: int) -> bool:
        """Tell whether the router can be right that a port is open here: by IPv6 only as our own endpoint."""
        own = "" if self.place is None else self.place.address
        return ":" not in own or external == Endpoint(own, port)

    def next_protocol(self, tried: Collection[Protocol]) -> Protocol | None:
        """The best protocol that it speaks and that has not been tried."""
        return next((one for one in self._protocols if one in self._spoken and one not in tried), None)

    def outcome(self, tried: Collection[Protocol]) -> Outcome:
        """Why a port is not mapped, after these protocols were tried and the search is over."""
        if self.is_nested:
            return Outcome.NESTED
        return Outcome.REFUSED if tried or self._spoken else Outcome.SILENT
