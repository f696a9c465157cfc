"""Decide when mails are tried again, and what is known of the mail server.

::

    UP ◀──connected, judged a mail── any ──down; two mails in a row broke the connection──▶ DOWN
     └──`FRESH` seconds without a word──▶ UNKNOWN

Failures in a row make the pauses longer: 1, 2, 4 … 60 s. A mail that breaks the connection may be the only
one that does, so the pause after it stays short, and the others are tried on a new connection.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

FRESH: Final = 60.0
"Seconds for which a mail server that was up counts as up."
LATE: Final = 5.0
"Seconds after which a mail is late, and its code's time is counted from when it is handed over."
PUT_OFF: Final = 60.0
PUT_OFF_LONGEST: Final = 3_600.0
BROKEN_MOST: Final = 4
"Breaks in a row after which the pause gets no longer."
_DOUBLED_MOST: Final = 16


class ServerState(Enum):
    """What is known of the mail server."""

    UP = 1
    DOWN = 2
    UNKNOWN = 3


# -- one mail -----------------------------------------------------------------------------


def is_late(age: float) -> bool:
    """Return True if a mail of this age, in seconds, has waited so long that its code needs a new time."""
    return age > LATE


def wait_after_refusal(tries: int, *, pick: float) -> float:
    """Return the seconds for which a mail waits that the mail server has put off (4xx); they double.

    Args:
        tries: how often it was put off before.
        pick: random, uniform in [0, 1).
    """
    return _spread(min(PUT_OFF * 2.0 ** min(tries, _DOUBLED_MOST), PUT_OFF_LONGEST), pick)


def wait_after_break(tries: int, retry: float, *, pick: float) -> float:
    """Return the seconds for which a mail waits over which the connection broke, or that failed here.

    They are few at first, because the break may as well have been the mail server's own end.

    Args:
        tries: how often it was put off before.
        retry: seconds, the first time.
        pick: random, uniform in [0, 1).
    """
    return _spread(min(retry * 4.0 ** min(tries, _DOUBLED_MOST), PUT_OFF_LONGEST), pick)


def _spread(seconds: float, pick: float) -> float:
    return seconds * (0.8 + 0.4 * pick)


# -- events -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Connected:
    """The mail server takes mails."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The mail server has taken a mail, or refused it for good."""


@dataclass(frozen=True, slots=True)
class Postponed:
    """The mail server has put a mail off."""


@dataclass(frozen=True, slots=True)
class Finished:
    """All mails that were due have been judged or put off."""


@dataclass(frozen=True, slots=True)
class Broke:
    """The connection broke over one mail, which was put off, or that mail failed here."""

    pick: float
    "Random, uniform in [0, 1)."


@dataclass(frozen=True, slots=True)
class Blocked:
    """No mail could be handed over."""

    pick: float
    "Random, uniform in [0, 1)."
    is_ours: bool = False
    "The fault is our database's, and says nothing of the mail server."


Event: TypeAlias = Connected | Judged | Postponed | Finished | Broke | Blocked


# -- effects ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Learned:
    """Tell those who wait for it that the state of the mail server is known anew."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Hand nothing over for `seconds`, then connect again."""

    seconds: float


Effect: TypeAlias = Learned | Pause


class Delivery:
    """What is known of the mail server.

    Args:
        retry: seconds of the first pause after a failure; doubled with each.
        longest: seconds up to which that doubles.
    """

    def __init__(self, *, retry: float, longest: float) -> None:
        self._retry = retry
        self._longest = longest
        self._failures = 0
        self._breaks = 0
        self._is_up = True
        self._known_at: float | None = None

    def state(self, *, now: float) -> ServerState:
        """Return what is known at this time, in monotonic seconds."""
        if not self._is_up:
            return ServerState.DOWN
        is_fresh = self._known_at is not None and now - self._known_at < FRESH
        return ServerState.UP if is_fresh else ServerState.UNKNOWN

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance by one event."""
        match event:
            case Connected():
                return self._learn(True, now)
            case Judged():
                self._breaks = 0
                return self._learn(True, now)
            case Postponed():
                self._breaks = 0
                return []
            case Finished():
                self._failures = self._breaks = 0
                return []
            case Broke(pick):
                self._failures = 0
                self._breaks += 1
                # After the second one, nothing at all went through in between.
                learned = self._learn(False, now) if self._breaks > 1 else []
                return [*learned, self._pause(min(self._breaks, BROKEN_MOST), pick)]
            case _:  # Blocked
                self._failures += 1
                learned = [] if event.is_ours else self._learn(False, now)
                return [*learned, self._pause(self._failures, event.pick)]

    def _learn(self, is_up: bool, now: float) -> list[Effect]:
        self._is_up, self._known_at = is_up, now
        return [Learned()]

    def _pause(self, times: int, pick: float) -> Pause:
        seconds = min(self._retry * 2.0 ** min(times - 1, _DOUBLED_MOST), self._longest)
        return Pause(seconds * (0.8 + 0.2 * pick))
