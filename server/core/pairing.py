"""Pair two seats by messages, so that the seats may be held by two nodes (spec §4.4).

The node of the account that looks for a partner is the caller; the seat that
it was proposed is the callee's. The same messages travel where both seats are
held by one node::

    caller's seat                                   callee's seat
    WAITING ──Propose──▶ RESERVED ──Reserve──▶      WAITING
                                  ◀──Reserved──     RESERVED until its lease runs out
                                  ──Commit──▶       PAIRED
              PAIRED ◀──Committed──

A message may be delayed, doubled or lost. The caller repeats Reserve and
Commit until they are answered or its own lease runs out. The callee answers
every message about a match by how its seat stands: reserved for it, paired in
it, or neither (Declined, Lapsed). A seat takes a match only while it waits
with the proposed epoch and its lease holds, so no account is ever in two
matches; every reservation ends with its lease, so no seat is reserved for
ever. If the callee was paired and the caller gave up, the caller's node says
`Abandoned`, and the callee's match is ended.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from floater.machine import Tick
from floater.wire.control import Role
from server.core.pool import Hint, NodeId, UserId
from server.core.seat import Seat, SeatState
from server.core.side import Side

LEASE: Final = 3.0
"Seconds after which a reservation lapses."
PATIENCE: Final = 1.5
"Seconds for an answer to Reserve. The rest of the lease is for Commit."
REPEAT: Final = 0.5
"Seconds after which Reserve or Commit is sent again while it is not answered."


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


# -- other events -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wait:
    """An account of this node looks for a stranger. Its seat is idle and `epoch` is new."""

    user: UserId
    epoch: int
    side: Side


@dataclass(frozen=True, slots=True)
class Propose:
    """Try this pair. The caller is of this node; if its seat does not wait, nothing happens."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Stand:
    """An account of this node neither waits nor is in a match from now on."""

    user: UserId


@dataclass(frozen=True, slots=True)
class Undo:
    """The callee has ended this match, perhaps before the caller was paired in it."""

    match_id: str


Event: TypeAlias = Message | Wait | Propose | Stand | Undo


# -- effects ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Send:
    """Bring a message to a node."""

    to: NodeId
    message: Message


@dataclass(frozen=True, slots=True)
class Paired:
    """A seat of this node is paired."""

    match_id: str
    user: UserId
    peer: Hint
    role: Role
    side: Side
    peer_side: Side
    issued: float
    "UTC seconds, the same for both."


@dataclass(frozen=True, slots=True)
class Failed:
    """A proposal of this node came to nothing; the caller's seat waits again."""

    proposal: Proposal
    is_gone: bool


