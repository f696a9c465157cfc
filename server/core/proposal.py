"""A proposal to pair two seats, and the messages about it that travel between their nodes."""

from dataclasses import dataclass
from typing import TypeAlias

from server.core.pool import Hint
from server.core.side import Side


@dataclass(frozen=True, slots=True)
class Proposal:
    """Two seats that could be paired. `match_id` is new for each proposal."""

    match_id: str
    caller: Hint
    callee: Hint
    caller_leads: bool
    issued: float
    "UTC seconds, for the ticket."


# -- messages between seats ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reserve:
    """To the callee: reserve the seat for this match."""

    proposal: Proposal
    side: Side
    "The caller's."


@dataclass(frozen=True, slots=True)
class Reserved:
    """To the caller: the seat is reserved."""

    proposal: Proposal
    side: Side
    "The callee's."


@dataclass(frozen=True, slots=True)
class Declined:
    """To the caller: the seat was not reserved."""

    proposal: Proposal
    is_gone: bool
    "The hint is stale: that seat does not wait with that epoch any more. False: it is reserved for another."


@dataclass(frozen=True, slots=True)
class Commit:
    """To the callee: turn the reservation into the match."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Committed:
    """To the caller: the callee is paired."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Lapsed:
    """To the caller: Commit came too late, and the callee's seat is not paired in this match."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Release:
    """To the callee: the caller has given this match up."""

    proposal: Proposal


Message: TypeAlias = Reserve | Reserved | Declined | Commit | Committed | Lapsed | Release
