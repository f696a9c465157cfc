"""Decide who is proposed to whom among the strangers that wait (spec §4.4).

Each node proposes partners for its own waiting accounts, out of a pool of all
hints it knows: its own, and those that other nodes announce. A hint may be
stale; the seats decide (`pairing`). The two of a match that fell through are
kept apart for `COOL_DOWN`, and the innocent side stands in the front line once.

A node that is not alone announces the accounts that wait for longer than a
moment: when that changes, and every `REFRESH` seconds, because announcements
may be lost. It then also tries again those whose proposals failed. What a node
announced is forgotten if it is not repeated within `HINT_LIFE`.
"""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final, TypeAlias, TypeVar

from floater.machine import Tick
from server.core.pairing import Proposal
from server.core.pool import Hint, NodeId, Pool, UserId

COOL_DOWN: Final = 10.0
"Seconds for which the two of a match that fell through are not proposed to each other."
REFRESH: Final = 1.0
"Seconds between two announcements of the same waiting accounts."
HINT_LIFE: Final = 3.5
"Seconds after which another node's announcement no longer counts."


# -- events -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Enter:
    """An account of this node waits from now on."""

    user: UserId
    epoch: int
    pick: float
    "Random, uniform in [0, 1)."
    match_id: str
    "Random and new."
    time: float
    "UTC seconds now."
    after: str = ""
    "The match that fell through, for which the account may ask for the front line."


@dataclass(frozen=True, slots=True)
class Leave:
    """An account of this node does not wait any more."""

    user: UserId


@dataclass(frozen=True, slots=True)
class Fail:
    """A proposal came to nothing. `is_gone`: the callee does not wait any more."""

    proposal: Proposal
    is_gone: bool


@dataclass(frozen=True, slots=True)
class Free:
    """The seat of a waiting account was reserved, and is free again."""

    user: UserId


@dataclass(frozen=True, slots=True)
class Credit:
    """The account's match fell through without its fault: it may stand in the front line once."""

    user: UserId
    match_id: str


@dataclass(frozen=True, slots=True)
class Discredit:
    """The account has logged in anew, or is gone: its place in the front line is void."""

    user: UserId


@dataclass(frozen=True, slots=True)
class KeepApart:
    """These two are not proposed to each other for `COOL_DOWN`."""

    one: UserId
    other: UserId


@dataclass(frozen=True, slots=True)
class Waiting:
    """Message to all nodes: these accounts wait here, no others. A higher `number` replaces a lower one."""

    node: NodeId
    number: int
    hints: tuple[Hint, ...]
    first: tuple[UserId, ...] = ()
    "Those of them in the front line."


Event: TypeAlias = Enter | Leave | Fail | Free | Credit | Discredit | KeepApart | Waiting


