"""One account's seat: the only place that decides whether the account is free, waiting or taken (spec §4.4).

::

              wait               reserve(match, lease)          commit
    IDLE ────────────▶ WAITING(epoch) ────────────▶ RESERVED(match) ──────▶ PAIRED(match)
     ▲                  │        ▲                       │                      │
     └──── stand ───────┘        └── release, lease out ─┘                      │
     └────────────────────────────────── stand ─────────────────────────────────┘

A proposal may come from any node, and may come late, twice or never. It takes
a seat only if the seat waits with the epoch that was proposed, so no account
is ever in two matches.
"""

from enum import StrEnum

from floater.errors import LocalProtocolError


class SeatState(StrEnum):
    """How a seat stands."""

    IDLE = "idle"
    WAITING = "waiting"
    RESERVED = "reserved"
    PAIRED = "paired"


class Seat:
    """The seat of an account that is logged in, or whose connection is gone while its talk goes on."""

    __slots__ = ("epoch", "lease", "match_id", "state")

    def __init__(self) -> None:
        self.state = SeatState.IDLE
        self.epoch = 0
        "Names one period of waiting; grows, and is never used twice."
        self.match_id = ""
        "The match it is reserved for or paired in."
        self.lease = 0.0
        "Monotonic seconds at which the reservation lapses."

    def wait(self, epoch: int) -> None:
        """Start to wait.

        Raises:
            LocalProtocolError: the seat is not idle, or the epoch not new.
        """
        if self.state is not SeatState.IDLE or epoch <= self.epoch:
            raise LocalProtocolError(f"wait({epoch}) while {self.state.value}({self.epoch})")
        self.state, self.epoch = SeatState.WAITING, epoch

    def reserve(self, match_id: str, *, epoch: int, lease: float) -> bool:
        """Reserve the seat for a match until `lease`; return False unless it waits with that epoch."""
        if self.state is not SeatState.WAITING or self.epoch != epoch:
            return False
        self.state, self.match_id, self.lease = SeatState.RESERVED, match_id, lease
        return True

    def commit(self, match_id: str, *, now: float) -> bool:
        """Turn a reservation into a match; return False if it is for another match, or has lapsed."""
        if self.state is not SeatState.RESERVED or self.match_id != match_id or now >= self.lease:
            return False
        self.state = SeatState.PAIRED
        return True

    def release(self, match_id: str) -> bool:
        """Cancel a reservation: wait again, with the same epoch. Return False if it is for another match."""
        if self.state is not SeatState.RESERVED or self.match_id != match_id:
            return False
        self.state, self.match_id = SeatState.WAITING, ""
        return True

    def lapse(self, *, now: float) -> bool:
        """Release a reservation whose lease has run out; return False if there is no such reservation."""
        return self.state is SeatState.RESERVED and now >= self.lease and self.release(self.match_id)

    def hold(self, match_id: str) -> None:
        """Become paired because a client says that its talk is older than this server's memory.

        Raises:
            LocalProtocolError: the seat is not idle.
        """
        if self.state is not SeatState.IDLE:
            raise LocalProtocolError(f"hold while {self.state.value}")
        self.state, self.match_id = SeatState.PAIRED, match_id

    def stand(self) -> None:
        """Become idle: neither waiting nor in a match."""
        self.state, self.match_id = SeatState.IDLE, ""
