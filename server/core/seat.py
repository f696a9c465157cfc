"""One person's seat: the only place where it is decided whether they are free, waiting or taken (spec §4.4).

::

              wait               reserve(match, lease)          commit
    IDLE ────────────▶ WAITING(epoch) ────────────▶ RESERVED(match) ──────▶ PAIRED(match)
     ▲                  │        ▲                       │                      │
     └──── stand ───────┘        └── release, lease out ─┘                      │
     └────────────────────────────────── stand ─────────────────────────────────┘

Whoever proposes a pair, and however late, lost or doubled the proposal
comes: it takes a seat only if that seat waits with the very epoch that was
proposed, so nobody is ever in two matches.
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
    """The seat of one person who is logged in, or away from a talk that goes on."""

    __slots__ = ("epoch", "lease", "match_id", "state")

    def __init__(self) -> None:
        self.state = SeatState.IDLE
        self.epoch = 0
        "Names one time of waiting; grows, and is never used twice."
        self.match_id = ""
        "The match it is reserved for or paired in."
        self.lease = 0.0
        "Monotonic seconds at which a reservation lapses."

    def wait(self, epoch: int) -> None:
        """Begin to wait.

        Raises:
            LocalProtocolError: the seat is not idle, or the epoch not new.
        """
        if self.state is not SeatState.IDLE or epoch <= self.epoch:
            raise LocalProtocolError(f"wait({epoch}) while {self.state.value}({self.epoch})")
        self.state, self.epoch = SeatState.WAITING, epoch

    def reserve(self, match_id: str, *, epoch: int, lease: float) -> bool:
        """Take the seat for a match until `lease`; False unless it waits with that epoch."""
        if self.state is not SeatState.WAITING or self.epoch != epoch:
            return False
        self.state, self.match_id, self.lease = SeatState.RESERVED, match_id, lease
        return True

    def commit(self, match_id: str, *, now: float) -> bool:
        """Make a reservation good; False if it is another's, or has lapsed."""
        if self.state is not SeatState.RESERVED or self.match_id != match_id or now >= self.lease:
            return False
        self.state = SeatState.PAIRED
        return True

    def release(self, match_id: str) -> bool:
        """Give a reservation up: back to waiting, with the old epoch. False if it is not this match's."""
        if self.state is not SeatState.RESERVED or self.match_id != match_id:
            return False
        self.state, self.match_id = SeatState.WAITING, ""
        return True

    def lapse(self, *, now: float) -> bool:
        """Release a reservation whose lease has run out; False if there is none."""
        return self.state is SeatState.RESERVED and now >= self.lease and self.release(self.match_id)

    def hold(self, match_id: str) -> None:
        """Be paired, on the word of a client whose talk is older than this server's memory.

        Raises:
            LocalProtocolError: the seat is not idle.
        """
        if self.state is not SeatState.IDLE:
            raise LocalProtocolError(f"hold while {self.state.value}")
        self.state, self.match_id = SeatState.PAIRED, match_id

    def stand(self) -> None:
        """Be free: neither waiting nor in a match."""
        self.state, self.match_id = SeatState.IDLE, ""
