"""Decide which link a conversation takes, and when to look for another (spec §6.5).

::

    IDLE ──Begin──▶ RACING ──a link is chosen──▶ UP ──the link is gone──▶ AWAY ──another is chosen──▶ UP
                      │                          ▲ │ better link chosen    │
                      │ no link in time          └─┘ (make before break)   │ grace is over
                      └─▶ SHUT (NoShow)                        (Lost) SHUT ◀┘

Punching and the relay race (`attempts`). Only the leader chooses: the first link that is ready, then
any better one (lan, direct, relay). It announces a choice by `Choose` with a number that grows, and the
follower obeys the highest number. The leader announces its first choice one round trip before the link is
ready on its own side: as soon as the follower has proved its identity. If that link never becomes ready,
the race goes on, and the next choice counts for both sides. A link that was not chosen, or was replaced,
is closed a little later, so that data under way on it still arrives (`links`). One match has one Path.

When the network of either side has changed, the link in use is tested: until it answers, any
other link that is ready counts as better.
"""

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from floater.api import PathKind
from floater.codes import Code
from floater.core import link
from floater.core.meet import attempts
from floater.core.meet.attempts import (
    Attempts,
    Begin,
    EndPunch,
    EndRelay,
    OpenRelay,
    Punch,
    RelayLost,
    Renew,
)
from floater.core.meet.links import Discard, Links, Ready
from floater.errors import LocalProtocolError
from floater.machine import Tick, earliest
from floater.wire.control import Role

MAX_CHANGES: Final = 64
"Choices of the leader in CHANGES_TIME that a follower obeys."
CHANGES_TIME: Final = 60.0
"Seconds."

# Every event and effect of a Path can be named as `path.NAME`.
__all__ = ["Begin", "Discard", "EndPunch", "EndRelay", "OpenRelay", "Punch", "Ready", "RelayLost", "Renew"]

# -- events -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trusted:
    """A link's other end has proved that it is the peer. It is not known yet whether it accepts us."""

    link: int


@dataclass(frozen=True, slots=True)
class Told:
    """The leader's `Choose` came on a link."""

    link: int
    number: int


@dataclass(frozen=True, slots=True)
class Gone:
    """A link that was trusted or ready is over."""

    link: int


@dataclass(frozen=True, slots=True)
class Doubted:
    """A link has been silent for too long although an answer was due."""

    link: int


@dataclass(frozen=True, slots=True)
class PunchOver:
    """The punch has spent its budget."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The peer's candidates have changed, or ours."""


@dataclass(frozen=True, slots=True)
class NetworkChanged:
    """Our network has changed. The links of `lost` used an address that is no longer ours."""

    lost: frozenset[int]


@dataclass(frozen=True, slots=True)
class Renewed:
    """A fresh punch port is ready, or could not be prepared."""


# -- effects: orders ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tell:
    """Send `Choose` on a link."""

    link: int
    number: int


# -- effects: news, reported to the client beside those of `link` ---------------------------


@dataclass(frozen=True, slots=True)
class Chosen:
    """The conversation now takes this link.

    Attributes:
        kind: the way it takes.
        how: by what means it came about.
        took: seconds since `Begin`.
        rtt: round-trip time in seconds; None: not measured.
    """

    kind: PathKind
    how: str
    took: float
    rtt: float | None


@dataclass(frozen=True, slots=True)
class Away:
    """No link is left. All ways are tried again for `grace` seconds."""

    grace: float


@dataclass(frozen=True, slots=True)
class Back:
    """A link has been found again."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The grace is over. The machine does nothing more."""


@dataclass(frozen=True, slots=True)
class NoShow:
    """No link came about, for the reason `code`. The machine does nothing more."""

    code: Code


