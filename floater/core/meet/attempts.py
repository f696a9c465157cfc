"""Decide when to punch and when to go to the relay; `path` decides which link is taken (spec §6.5)."""

from collections import deque
from dataclasses import dataclass
from typing import Final, TypeAlias

from floater.api import PathKind
from floater.codes import Code
from floater.machine import earliest

RELAY_PAUSE: Final = 1.0
"Seconds, about, from a failure of the relay to the next attempt."
REACH_PAUSE: Final = 0.25
"Seconds, about, from a failure to reach the server to the next attempt; that one costs the server nothing."
GUESSING: Final = 0.3
"Seconds before the relay joins a race in which ports have to be guessed; less than the usual head start."
PUNCH_PAUSE: Final = 1.0
"Seconds from the end of a punch to the next one while the peer is away."
RETRIES: Final = (5.0, 15.0, 60.0, 300.0)
"Seconds, over the relay, from the end of a punch to the next one; the last one repeats."

MAX_MOVES: Final = 16
"News of the peer's candidates in MOVES_TIME that start a punch each."
MOVES_TIME: Final = 600.0
"Seconds."


@dataclass(frozen=True, slots=True)
class Begin:
    """Look for the peer.

    Attributes:
        listens: there is a punch port, and neither side hides its address.
        dials: there is also an address to dial that may answer.
        guesses: the peer's port has to be guessed, by waves of SYNs.
    """

    listens: bool
    dials: bool
    guesses: bool = False


@dataclass(frozen=True, slots=True)
class RelayLost:
    """The relay did not bring a link, for the reason `code`. `spread` is drawn evenly from [0, 1)."""

    code: Code
    spread: float


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


Order: TypeAlias = Punch | Renew | EndPunch | OpenRelay | EndRelay


class Attempts:
    """The punches and the visits to the relay of one match.

    Args:
        head_start: seconds before the relay joins the first race.
    """

    def __init__(self, head_start: float) -> None:
        self.is_at_relay = False
        self.relay_error: Code | None = None
        "Why the last attempt at the relay failed; None after a new one has begun."
        self._head_start = head_start
        self._may_punch = False
        self._may_reach = False
        "Whether a punch may reach the peer, as far as is known."
        self._is_punching = False
        self._retries = 0
        self._relay_at: float | None = None
        self._punch_at: float | None = None
        self._moves: deque[float] = deque(maxlen=MAX_MOVES)

    @property
    def deadline(self) -> float | None:
        """Monotonic seconds at which to call `tick`; None for never."""
        return earliest(self._relay_at, self._punch_at)

    def begin(self, event: Begin, now: float) -> list[Order]:
        """Begin the first race."""
        self._may_punch, self._may_reach = event.listens, event.dials
        orders = self.punch()
        if event.listens and event.dials and self._head_start > 0.0:
            self._relay_at = now + (min(self._head_start, GUESSING) if event.guesses else self._head_start)
            return orders
        return [*orders, *self.open_relay()]

    def tick(self, now: float, *, is_up: bool) -> list[Order]:
        """Start what is due. A punch beside a link in use waits for a fresh port."""
        orders: list[Order] = []
        if self._punch_at is not None and now >= self._punch_at:
            self._punch_at = None
            orders += [*([] if is_up else self.punch()), *self.renew()]
        if self._relay_at is not None and now >= self._relay_at:
            orders += self.open_relay()
        return orders

    def end(self) -> list[Order]:
        """End what is under way."""
        orders: list[Order] = []
        if self._is_punching:
            orders.append(EndPunch())
        if self.is_at_relay:
            orders.append(EndRelay())
        self._is_punching = self.is_at_relay = False
        return orders

    def restart(self) -> list[Order]:
        """End what is under way because our network has changed, and forget how often it failed."""
        self._retries, self._may_reach = 0, self._may_punch
        return self.end()

    def forget_plans(self) -> None:
        """Start nothing by itself any more."""
        self._relay_at = self._punch_at = None

    def settle(self, kind: PathKind, now: float) -> list[Order]:
        """A link of this kind is in use now: end the race, or plan the next punch beside the relay."""
        self.forget_plans()
        if kind is not PathKind.RELAY:
            self._retries = 0
            return self.end()
        if not self._is_punching:
            self._retry_later(now)
        return []

    # -- punches --------------------------------------------------------------------------

    def punch(self, *, anew: bool = False) -> list[Order]:
        """Punch, unless that is under way or impossible. `anew`: there is a fresh port, so begin again."""
        self._punch_at = None
        if not self._may_punch or (self._is_punching and not anew):
            return []
        self._is_punching = True
        return [Punch()]

    def renew(self) -> list[Order]:
        """Get a fresh punch port, if punching is possible."""
        return [Renew()] if self._may_punch else []

    def punch_over(self, now: float, *, is_away: bool, kind: PathKind | None) -> None:
        """A punch has spent its budget; plan the next one."""
        self._is_punching = False
        if is_away:
            self._punch_at = now + PUNCH_PAUSE
        elif kind is PathKind.RELAY:
            self._retry_later(now)

    def follows_move(self, now: float) -> bool:
        """Tell whether news of the peer's candidates may start a punch; counts it if so."""
        if len(self._moves) == MAX_MOVES and now - self._moves[0] < MOVES_TIME:
            return False
        self._moves.append(now)
        return True

    def _retry_later(self, now: float) -> None:
        if self._may_reach:
            self._punch_at = now + RETRIES[min(self._retries, len(RETRIES) - 1)]
            self._retries += 1

    # -- the relay ------------------------------------------------------------------------

    def open_relay(self) -> list[Order]:
        """Go to the relay, unless we are there."""
        self._relay_at = None
        if self.is_at_relay:
            return []
        self.is_at_relay, self.relay_error = True, None
        return [OpenRelay()]

    def relay_lost(self, event: RelayLost, now: float, *, is_up: bool) -> None:
        """The relay brought no link; plan another attempt unless a link is in use."""
        self.is_at_relay, self.relay_error = False, event.code
        if not is_up:
            pause = REACH_PAUSE if event.code is Code.SERVER_UNREACHABLE else RELAY_PAUSE
            self._relay_at = now + pause * (0.5 + event.spread)

    def relay_again(self, now: float) -> None:
        """A link over the relay is gone before it was in use; plan another attempt."""
        self._relay_at = now + RELAY_PAUSE
