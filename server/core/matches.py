"""Decide who is in which match of any kind, and when a match is over (spec §4.3, §4.4).

::

                Begin, or Return with a match that this server does not remember
    not in it ────────────────────────────────────────────────────────────▶ in it
        ▲                                                                   │
        └── End of either side, Leave, Return without it, away too long ────┘

A match is kept while the connection of either account is gone (`Drop`, then
`Return`), because the talk itself does not need the server. An account may be in
several matches; that at most one of them is a stranger's is the business of its
seat. How a match ended is remembered for those who come back later.
"""

import re
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final, NamedTuple, TypeAlias

from floater.machine import Tick
from floater.wire.control import EndReason
from server.core.pool import NodeId, UserId

ABSENCE_LIMIT: Final = 600.0
"Seconds for which the matches of an account are kept while its connection is gone."
MAX_ENDED: Final = 8
"Ends remembered for one account; the oldest goes first."


_MATCH_ID: Final = re.compile(r"[A-Za-z0-9_-]{22}")


def is_match_id(text: str) -> bool:
    """Return True if a server of this kind may have given this name to a match: 128 bits in base64url."""
    return _MATCH_ID.fullmatch(text) is not None


class Member(NamedTuple):
    """One account in a match, and the node that it is connected to."""

    user: UserId
    node: NodeId


# -- events -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begin:
    """An account of this node is in a match with `peer` from now on."""

    match_id: str
    user: UserId
    peer: Member


@dataclass(frozen=True, slots=True)
class End:
    """An account of this node ends its match."""

    match_id: str
    user: UserId
    reason: EndReason


