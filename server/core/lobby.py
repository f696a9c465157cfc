"""Decide who meets whom, and when a match is over (spec §4.4).

One `Lobby` holds the seats of everyone whose connection this process holds::

              Seek                    somebody may be met
    at home ────────▶ waiting (pool) ─────────────────────▶ in a match
       ▲                 │                                      │
       └── CancelSeek, ──┘                                      │
           Dropped                                              │
       └── EndMatch of either, Left, Arrived anew, away too long ─┘

A match is kept while the connection of either is gone (`Dropped`, then
`Returned`), because the talk itself does not need us. Nobody waits while
somebody else waits whom they may meet. The two of a match that fell through
are kept apart for `COOL_DOWN`, so that each gets somebody else first.
"""

from dataclasses import dataclass
from itertools import takewhile
from typing import Final, TypeAlias, TypeVar

from floater.codes import Code
from floater.errors import LocalProtocolError
from floater.machine import Tick
from floater.wire.control import EndReason
from server.core.pool import Hint, Pool, UserId
from server.core.seat import Seat, SeatState

COOL_DOWN: Final = 10.0
"Seconds for which the two of a match that fell through are not proposed to each other."

LEASE: Final = 3.0
"Seconds for which a reservation is good. On one node it is committed in the same step."

ABSENCE_LIMIT: Final = 600.0

FELL_THROUGH: Final = frozenset({EndReason.CANCELLED, EndReason.NO_SHOW, EndReason.LEFT})


# -- events -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Arrived:
    """Somebody logged in afresh. Whatever they were in before is over."""

    user: UserId


@dataclass(frozen=True, slots=True)
class Returned:
    """Somebody is back and says that the talk of this match is still going on.

    A match that nobody here remembers was made before this server started: it is believed.
    """

    user: UserId
    match_id: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """Somebody's connection is gone without a word."""

    user: UserId


@dataclass(frozen=True, slots=True)
class Left:
    """Somebody's log-in has ended."""

    user: UserId


@dataclass(frozen=True, slots=True)
class Seek:
    """Somebody wants to meet a stranger.

    `pick` is random, uniform in [0, 1); `match_id` is random and new, for the
    match if one comes of this; `after` is a match that fell through.
    """

    user: UserId
    pick: float
    match_id: str
    after: str = ""


@dataclass(frozen=True, slots=True)
class CancelSeek:
    """Somebody changed their mind."""

    user: UserId


@dataclass(frozen=True, slots=True)
class EndMatch:
    """A match is over for one side. Once is enough; again changes nothing."""

    user: UserId
    match_id: str
    reason: EndReason


Event: TypeAlias = Arrived | Returned | Dropped | Left | Seek | CancelSeek | EndMatch


# -- effects ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Agreed:
    """The wish is granted. Comes before all that follows from it."""

    user: UserId


@dataclass(frozen=True, slots=True)
class Refused:
    """The wish is turned down; nothing has changed."""

    user: UserId
    code: Code


@dataclass(frozen=True, slots=True)
class Matched:
    """These two have met."""

    match_id: str
    leader: UserId
    follower: UserId


@dataclass(frozen=True, slots=True)
class MatchEnded:
    """Tell this one, who did not end it, that the match is over. They may not be here to hear it."""

    user: UserId
    match_id: str
    reason: EndReason


Effect: TypeAlias = Agreed | Refused | Matched | MatchEnded


# -- the machine --------------------------------------------------------------------------


