"""Decide which link a conversation takes, and when to look for another (spec §6.5).

::

    IDLE ──Begin──▶ RACING ──a link is chosen──▶ UP ──the link is gone──▶ AWAY ──another is chosen──▶ UP
                      │                          ▲ │ better link chosen    │
                      │ nobody in time           └─┘ (make before break)   │ grace is over
                      └─▶ SHUT (NoShow)                        (Lost) SHUT ◀┘

Punching and the relay race; the relay starts a little later where punching
may come through. Only the leader chooses: the first link that is ready, then
any better one (lan, direct, relay). It says so by `Choose` with a number that
grows, and the follower goes by the highest number. The first time it says so
as early as it may, a round trip before the link is ready for itself: when the
follower has proved who it is. If that link is never ready, the race goes on,
and the next choice counts for both. A link that was not chosen,
or was replaced, is discarded after a while, so that what is under way on it
arrives. One match, one Path.

When the network has changed, on our side or the peer's, the link in use is
shaken: it is asked, and until it answers any other that is ready is better.
"""

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from floater.api import PathKind
from floater.codes import Code
from floater.core import link
from floater.errors import LocalProtocolError
from floater.machine import Tick
from floater.wire.control import Role

LOSER_GRACE: Final = 0.25
"Seconds that a link lives on after another was chosen before it."
REPLACED_GRACE: Final = 2.0
"Seconds that a link lives on after a better one was chosen after it."
RELAY_PAUSE: Final = 1.0
"Seconds, about, until the relay is tried again."
REACH_PAUSE: Final = 0.25
"The same where the server was not reached: nobody is troubled by that."
GUESSING: Final = 0.3
"Seconds before the relay joins a race in which ports have to be guessed; less than the usual head start."
PUNCH_PAUSE: Final = 1.0
"Seconds until a punch is tried again while the peer is away."
RETRIES: Final = (5.0, 15.0, 60.0, 300.0)
"Seconds, over the relay, until a punch is tried again; the last one for ever after."

MAX_MOVES: Final = 16
"Times in MOVES_TIME that news of the peer's places starts a punch."
MOVES_TIME: Final = 600.0
"Seconds."

_RANK: Final = {PathKind.LAN: 0, PathKind.DIRECT: 1, PathKind.RELAY: 2}


# -- events -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begin:
    """Look for the peer.

    `listens`: there is a punch port, and nobody hides; `dials`: there is also somewhere to dial, and hope;
    `guesses`: it takes waves of SYNs, and time.
    """

    listens: bool
    dials: bool
    guesses: bool = False


@dataclass(frozen=True, slots=True)
class Trusted:
    """The certificate at the other end of a link is the peer's. Whether it takes ours is not known yet."""

    link: int


@dataclass(frozen=True, slots=True)
class Ready:
    """A link is authenticated. `received` is the peer's word; `rtt` is None where it was not measured."""

    link: int
    kind: PathKind
    how: str
    received: int
    rtt: float | None = None


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
    """Nothing has come through a link for too long although something was due."""

    link: int


@dataclass(frozen=True, slots=True)
class RelayLost:
    """The relay did not bring a link, for the reason `code`. `spread` is drawn evenly from [0, 1)."""

    code: Code
    spread: float


@dataclass(frozen=True, slots=True)
class PunchOver:
    """The punch has spent its budget."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The peer's candidates have changed, or ours."""


@dataclass(frozen=True, slots=True)
class NetworkChanged:
    """Our network is another one. The links of `lost` stood on an address that we no longer have."""

    lost: frozenset[int]


@dataclass(frozen=True, slots=True)
class Renewed:
    """There is a fresh punch port, or none is to be had."""


# -- effects: orders ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Punch:
    """Start a punch with a fresh budget."""


@dataclass(frozen=True, slots=True)
class Renew:
    """Get a fresh punch port, tell the peer where it is, and feed `Renewed`."""


@dataclass(frozen=True, slots=True)
class EndPunch:
    """Stop dialling and listening. What is being authenticated goes on."""


@dataclass(frozen=True, slots=True)
class OpenRelay:
    """Go to the relay and wait there."""


@dataclass(frozen=True, slots=True)
class EndRelay:
    """Leave the relay, unless its link is ready."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Send `Choose` on a link."""

    link: int
    number: int


@dataclass(frozen=True, slots=True)
class Discard:
    """Close a link; nothing on it matters any more."""

    link: int


# -- effects: news, reported to the client beside those of `link` ---------------------------


@dataclass(frozen=True, slots=True)
class Chosen:
    """The conversation now takes this way. `took` counts from `Begin`, `rtt` may be unknown."""

    kind: PathKind
    how: str
    took: float
    rtt: float | None