# -- effects ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proposed:
    """Try to pair these two."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Announce:
    """Bring this to every other node."""

    message: Waiting


Effect: TypeAlias = Proposed | Announce


# -- the machine --------------------------------------------------------------------------


@dataclass(slots=True)
class _Wish:
    """An account of this node that waits."""

    hint: Hint
    pick: float
    match_id: str
    clock: float
    "UTC seconds at monotonic 0."
    first: bool
    proposals: int = 0
    tried: set[UserId] = field(default_factory=set)
    "Accounts whose seats were reserved for others when they were asked."

    def next_match(self) -> str:
        """Name the match of the next proposal: `match_id`, then other names that follow from it."""
        self.proposals += 1
        if self.proposals == 1:
            return self.match_id
        digest = hashlib.sha256(f"{self.match_id}/{self.proposals}".encode()).digest()
        return base64.urlsafe_b64encode(digest)[:22].decode("ascii")


@dataclass(slots=True)
class _Others:
    """What another node announced last."""

    number: int
    until: float
    hints: tuple[Hint, ...]


class Matching:
    """The waiting strangers of one node.

    Args:
        node: its name.
        alone: there is no other node, so nothing is announced.
    """

    def __init__(self, node: NodeId = "", *, alone: bool = True) -> None:
        self._node = node
        self._alone = alone
        self._wishes: dict[UserId, _Wish] = {}
        self._pool = Pool()
        self._credits: dict[UserId, str] = {}
        self._avoid: dict[UserId, set[UserId]] = {}
        self._apart: dict[tuple[UserId, UserId], float] = {}  # in order of their times: all last equally long
        self._others: dict[NodeId, _Others] = {}  # likewise
        self._number = 0
        self._refresh_at: float | None = None

    def __len__(self) -> int:
        """How many accounts of this node wait."""
        return len(self._wishes)

    @property
    def deadline(self) -> float | None:
        """When two may meet again, an announcement is due or does not count any more."""
        return min(self._deadlines(), default=None)

    def _deadlines(self) -> Iterator[float]:
        if self._apart:
            yield next(iter(self._apart.values()))
        if self._others:
            yield next(iter(self._others.values())).until
        if self._refresh_at is not None:
            yield self._refresh_at

    def feed(self, event: Event | Tick, *, now: float) -> list[Effect]:
        """Advance."""
        match event:
            case Enter(user):
                return self._enter(user, event, now)
            case Leave(user):
                return self._leave(user)
            case Fail(proposal, is_gone):
                return self._fail(proposal, is_gone, now)
            case Free(user):
                return self._propose(user, now)
            case Credit(user, match_id):
                self._credits[user] = match_id
                return []
            case Discredit(user):
                self._credits.pop(user, None)
                return []
            case KeepApart(one, other):
                self._keep_apart(one, other, now)
                return []
            case Waiting():
                return self._hear(event, now)
            case _:  # Tick
                return self._tick(now)

    # -- our own accounts -----------------------------------------------------------------

    def _enter(self, user: UserId, event: Enter, now: float) -> list[Effect]:
        credit = self._credits.pop(user, "")
        first = bool(credit) and credit == event.after
        hint = Hint(user, event.epoch, self._node)
        self._wishes[user] = _Wish(hint, event.pick, event.match_id, event.time - now, first)
        self._pool.remove(user)
        self._pool.add(hint, first=first)
        effects = self._propose(user, now)
        if self._alone:
            return effects
        if self._refresh_at is None:
            self._refresh_at = now + REFRESH
        return effects or [self._announce()]

    def _leave(self, user: UserId) -> list[Effect]:
        if self._wishes.pop(user, None) is None:
            return []
        self._pool.remove(user)
        return [] if self._alone else [self._announce()]

    def _propose(self, user: UserId, now: float) -> list[Effect]:
        """Propose a partner for an account of ours, if one may be met."""
        wish = self._wishes.get(user)
        if wish is None:
            return []
        found = self._pool.propose(wish.pick, {user, *self._avoid.get(user, ()), *wish.tried})
        if found is None:
            if wish.tried and self._refresh_at is None:
                self._refresh_at = now + REFRESH
            return []
        callee, rest = found
        issued = wish.clock + now
        return [Proposed(Proposal(wish.next_match(), wish.hint, callee, rest < 0.5, issued))]

    def _fail(self, proposal: Proposal, is_gone: bool, now: float) -> list[Effect]:
        callee = proposal.callee
        if not is_gone:
            if (wish := self._wishes.get(proposal.caller.user)) is not None:
                wish.tried.add(callee.user)
        elif self._pool.hint(callee.user) == callee:
            self._pool.remove(callee.user)
        return self._propose(proposal.caller.user, now)

    # -- those who are kept apart ---------------------------------------------------------

    def _keep_apart(self, one: UserId, other: UserId, now: float) -> None:
        pair = (min(one, other), max(one, other))
        self._apart.pop(pair, None)
        self._apart[pair] = now + COOL_DOWN
        self._avoid.setdefault(one, set()).add(other)
        self._avoid.setdefault(other, set()).add(one)

    def _avoid_no_more(self, user: UserId, other: UserId) -> None:
        others = self._avoid[user]
        others.discard(other)
        if not others:
            del self._avoid[user]

    # -- other nodes ----------------------------------------------------------------------

    def _announce(self) -> Announce:
        self._number += 1
        wishes = self._wishes.values()
        hints = tuple(wish.hint for wish in wishes)
        first = tuple(wish.hint.user for wish in wishes if wish.first)
        return Announce(Waiting(self._node, self._number, hints, first))

    def _hear(self, message: Waiting, now: float) -> list[Effect]:
        node = message.node
        before = self._others.get(node)
        if node == self._node or (before is not None and before.number >= message.number):
            return []
        self._strike_out(node)
        self._others[node] = _Others(message.number, now + HINT_LIFE, message.hints)
        for hint in message.hints:
            if hint.user not in self._wishes:
                self._pool.remove(hint.user)
                self._pool.add(hint, first=hint.user in message.first)
        return self._propose_all(now) if message.hints else []

    def _strike_out(self, node: NodeId) -> None:
        """Forget what a node announced."""
        if (others := self._others.pop(node, None)) is not None:
            for hint in others.hints:
                if self._pool.hint(hint.user) == hint:
                    self._pool.remove(hint.user)

    def _propose_all(self, now: float) -> list[Effect]:
        return [effect for user in list(self._wishes) for effect in self._propose(user, now)]

    # -- time -----------------------------------------------------------------------------

    def _tick(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        for one, other in _take_due(self._apart, now):
            self._avoid_no_more(one, other)
            self._avoid_no_more(other, one)
            if one in self._pool and other in self._pool:
                effects += self._propose(one if one in self._wishes else other, now)
        for node in list(takewhile(lambda node: self._others[node].until <= now, self._others)):
            self._strike_out(node)
        if self._refresh_at is not None and self._refresh_at <= now:
            effects += self._refresh(now)
        return effects

    def _refresh(self, now: float) -> list[Effect]:
        self._refresh_at = None
        if not self._wishes:
            return []
        effects: list[Effect] = []
        if not self._alone:
            self._refresh_at = now + REFRESH
            effects.append(self._announce())
        for wish in self._wishes.values():
            wish.tried.clear()
        return effects + self._propose_all(now)


_Key = TypeVar("_Key")


def _take_due(times: dict[_Key, float], now: float) -> list[_Key]:
    """Remove and return the keys that are due, from a dict in order of its times."""
    due = list(takewhile(lambda key: times[key] <= now, times))
    for key in due:
        del times[key]
    return due
