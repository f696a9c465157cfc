"""Decide which connections are let in, and which have to go where there are too many (spec §2.3, §11).

::

    HALF_OPEN ──valid first message──▶ UNKNOWN ──its account is known──▶ KNOWN
        └──────────── it left, or was pushed out ───┴──▶ GONE ◀──────────┘

Where a bound is reached, the newest is not refused: the oldest of the site that holds most has to
go. So what one network opens, and leaves open, takes no place from any other. Those of known accounts
are never pushed out.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from server.core.crowd import Crowd
from server.core.networks import SITE_SHARE, is_loopback, network_of, site_of


class Stage(Enum):
    """How much is known of a connection."""

    HALF_OPEN = 1
    UNKNOWN = 2
    KNOWN = 3
    GONE = 4


class Caller:
    """One connection, as far as bounds depend on it.

    Args:
        host: the address it comes from.
        local: this computer is trusted, and what comes from it is not counted by network or site.
    """

    __slots__ = ("is_exempt", "network", "site", "stage")

    def __init__(self, host: str, *, local: bool) -> None:
        self.network = network_of(host)
        self.site = site_of(host)
        self.is_exempt = local and is_loopback(host)
        "It comes from this computer, and this computer is trusted."
        self.stage = Stage.HALF_OPEN


T = TypeVar("T", bound=Caller)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many connections there may be at once. A site may have four times the share of a network."""

    in_all: int
    of_network: int
    half_open: int
    half_open_of_network: int
    unknown_of_network: int

    @property
    def unknown(self) -> int:
        """Half of all places are for known accounts."""
        return max(1, self.in_all // 2)


class Admission(Generic[T]):
    """All connections of one server. What pushes others out returns them; they are not counted any more."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._all: Crowd[T] = Crowd()
        # The connections of two stages, in the order in which they are pushed out.
        self._by_site: dict[Stage, Crowd[T]] = {stage: Crowd() for stage in (Stage.HALF_OPEN, Stage.UNKNOWN)}
        self._by_network: dict[Stage, Crowd[T]] = {stage: Crowd() for stage in self._by_site}

    def __len__(self) -> int:
        """How many are counted."""
        return len(self._all)

    def admit(self, caller: T) -> list[T]:
        """Count one more connection.

        Returns:
            Those that have to go; the new one among them if known accounts have all places, or all of
            its network.
        """
        gone: list[T] = []
        taken = 0 if caller.is_exempt else self._all.count(caller.network)
        is_full = True
        if taken >= self._bounds.of_network:
            gone = self._push_out(*(crowd.oldest(caller.network) for crowd in self._by_network.values()))
        elif len(self) >= self._bounds.in_all:
            gone = self._push_out(*(crowd.oldest_of_most() for crowd in self._by_site.values()))
        else:
            is_full = False
        if is_full and not gone:
            caller.stage = Stage.GONE
            return [caller]
        self._all.add(caller.network, caller)
        return gone + self._enter(caller)

    def settle(self, caller: T) -> list[T]:
        """Count a connection as open: it has sent a valid first message. May be called again."""
        return self._move(caller, Stage.UNKNOWN) if caller.stage is Stage.HALF_OPEN else []

    def trust(self, caller: T) -> list[T]:
        """Count a connection as one of a known account. May be called again."""
        return self._move(caller, Stage.KNOWN) if caller.stage in self._by_site else []

    def distrust(self, caller: T) -> list[T]:
        """Count a connection as one of no known account again."""
        return self._move(caller, Stage.UNKNOWN) if caller.stage is Stage.KNOWN else []

    def leave(self, caller: T) -> None:
        """Stop counting a connection. May be called again."""
        if caller.stage is not Stage.GONE:
            self._all.remove(caller.network, caller)
            self._part(caller)
            caller.stage = Stage.GONE

    # -- parts of the above ---------------------------------------------------------------

    def _move(self, caller: T, stage: Stage) -> list[T]:
        self._part(caller)
        caller.stage = stage
        return self._enter(caller)

    def _enter(self, caller: T) -> list[T]:
        """Count a connection by its stage; return what is too many of that stage."""
        stage = caller.stage
        if stage is Stage.KNOWN:
            return []
        by_site, by_network = self._by_site[stage], self._by_network[stage]
        by_site.add(caller.site, caller)
        by_network.add(caller.network, caller)
        if stage is Stage.HALF_OPEN:
            in_all, of_network = self._bounds.half_open, self._bounds.half_open_of_network
        else:
            in_all, of_network = self._bounds.unknown, self._bounds.unknown_of_network
        gone: list[T] = []
        if not caller.is_exempt:
            if by_network.count(caller.network) > of_network:
                gone += self._push_out(by_network.oldest(caller.network))
            elif by_site.count(caller.site) > SITE_SHARE * of_network:
                gone += self._push_out(by_site.oldest(caller.site))
        if len(by_site) > in_all:
            gone += self._push_out(by_site.oldest_of_most())
        return gone

    def _part(self, caller: T) -> None:
        if caller.stage in self._by_site:
            self._by_site[caller.stage].remove(caller.site, caller)
            self._by_network[caller.stage].remove(caller.network, caller)

    def _push_out(self, *candidates: T | None) -> list[T]:
        """Push out the first candidate that there is."""
        for caller in candidates:
            if caller is not None:
                self.leave(caller)
                return [caller]
        return []