@dataclass(frozen=True, slots=True)
class Ended:
    """Message to the node of the peer: the match is over for `by`."""

    match_id: str
    by: UserId
    reason: EndReason


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection of an account that is in a match is gone."""

    user: UserId


@dataclass(frozen=True, slots=True)
class Return:
    """An account is here again and says that these of its matches go on; all others are over."""

    user: UserId
    match_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Leave:
    """The log-in of an account has ended, and all its matches with it."""

    user: UserId


@dataclass(frozen=True, slots=True)
class Move:
    """The account is connected to another node now, which knows its matches: forget it here."""

    user: UserId


Event: TypeAlias = Begin | End | Ended | Drop | Return | Leave | Move


# -- effects ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tell:
    """Bring a message to the node of the peer; None: to every node, because the peer is not known."""

    to: NodeId | None
    message: Ended


@dataclass(frozen=True, slots=True)
class Over:
    """A match is over for an account of this node."""

    match_id: str
    user: UserId
    peer: UserId | None
    "The other account, if it is known."
    reason: EndReason
    by_peer: bool
    "The other account ended it, so this one has to be told."


@dataclass(frozen=True, slots=True)
class Missed:
    """The account came back for a match that is over, or is not its own: tell it."""

    match_id: str
    user: UserId
    reason: EndReason


@dataclass(frozen=True, slots=True)
class Believed:
    """The account came back with a match that this server does not remember, and is in it from now on."""

    match_id: str
    user: UserId


@dataclass(frozen=True, slots=True)
class Gone:
    """The account is away and in no match any more."""

    user: UserId


Effect: TypeAlias = Tell | Over | Missed | Believed | Gone


# -- the machine --------------------------------------------------------------------------


@dataclass(slots=True)
class _Ends:
    """How the last matches of one account ended."""

    until: float
    reasons: dict[str, EndReason] = field(default_factory=dict)


class _Past:
    """How matches ended, for a while and for the last few of each account."""

    def __init__(self, memory: float) -> None:
        self._memory = memory
        self._ends: dict[UserId, _Ends] = {}  # in order of their times, because all last equally long

    def add(self, match_id: str, user: UserId, reason: EndReason, now: float) -> None:
        """Remember an end."""
        reasons = {} if (ends := self._ends.pop(user, None)) is None else ends.reasons
        reasons[match_id] = reason
        if len(reasons) > MAX_ENDED:
            del reasons[next(iter(reasons))]
        self._ends[user] = _Ends(now + self._memory, reasons)

    def reason(self, match_id: str, user: UserId) -> EndReason | None:
        """Return how a match of an account ended; None if that is not remembered."""
        ends = self._ends.get(user)
        return None if ends is None else ends.reasons.get(match_id)

    def forget(self, now: float) -> None:
        """Forget what is too long ago."""
        for user in list(takewhile(lambda user: self._ends[user].until <= now, self._ends)):
            del self._ends[user]


class Matches:
    """The matches of one node's accounts.

    Args:
        absence_limit: seconds for which matches are kept while a connection is gone.
    """

    def __init__(self, *, absence_limit: float = ABSENCE_LIMIT) -> None:
        self._absence_limit = absence_limit
        self._of: dict[UserId, dict[str, Member | None]] = {}
        self._people: dict[str, list[UserId]] = {}
        self._away: dict[UserId, float] = {}  # in order of their times, because all last equally long
        self._past = _Past(absence_limit)

    def __len__(self) -> int:
        """How many matches go on."""
        return len(self._people)

    @property
    def deadline(self) -> float | None:
        """When an account has been away too long."""
        return next(iter(self._away.values()), None)

    @property
    def past(self) -> "_Past":
        """How matches ended lately."""
        return self._past

    def __contains__(self, match_id: str) -> bool:
        return match_id in self._people

    def of(self, user: UserId) -> tuple[str, ...]:
        """Return the matches that an account is in, oldest first."""
        return tuple(self._of.get(user, ()))

    def people(self, match_id: str) -> tuple[UserId, ...]:
        """Return the accounts of this node in a match."""
        return tuple(self._people.get(match_id, ()))

    def is_away(self, user: UserId) -> bool:
        """Return True while the connection of an account is gone."""
        return user in self._away

    def peer(self, match_id: str, user: UserId) -> Member | None:
        """Return the other account of a match; None if it is not known."""
        known = self._of.get(user, {}).get(match_id)
        if known is not None:
            return known
        here = next((other for other in self._people.get(match_id, ()) if other != user), None)
        if here is None or match_id not in self._of.get(user, {}):
            return None
        return Member(here, "")

    def feed(self, event: Event | Tick, *, now: float) -> list[Effect]:
        """Advance."""
        self._past.forget(now)
        match event:
            case Begin(match_id, user, peer):
                self._join(match_id, user, peer)
                return []
            case End(match_id, user, reason):
                return self._end(match_id, user, reason, now)
            case Ended(match_id, by, reason):
                return self._end_for_others(match_id, by, reason, now)
            case Drop(user):
                self._away.setdefault(user, now + self._absence_limit)
                return []
            case Return(user, match_ids):
                return self._return(user, match_ids, now)
            case Leave(user):
                self._away.pop(user, None)
                return self._end_all(user, EndReason.LEFT, now)
            case Move(user):
                self._away.pop(user, None)
                for match_id in self.of(user):
                    self._part(match_id, user)
                return []
            case _:  # Tick
                return self._give_up(now)

    # -- in and out -----------------------------------------------------------------------

    def _join(self, match_id: str, user: UserId, peer: Member | None) -> None:
        self._of.setdefault(user, {})[match_id] = peer
        self._people.setdefault(match_id, []).append(user)

    def _part(self, match_id: str, user: UserId) -> None:
        del self._of[user][match_id]
        if not self._of[user]:
            del self._of[user]
        self._people[match_id].remove(user)
        if not self._people[match_id]:
            del self._people[match_id]

    def _end(self, match_id: str, user: UserId, reason: EndReason, now: float) -> list[Effect]:
        if match_id not in self._of.get(user, {}):
            return []
        peer, known = self.peer(match_id, user), self._of[user][match_id]
        self._part(match_id, user)
        self._past.add(match_id, user, reason, now)
        return [
            Over(match_id, user, None if peer is None else peer.user, reason, by_peer=False),
            Tell(None if known is None else known.node, Ended(match_id, user, reason)),
        ]

    def _end_all(
        self, user: UserId, reason: EndReason, now: float, but: tuple[str, ...] = ()
    ) -> list[Effect]:
        ending = [match_id for match_id in self.of(user) if match_id not in but]
        return [effect for match_id in ending for effect in self._end(match_id, user, reason, now)]

    def _end_for_others(self, match_id: str, by: UserId, reason: EndReason, now: float) -> list[Effect]:
        effects: list[Effect] = []
        for user in self.people(match_id):
            if user == by:
                continue
            self._part(match_id, user)
            self._past.add(match_id, user, reason, now)
            effects.append(Over(match_id, user, by, reason, by_peer=True))
            if user in self._away and user not in self._of:
                del self._away[user]
                effects.append(Gone(user))
        return effects

    # -- away and back --------------------------------------------------------------------

    def _return(self, user: UserId, match_ids: tuple[str, ...], now: float) -> list[Effect]:
        self._away.pop(user, None)
        effects = self._end_all(user, EndReason.LEFT, now, but=match_ids)
        claimed = [match_id for match_id in dict.fromkeys(match_ids) if match_id not in self.of(user)]
        return effects + [self._believe(match_id, user) for match_id in claimed]

    def _believe(self, match_id: str, user: UserId) -> Effect:
        if (reason := self._past.reason(match_id, user)) is not None:
            return Missed(match_id, user, reason)
        people = self.people(match_id)
        peers = [member for other in people if (member := self._of[other][match_id]) is not None]
        if len(people) == 2 or any(member.user != user for member in peers):
            return Missed(match_id, user, EndReason.LEFT)  # it is others'
        self._join(match_id, user, None)
        return Believed(match_id, user)

    def _give_up(self, now: float) -> list[Effect]:
        """Give up one account that has been away too long; the next one, if any, at the next Tick.

        One at a time, because the end of its match may end the absence of the other.
        """
        user, until = next(iter(self._away.items()), (0, now + 1.0))
        if now < until:
            return []
        del self._away[user]
        return [*self._end_all(user, EndReason.LOST, now), Gone(user)]