Event: TypeAlias = (
    Begin
    | Trusted
    | Ready
    | Told
    | Gone
    | Doubted
    | link.Alive
    | RelayLost
    | PunchOver
    | Moved
    | NetworkChanged
    | Renewed
    | Tick
)
Order: TypeAlias = attempts.Order | Tell | Discard
News: TypeAlias = link.LinkUp | link.LinkDown | link.Check | Chosen | Away | Back | Lost | NoShow
Effect: TypeAlias = Order | News


class State(Enum):
    """Where the search stands."""

    IDLE = "idle"
    RACING = "racing"
    UP = "up"
    AWAY = "away"
    SHUT = "shut"


class Path:
    """The ways of one match, and which of them is taken.

    Args:
        role: our side; only the leader chooses.
        head_start: seconds before the relay joins the first race.
        timeout: seconds from `Begin` to `NoShow`.
        grace: seconds from `Away` to `Lost`.
    """

    def __init__(
        self, role: Role, *, head_start: float = 0.6, timeout: float = 15.0, grace: float = 30.0
    ) -> None:
        self.state = State.IDLE
        self._leads = role is Role.LEADER
        self._timeout = timeout
        self._grace = grace
        self._began = 0.0
        self._links = Links()
        self._attempts = Attempts(head_start)
        self._early: int | None = None
        "The link that was chosen before it was ready."
        self._number = 0
        self._followed: deque[float] = deque(maxlen=MAX_CHANGES)
        self._is_doubtful = False
        "Whether the link in use has not answered since a network changed."
        self._limit: float | None = None

    @property
    def deadline(self) -> float | None:
        """Monotonic seconds at which to feed `Tick`; None for never."""
        return earliest(self._limit, self._attempts.deadline, self._links.deadline)

    @property
    def seeks(self) -> bool:
        """Whether another link than the one in use, if there is one, would be better."""
        is_settled = self._links.kind in (PathKind.LAN, PathKind.DIRECT) and not self._is_doubtful
        return self.state is not State.SHUT and not is_settled

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance. The match below is the whole transition table.

        Raises:
            LocalProtocolError: `Begin` twice, or anything before it.
        """
        match self.state, event:
            case State.IDLE, Begin():
                self.state, self._began, self._limit = State.RACING, now, now + self._timeout
                return [*self._attempts.begin(event, now)]
            case (State.IDLE, _) | (_, Begin()):
                raise LocalProtocolError(f"{event} while {self.state.value}")
            case State.SHUT, Ready():
                return [Discard(event.link)]
            case State.SHUT, _:
                return []
            case _, Trusted() if self._leads and self._links.current is None and self._early is None:
                self._early = event.link
                return [self._tell(event.link)]
            case _, Ready():
                return self._arrive(event, now)
            case _, Told(number=number) if event.link in self._links and number > self._number:
                self._number = number
                return [] if self._is_current(event.link) else self._follow(event.link, now)
            case _, Gone():
                return self._drop(event.link, now)
            case State.UP, Doubted() if self._is_current(event.link):
                return [Discard(event.link), *self._drop(event.link, now)]
            case _, RelayLost():
                self._attempts.relay_lost(event, now, is_up=self.state is State.UP)
                return []
            case State.UP, link.Alive() if self._is_doubtful and self._is_current(event.link):
                self._is_doubtful = False
                return [] if self._links.kind is PathKind.RELAY else [*self._attempts.end()]
            case _, PunchOver():
                is_away = self.state is State.AWAY
                self._attempts.punch_over(now, is_away=is_away, kind=self._links.kind)
                return []
            case _, Moved() if self._attempts.follows_move(now):
                return self._race_again()
            case _, NetworkChanged(lost=lost):
                return self._uproot(lost, now)
            case _, Renewed() if self.seeks:
                return [*self._attempts.punch(anew=True)]
            case _, Tick():
                return self._tick(now)
            case _:
                return []

    def _arrive(self, ready: Ready, now: float) -> list[Effect]:
        is_better = self._is_doubtful or self._links.is_better(ready.kind)
        crowded = self._links.add(ready)
        if ready.kind is PathKind.RELAY:
            self._attempts.is_at_relay = False
        if not self._leads:
            return [*crowded]
        if ready.link == self._early:
            return [*crowded, *self._take(ready.link, now)]
        if is_better:
            return [*crowded, *self._choose(ready.link, now)]
        self._links.leave_unused(ready.link, now)
        return [*crowded]

    def _follow(self, chosen: int, now: float) -> list[Effect]:
        """Take the link that the leader chose, unless it changes too often: a change sends much again."""
        if len(self._followed) == MAX_CHANGES and now - self._followed[0] < CHANGES_TIME:
            return []
        self._followed.append(now)
        return self._take(chosen, now)

    def _choose(self, chosen: int, now: float) -> list[Effect]:
        return [self._tell(chosen), *self._take(chosen, now)]

    def _tell(self, chosen: int) -> Tell:
        self._number += 1
        return Tell(chosen, self._number)

    def _take(self, chosen: int, now: float) -> list[Effect]:
        ready = self._links.use(chosen, now)
        effects: list[Effect] = [link.LinkUp(chosen, ready.received)]
        if self.state is State.AWAY:
            effects.append(Back())
        self.state, self._early, self._limit, self._is_doubtful = State.UP, None, None, False
        effects.append(Chosen(ready.kind, ready.how, now - self._began, ready.rtt))
        return [*effects, *self._attempts.settle(ready.kind, now)]

    def _drop(self, gone: int, now: float) -> list[Effect]:
        was_current = self._is_current(gone)
        lost = self._links.remove(gone)
        if gone == self._early:
            self._early = None
        if not was_current:
            if lost is not None and lost.kind is PathKind.RELAY and self.state is not State.UP:
                self._attempts.relay_again(now)
            return []
        effects: list[Effect] = [link.LinkDown(gone)]
        if self._leads and (best := self._links.best) is not None:
            return [*effects, *self._choose(best.link, now)]
        self.state, self._limit, self._is_doubtful = State.AWAY, now + self._grace, False
        attempts = self._attempts
        return [*effects, Away(self._grace), *attempts.punch(), *attempts.open_relay(), *attempts.renew()]

    def _uproot(self, lost: frozenset[int], now: float) -> list[Effect]:
        """Begin the race anew from the network that we are in now."""
        was_at_relay = self._attempts.is_at_relay
        effects: list[Effect] = [*self._attempts.restart()]
        for number in self._links.lost_in_order(lost):
            effects += [Discard(number), *self._drop(number, now)]
        if was_at_relay and self.state is State.RACING:
            effects += self._attempts.open_relay()
        effects += self._race_again()
        return effects if Renew() in effects else [*effects, *self._attempts.renew()]

    def _race_again(self) -> list[Effect]:
        """Look for another link; the one in use stays if it answers first."""
        effects: list[Effect] = []
        if self.state is State.UP:
            self._is_doubtful = True
            effects.append(link.Check())
        # Going to the relay again would end the link over it.
        if self.state is not State.RACING and self._links.kind is not PathKind.RELAY:
            effects += self._attempts.open_relay()
        return [*effects, *self._attempts.punch()]

    def _tick(self, now: float) -> list[Effect]:
        effects: list[Effect] = [*self._links.close_due(now)]
        if self._limit is not None and now >= self._limit:
            is_away = self.state is State.AWAY
            code = Code.PEER_NO_SHOW if self._attempts.relay_error is None else Code.NO_PATH
            return [*effects, *self._shut(), Lost() if is_away else NoShow(code)]
        return [*effects, *self._attempts.tick(now, is_up=self.state is State.UP)]

    def _shut(self) -> list[Effect]:
        self.state, self._limit = State.SHUT, None
        self._attempts.forget_plans()
        return [*self._attempts.end(), *self._links.close_all()]

    def _is_current(self, number: int) -> bool:
        current = self._links.current
        return current is not None and current.link == number