@dataclass(frozen=True, slots=True)
class Freed:
    """The reservation of a seat of this node was released or has lapsed; the seat waits again."""

    user: UserId


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The callee is in a match that the caller never entered: it has to be ended."""

    proposal: Proposal


Effect: TypeAlias = Send | Paired | Failed | Freed | Abandoned


# -- the machine --------------------------------------------------------------------------


@dataclass(slots=True)
class _Attempt:
    """A proposal of this node that is under way."""

    proposal: Proposal
    again: float
    "When to repeat the message."
    until: float
    "When to give up."
    peer_side: Side | None = None
    "The callee's, once it is reserved; Commit is under way from then on."


class Pairing:
    """The seats of one node's accounts."""

    def __init__(self) -> None:
        self._seats: dict[UserId, Seat] = {}
        self._sides: dict[UserId, Side] = {}
        self._attempts: dict[UserId, _Attempt] = {}
        # In order of the leases, because all last equally long.
        self._reserved: dict[UserId, tuple[Proposal, Side]] = {}

    @property
    def deadline(self) -> float | None:
        """When to repeat a message, to give a proposal up, or to release a reservation."""
        return min(self._deadlines(), default=None)

    def _deadlines(self) -> Iterator[float]:
        for attempt in self._attempts.values():
            yield min(attempt.again, attempt.until)
        for user in self._reserved:
            yield self._seats[user].lease
            return

    # -- seats ----------------------------------------------------------------------------

    def __contains__(self, user: UserId) -> bool:
        return user in self._seats

    def sit(self, user: UserId) -> None:
        """Give an account a seat, unless it has one."""
        self._seats.setdefault(user, Seat())

    def remove(self, user: UserId) -> None:
        """Take the seat of an account away. It is idle."""
        del self._seats[user]

    def hold(self, user: UserId, match_id: str) -> None:
        """Pair an idle seat in a match that is older than this server's memory."""
        self._seats[user].hold(match_id)

    def rename(self, user: UserId, username: str) -> None:
        """Change the name under which a waiting account will be introduced."""
        if (side := self._sides.get(user)) is not None:
            self._sides[user] = replace(side, username=username)

    def state(self, user: UserId) -> SeatState | None:
        """Return how an account's seat stands; None if it has none."""
        seat = self._seats.get(user)
        return None if seat is None else seat.state

    def match_of(self, user: UserId) -> str:
        """Return the match in which a seat is paired; empty if it is in none."""
        seat = self._seats.get(user)
        return seat.match_id if seat is not None and seat.state is SeatState.PAIRED else ""

    # -- events ---------------------------------------------------------------------------

    def feed(self, event: Event | Tick, *, now: float) -> list[Effect]:
        """Advance.

        Raises:
            LocalProtocolError: Wait for a seat that is not idle.
        """
        match event:
            case Wait(user, epoch, side):
                self._seats[user].wait(epoch)
                self._sides[user] = side
                return []
            case Propose(proposal):
                return self._propose(proposal, now)
            case Reserve(proposal, side):
                return [Send(proposal.caller.node, self._reserve(proposal, side, now))]
            case Reserved(proposal, side):
                return self._commit(proposal, side, now)
            case Declined(proposal, is_gone):
                attempt = self._attempt(proposal)
                if attempt is None or attempt.peer_side is not None:
                    return []
                return self._fail(attempt, is_gone=is_gone)
            case Commit(proposal):
                return self._accept(proposal, now)
            case Committed(proposal):
                return self._enter(proposal, now)
            case Lapsed(proposal):
                attempt = self._attempt(proposal)
                return [] if attempt is None else self._fail(attempt)
            case Release(proposal):
                return self._release(proposal)
            case Stand(user):
                return self._stand(user)
            case Undo(match_id):
                attempts = [one for one in self._attempts.values() if one.proposal.match_id == match_id]
                return [effect for attempt in attempts for effect in self._fail(attempt)]
            case _:  # Tick
                return self._tick(now)

    # -- the caller -----------------------------------------------------------------------

    def _propose(self, proposal: Proposal, now: float) -> list[Effect]:
        caller = proposal.caller
        if not self._seats[caller.user].reserve(proposal.match_id, epoch=caller.epoch, lease=now + LEASE):
            return []
        self._attempts[caller.user] = _Attempt(proposal, now + REPEAT, now + PATIENCE)
        return [Send(proposal.callee.node, Reserve(proposal, self._sides[caller.user]))]

    def _attempt(self, proposal: Proposal) -> _Attempt | None:
        attempt = self._attempts.get(proposal.caller.user)
        return attempt if attempt is not None and attempt.proposal.match_id == proposal.match_id else None

    def _commit(self, proposal: Proposal, side: Side, now: float) -> list[Effect]:
        attempt = self._attempt(proposal)
        if attempt is None:
            return [] if self._is_in(proposal) else [Send(proposal.callee.node, Release(proposal))]
        if attempt.peer_side is not None:
            return []  # Commit is under way, and is repeated
        attempt.peer_side, attempt.again = side, now + REPEAT
        attempt.until = self._seats[proposal.caller.user].lease
        return [Send(proposal.callee.node, Commit(proposal))]

    def _enter(self, proposal: Proposal, now: float) -> list[Effect]:
        attempt = self._attempt(proposal)
        if attempt is None or attempt.peer_side is None:
            return [] if self._is_in(proposal) else [Abandoned(proposal)]
        user = proposal.caller.user
        if not self._seats[user].commit(proposal.match_id, now=now):
            return [Abandoned(proposal), *self._fail(attempt)]
        del self._attempts[user]
        role = Role.LEADER if proposal.caller_leads else Role.FOLLOWER
        return [self._paired(proposal, user, proposal.callee, role, attempt.peer_side)]

    def _is_in(self, proposal: Proposal) -> bool:
        return self.match_of(proposal.caller.user) == proposal.match_id

    def _fail(self, attempt: _Attempt, *, is_gone: bool = False) -> list[Effect]:
        proposal = attempt.proposal
        del self._attempts[proposal.caller.user]
        self._seats[proposal.caller.user].release(proposal.match_id)
        return [Failed(proposal, is_gone)]

    # -- the callee -----------------------------------------------------------------------

    def _reserve(self, proposal: Proposal, side: Side, now: float) -> Message:
        callee = proposal.callee
        seat = self._seats.get(callee.user)
        if seat is None or seat.epoch != callee.epoch:
            return Declined(proposal, is_gone=True)
        if seat.match_id == proposal.match_id:  # it comes again
            is_reserved = seat.state is SeatState.RESERVED
            return Reserved(proposal, self._sides[callee.user]) if is_reserved else Committed(proposal)
        self._give_way(proposal, seat)
        if not seat.reserve(proposal.match_id, epoch=callee.epoch, lease=now + LEASE):
            return Declined(proposal, is_gone=seat.state is not SeatState.RESERVED)
        self._reserved[callee.user] = proposal, side
        return Reserved(proposal, self._sides[callee.user])

    def _give_way(self, proposal: Proposal, seat: Seat) -> None:
        """Withdraw our own proposal if the two seats call each other and the other has the lower number."""
        caller, callee = proposal.caller.user, proposal.callee.user
        own = self._attempts.get(callee)
        if (
            own is not None
            and own.peer_side is None
            and own.proposal.callee.user == caller
            and caller < callee
        ):
            del self._attempts[callee]
            seat.release(own.proposal.match_id)

    def _accept(self, proposal: Proposal, now: float) -> list[Effect]:
        user, home = proposal.callee.user, proposal.caller.node
        if self.match_of(user) == proposal.match_id:  # it comes again
            return [Send(home, Committed(proposal))]
        seat = self._seats.get(user)
        if seat is None or not seat.commit(proposal.match_id, now=now):
            return [Send(home, Lapsed(proposal))]
        _, side = self._reserved.pop(user)
        role = Role.FOLLOWER if proposal.caller_leads else Role.LEADER
        return [
            self._paired(proposal, user, proposal.caller, role, side),
            Send(home, Committed(proposal)),
        ]

    def _release(self, proposal: Proposal) -> list[Effect]:
        user = proposal.callee.user
        if self.match_of(user) == proposal.match_id:
            return [Send(proposal.caller.node, Committed(proposal))]
        seat = self._seats.get(user)
        if seat is None or not seat.release(proposal.match_id):
            return []
        del self._reserved[user]
        return [Freed(user)]

    # -- both -----------------------------------------------------------------------------

    def _paired(self, proposal: Proposal, user: UserId, peer: Hint, role: Role, peer_side: Side) -> Paired:
        side = self._sides.pop(user)
        return Paired(proposal.match_id, user, peer, role, side, peer_side, proposal.issued)

    def _stand(self, user: UserId) -> list[Effect]:
        effects: list[Effect] = []
        if (attempt := self._attempts.pop(user, None)) is not None:
            effects.append(Send(attempt.proposal.callee.node, Release(attempt.proposal)))
        self._reserved.pop(user, None)
        self._sides.pop(user, None)
        self._seats[user].stand()
        return effects

    def _tick(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        for attempt in list(self._attempts.values()):
            proposal = attempt.proposal
            if attempt.until <= now:
                effects += [Send(proposal.callee.node, Release(proposal)), *self._fail(attempt)]
            elif attempt.again <= now:
                attempt.again = now + REPEAT
                is_reserved = attempt.peer_side is not None
                again = (
                    Commit(proposal) if is_reserved else Reserve(proposal, self._sides[proposal.caller.user])
                )
                effects.append(Send(proposal.callee.node, again))
        for user in list(self._reserved):
            if not self._seats[user].lapse(now=now):
                break
            del self._reserved[user]
            effects.append(Freed(user))
        return effects