class Lobby:
    """Seats, pool and matches of one process.

    Args:
        absence_limit: seconds for which the seat of somebody in a match is
            kept while their connection is gone.
    """

    def __init__(self, *, absence_limit: float = ABSENCE_LIMIT) -> None:
        self._absence_limit = absence_limit
        self._seats: dict[UserId, Seat] = {}
        self._wishes: dict[UserId, Seek] = {}
        self._matches: dict[str, list[UserId]] = {}
        self._pool = Pool()
        self._epoch = 0
        self._credits: dict[UserId, str] = {}
        self._avoid: dict[UserId, set[UserId]] = {}
        # These three are in order of their times, because what is added last is due last.
        self._away: dict[UserId, float] = {}
        self._apart: dict[tuple[UserId, UserId], float] = {}
        self._ended: dict[UserId, tuple[float, MatchEnded]] = {}

    @property
    def deadline(self) -> float | None:
        """When somebody has been away too long, or two may meet again."""
        return min((next(iter(due.values())) for due in (self._away, self._apart) if due), default=None)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._pool)

    @property
    def matches(self) -> int:
        """How many matches are going on."""
        return len(self._matches)

    def state(self, user: UserId) -> SeatState | None:
        """How somebody's seat stands; None if they have none."""
        seat = self._seats.get(user)
        return None if seat is None else seat.state

    def is_engaged(self, user: UserId) -> bool:
        """Whether somebody waits or is in a match."""
        return self.state(user) not in (None, SeatState.IDLE)

    def match_of(self, user: UserId) -> str:
        """The match somebody is in, empty if none."""
        seat = self._seats.get(user)
        return "" if seat is None else seat.match_id

    def peer_of(self, user: UserId) -> UserId | None:
        """The other one of the match somebody is in, if known."""
        return next((other for other in self._matches.get(self.match_of(user), ()) if other != user), None)

    def feed(self, event: Event | Tick, *, now: float) -> list[Effect]:
        """Advance.

        Raises:
            LocalProtocolError: somebody who never arrived is spoken for, or
                the `match_id` of a wish is not new.
        """
        self._forget_ended(now)
        match event:
            case Arrived(user):
                effects = self._leave(user, now)
                self._seats[user] = Seat()
                return effects
            case Returned(user, match_id):
                return self._return(user, match_id, now)
            case Dropped(user):
                self._drop(user, now)
                return []
            case Left(user):
                effects = self._leave(user, now)
                self._seats.pop(user, None)
                return effects
            case Seek(user):
                return self._seek(user, event, now)
            case CancelSeek(user):
                return self._cancel(user)
            case EndMatch(user, match_id, reason):
                self._seat(user)
                return [Agreed(user), *self._end(user, match_id, reason, now)]
            case Tick():
                return [*self._give_up(now), *self._bring_together(now)]

    # -- being here -----------------------------------------------------------------------

    def _seat(self, user: UserId) -> Seat:
        try:
            return self._seats[user]
        except KeyError:
            raise LocalProtocolError(f"user {user} is not here") from None

    def _leave(self, user: UserId, now: float) -> list[Effect]:
        """Take somebody out of everything. Their seat, if any, is idle after it."""
        self._stop_waiting(user)
        self._away.pop(user, None)
        self._credits.pop(user, None)
        return self._end(user, self.match_of(user), EndReason.LEFT, now)

    def _drop(self, user: UserId, now: float) -> None:
        seat = self._seats.get(user)
        if seat is None or user in self._away:
            return
        self._stop_waiting(user)
        if seat.state is SeatState.PAIRED:
            self._away[user] = now + self._absence_limit
        else:
            self._forget(user)

    def _forget(self, user: UserId) -> None:
        del self._seats[user]
        self._credits.pop(user, None)

    def _return(self, user: UserId, match_id: str, now: float) -> list[Effect]:
        if match_id and match_id == self.match_of(user):
            self._away.pop(user, None)
            return []
        effects = self._leave(user, now)
        self._seats[user] = Seat()
        if not match_id:
            return effects
        _, missed = self._ended.get(user, (0.0, None))
        if missed is not None and missed.match_id == match_id:
            return [*effects, missed]
        people = self._matches.setdefault(match_id, [])
        if len(people) == 2:
            return [*effects, MatchEnded(user, match_id, EndReason.LEFT)]
        people.append(user)
        self._seats[user].hold(match_id)
        return effects

    def _give_up(self, now: float) -> list[Effect]:
        """Release the seats of those who have been away too long."""
        effects: list[Effect] = []
        for user in _due(self._away, now):
            effects += self._end(user, self.match_of(user), EndReason.LOST, now)
            self._forget(user)
        return effects

    # -- waiting --------------------------------------------------------------------------

    def _seek(self, user: UserId, wish: Seek, now: float) -> list[Effect]:
        seat = self._seat(user)
        if wish.match_id in self._matches:
            raise LocalProtocolError(f"match {wish.match_id} is not new")
        if seat.state is SeatState.WAITING:
            return [Refused(user, Code.ALREADY_SEEKING)]
        if seat.state is not SeatState.IDLE:
            return [Refused(user, Code.IN_A_TALK)]
        self._epoch += 1
        seat.wait(self._epoch)
        credit = self._credits.pop(user, "")
        self._pool.add(Hint(user, seat.epoch), first=bool(credit) and credit == wish.after)
        self._wishes[user] = wish
        return [Agreed(user), *self._pair(user, now)]

    def _cancel(self, user: UserId) -> list[Effect]:
        match self._seat(user).state:
            case SeatState.WAITING:
                self._stop_waiting(user)
                return [Agreed(user)]
            case SeatState.IDLE:
                return [Refused(user, Code.NOT_SEEKING)]
            case _:
                return [Refused(user, Code.ALREADY_MATCHED)]

    def _stop_waiting(self, user: UserId) -> None:
        if self._wishes.pop(user, None) is not None:
            self._pool.remove(user)
            self._seats[user].stand()

    def _bring_together(self, now: float) -> list[Effect]:
        """Let those whose time apart is over meet again, at once if both wait."""
        effects: list[Effect] = []
        for one, other in _due(self._apart, now):
            self._avoid_no_more(one, other)
            self._avoid_no_more(other, one)
            if one in self._wishes and other in self._wishes:
                effects += self._pair(one, now)
        return effects

    def _avoid_no_more(self, user: UserId, other: UserId) -> None:
        others = self._avoid[user]
        others.discard(other)
        if not others:
            del self._avoid[user]

    # -- matching -------------------------------------------------------------------------

    def _pair(self, user: UserId, now: float) -> list[Effect]:
        """Match somebody who waits with one whom they may meet, if there is one."""
        wish = self._wishes[user]
        mine = Hint(user, self._seats[user].epoch)
        while proposal := self._pool.propose(wish.pick, {user, *self._avoid.get(user, ())}):
            theirs, rest = proposal
            if not self._commit(mine, theirs, wish.match_id, now):
                self._pool.remove(theirs.user)  # the hint was stale: that seat does not wait with that epoch
                continue
            for hint in (mine, theirs):
                self._pool.remove(hint.user)
                self._wishes.pop(hint.user)
                self._credits.pop(hint.user, None)
            self._matches[wish.match_id] = [user, theirs.user]
            leader, follower = (user, theirs.user) if rest < 0.5 else (theirs.user, user)
            return [Matched(wish.match_id, leader, follower)]
        return []

    def _commit(self, mine: Hint, theirs: Hint, match_id: str, now: float) -> bool:
        """Reserve both seats, then commit both: the steps that nodes will take by message."""
        seats: list[Seat] = []
        for hint in (mine, theirs):
            seat = self._seats.get(hint.user)
            if seat is None or not seat.reserve(match_id, epoch=hint.epoch, lease=now + LEASE):
                for reserved in seats:
                    reserved.release(match_id)
                return False
            seats.append(seat)
        return all([seat.commit(match_id, now=now) for seat in seats])

    def _end(self, user: UserId, match_id: str, reason: EndReason, now: float) -> list[Effect]:
        """End somebody's match for both; nothing if it is not the one they are in."""
        if not match_id or self.match_of(user) != match_id:
            return []
        effects: list[Effect] = []
        for person in self._matches.pop(match_id):
            self._seats[person].stand()
            news = MatchEnded(person, match_id, reason)
            self._ended.pop(person, None)
            self._ended[person] = (now + self._absence_limit, news)
            if person == user:
                if reason is EndReason.NO_SHOW:
                    self._credits[person] = match_id
                continue
            effects.append(news)
            if reason in FELL_THROUGH:
                self._credits[person] = match_id
                self._keep_apart(user, person, now)
            if self._away.pop(person, None) is not None:
                self._forget(person)
        return effects

    def _keep_apart(self, one: UserId, other: UserId, now: float) -> None:
        pair = (min(one, other), max(one, other))
        self._apart.pop(pair, None)
        self._apart[pair] = now + COOL_DOWN
        self._avoid.setdefault(one, set()).add(other)
        self._avoid.setdefault(other, set()).add(one)

    def _forget_ended(self, now: float) -> None:
        """Forget how matches ended whose people have had time to come back and hear of it."""
        while self._ended:
            user, (until, _) = next(iter(self._ended.items()))
            if now < until:
                return
            del self._ended[user]


_Key = TypeVar("_Key")


def _due(times: dict[_Key, float], now: float) -> list[_Key]:
    """Take out what is due, from a dict in order of its times."""
    due = list(takewhile(lambda key: times[key] <= now, times))
    for key in due:
        del times[key]
    return due