@dataclass(frozen=True, slots=True)
class Away:
    """No link is left; all ways are tried again for `grace` seconds."""

    grace: float


@dataclass(frozen=True, slots=True)
class Back:
    """A link has been found again."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The grace is over. The machine does nothing more."""


@dataclass(frozen=True, slots=True)
class NoShow:
    """Nobody came, for the reason `code`. The machine does nothing more."""

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
Order: TypeAlias = Punch | Renew | EndPunch | OpenRelay | EndRelay | Tell | Discard
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
        self._head_start = head_start
        self._timeout = timeout
        self._grace = grace
        self._began = 0.0
        self._ready: dict[int, Ready] = {}
        self._current: int | None = None
        self._early: int | None = None
        "The link that was chosen before it was ready."
        self._number = 0
        self._shaken = False
        self._moves: deque[float] = deque(maxlen=MAX_MOVES)
        self._retries = 0
        self._may_punch = False
        self._hopes = False
        self._punching = False
        self._at_relay = False
        self._relay_error: Code | None = None
        self._limit: float | None = None
        self._relay_at: float | None = None
        self._punch_at: float | None = None
        self._discard_at: dict[int, float] = {}

    @property
    def deadline(self) -> float | None:
        """Monotonic seconds at which to feed `Tick`; None for never."""
        times = [self._limit, self._relay_at, self._punch_at, *self._discard_at.values()]
        return min((time for time in times if time is not None), default=None)

    @property
    def seeks(self) -> bool:
        """Whether another link than the one in use, if there is one, would be better."""
        return self.state is not State.SHUT and (self._shaken or self._kind() in (None, PathKind.RELAY))

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance. The match below is the whole transition table.

        Raises:
            LocalProtocolError: `Begin` twice, or anything before it.
        """
        match self.state, event:
            case State.IDLE, Begin():
                return self._begin(event, now)
            case (State.IDLE, _) | (_, Begin()):
                raise LocalProtocolError(f"{event} while {self.state.value}")
            case State.SHUT, Ready():
                return [Discard(event.link)]
            case State.SHUT, _:
                return []
            case _, Trusted() if self._leads and self._current is None and self._early is None:
                self._early = event.link
                return [self._tell(event.link)]
            case _, Ready():
                return self._arrive(event, now)
            case _, Told(number=number) if event.link in self._ready and number > self._number:
                self._number = number
                return self._take(event.link, now)
            case _, Gone():
                return self._drop(event.link, now)
            case State.UP, Doubted() if event.link == self._current:
                return [Discard(event.link), *self._drop(event.link, now)]
            case _, RelayLost(code=code, spread=spread):
                self._at_relay, self._relay_error = False, code
                if self.state is not State.UP:
                    pause = REACH_PAUSE if code is Code.SERVER_UNREACHABLE else RELAY_PAUSE
                    self._relay_at = now + pause * (0.5 + spread)
                return []
            case State.UP, link.Alive() if event.link == self._current and self._shaken:
                self._shaken = False
                return [] if self._kind() is PathKind.RELAY else self._end_race()
            case _, PunchOver():
                self._punching = False
                if self.state is State.AWAY:
                    self._punch_at = now + PUNCH_PAUSE
                elif self._kind() is PathKind.RELAY:
                    self._retry_later(now)
                return []
            case _, Moved() if len(self._moves) < MAX_MOVES or now - self._moves[0] >= MOVES_TIME:
                self._moves.append(now)
                return self._race_again()
            case _, NetworkChanged(lost=lost):
                return self._uproot(lost, now)
            case _, Renewed() if self.seeks:
                self._punching = False  # on the port that was
                return self._punch()
            case _, Tick():
                return self._tick(now)
            case _:
                return []

    def _begin(self, event: Begin, now: float) -> list[Effect]:
        self.state, self._began, self._limit = State.RACING, now, now + self._timeout
        self._may_punch, self._hopes = event.listens, event.dials
        effects = self._punch()
        if event.listens and event.dials and self._head_start > 0.0:
            self._relay_at = now + (min(self._head_start, GUESSING) if event.guesses else self._head_start)
            return effects
        return [*effects, *self._relay()]

    def _arrive(self, event: Ready, now: float) -> list[Effect]:
        self._ready[event.link] = event
        if event.kind is PathKind.RELAY:
            self._at_relay = False
        if not self._leads:
            return []
        kind = self._kind()
        if event.link == self._early:
            return self._take(event.link, now)
        if kind is None or self._shaken or _RANK[event.kind] < _RANK[kind]:
            return self._choose(event.link, now)
        self._discard_at[event.link] = now + LOSER_GRACE
        return []

    def _choose(self, chosen: int, now: float) -> list[Effect]:
        return [self._tell(chosen), *self._take(chosen, now)]

    def _tell(self, chosen: int) -> Tell:
        self._number += 1
        return Tell(chosen, self._number)

    def _take(self, chosen: int, now: float) -> list[Effect]:
        if self._current is not None and self._current != chosen:
            self._discard_at[self._current] = now + REPLACED_GRACE
        self._discard_at.pop(chosen, None)
        self._current, self._early = chosen, None
        ready = self._ready[chosen]
        effects: list[Effect] = [link.LinkUp(chosen, ready.received)]
        if self.state is State.AWAY:
            effects.append(Back())
        self.state, self._limit, self._relay_at, self._punch_at = State.UP, None, None, None
        self._shaken = False
        effects.append(Chosen(ready.kind, ready.how, now - self._began, ready.rtt))
        if ready.kind is not PathKind.RELAY:
            self._retries = 0
            effects += self._end_race()
        elif not self._punching:
            self._retry_later(now)
        return effects

    def _drop(self, gone: int, now: float) -> list[Effect]:
        lost = self._ready.pop(gone, None)
        self._discard_at.pop(gone, None)
        if gone == self._early:
            self._early = None
        if gone != self._current:
            if lost is not None and lost.kind is PathKind.RELAY and self.state is not State.UP:
                self._relay_at = now + RELAY_PAUSE
            return []
        self._current = None
        effects: list[Effect] = [link.LinkDown(gone)]
        if self._leads and self._ready:
            best = min(self._ready, key=lambda number: _RANK[self._ready[number].kind])
            return [*effects, *self._choose(best, now)]
        self.state, self._limit, self._shaken = State.AWAY, now + self._grace, False
        return [*effects, Away(self._grace), *self._punch(), *self._relay(), *self._renew()]

    def _uproot(self, lost: frozenset[int], now: float) -> list[Effect]:
        """Begin the race anew from where we are now."""
        self._retries, self._hopes, at_relay = 0, self._may_punch, self._at_relay
        effects = self._end_race()
        # The link in use comes last, so that none of the others that are lost is chosen for it.
        for number in sorted(lost & self._ready.keys(), key=lambda number: number == self._current):
            effects += [Discard(number), *self._drop(number, now)]
        if at_relay and self.state is State.RACING:
            effects += self._relay()
        effects += self._race_again()
        return effects if Renew() in effects else [*effects, *self._renew()]

    def _race_again(self) -> list[Effect]:
        """Look for another link; the one in use stays if it answers before there is one."""
        effects: list[Effect] = []
        if self.state is State.UP:
            self._shaken = True
            effects.append(link.Check())
        if (
            self.state is not State.RACING and self._kind() is not PathKind.RELAY
        ):  # to go to the relay again would end the link over it
            effects += self._relay()
        return [*effects, *self._punch()]

    def _tick(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        for due in [number for number, at in self._discard_at.items() if now >= at]:
            del self._discard_at[due], self._ready[due]
            effects.append(Discard(due))
        if self._limit is not None and now >= self._limit:
            away = self.state is State.AWAY
            code = Code.PEER_NO_SHOW if self._relay_error is None else Code.NO_PATH
            return [*effects, *self._shut(), Lost() if away else NoShow(code)]
        if self._punch_at is not None and now >= self._punch_at:
            self._punch_at = None
            if self.state is not State.UP:
                effects += self._punch()
            effects += self._renew()
        if self._relay_at is not None and now >= self._relay_at:
            effects += self._relay()
        return effects

    def _punch(self) -> list[Effect]:
        self._punch_at = None
        if self._punching or not self._may_punch:
            return []
        self._punching = True
        return [Punch()]

    def _renew(self) -> list[Effect]:
        return [Renew()] if self._may_punch else []

    def _retry_later(self, now: float) -> None:
        if self._hopes:
            self._punch_at = now + RETRIES[min(self._retries, len(RETRIES) - 1)]
            self._retries += 1

    def _relay(self) -> list[Effect]:
        self._relay_at = None
        if self._at_relay:
            return []
        self._at_relay, self._relay_error = True, None
        return [OpenRelay()]

    def _end_race(self) -> list[Effect]:
        effects: list[Effect] = []
        if self._punching:
            effects.append(EndPunch())
        if self._at_relay:
            effects.append(EndRelay())
        self._punching = self._at_relay = False
        return effects

    def _shut(self) -> list[Effect]:
        self.state, self._current = State.SHUT, None
        self._limit = self._relay_at = self._punch_at = None
        effects = [*self._end_race(), *(Discard(number) for number in self._ready)]
        self._ready.clear()
        self._discard_at.clear()
        return effects

    def _kind(self) -> PathKind | None:
        return None if self._current is None else self._ready[self._current].kind
