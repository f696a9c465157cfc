"""Whether the link in use still answers (spec §7.2).

::

    QUIET ──1 s of silence, Check──▶ ASKED ──silence──▶ SUSPECTED
      └◀──────── anything comes ───────┴──────────────────┘

A link on which something is due but nothing comes is asked (`LinkPing`) after
1 s, and suspected after 3. `Check` asks at once, and waits for little more
than a round trip. A new link is asked too: that proves it in both directions,
and measures it while it is empty.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from floater.core.link import Alive, Arrived, Check, LinkDown, LinkUp, Suspect, Transmit
from floater.machine import Tick
from floater.wire.talk import LinkPing, LinkPong

ASK_AFTER: Final = 1.0
"Seconds of silence, while something is due, before we ask."
SUSPECT_AFTER: Final = 3.0
"Seconds of silence, while something is due, before the link is suspected."
HASTE: Final = 0.5
"Seconds of silence after a `Check` before the link is suspected; three round trips, where that is longer."
KEEP_ALIVE: Final = 15.0
"Seconds of silence, with nothing due, before we ask all the same: NATs and relays forget idle streams."
PONGS_PER_SECOND: Final = 20
"A peer has no reason to ask more often; what goes beyond is not answered."


@dataclass(frozen=True, slots=True)
class Due:
    """Whether anything is due from the peer: an acknowledgement, bytes of a file, or a `get` for ours."""

    due: bool


Event: TypeAlias = LinkUp | LinkDown | Arrived | Check | Due | Tick
Effect: TypeAlias = Transmit | Suspect | Alive


class Liveness:
    """The link in use, seen from one side."""

    def __init__(self) -> None:
        self.rtt: float | None = None
        "Seconds; the shortest round trip seen on the link in use."
        self._link: int | None = None
        self._heard_at = 0.0
        self.is_due = False
        "Whether anything is due from the peer."
        self._due_since: float | None = None
        "When the peer last owed us nothing; a question of ours is owed an answer too."
        self._pings = 0
        self._asked_at: float | None = None
        self._suspected = False
        self._checked_at: float | None = None
        self._pong_second = float("-inf")
        self._pongs = 0

    @property
    def deadline(self) -> float | None:
        """When to ask, or to suspect."""
        if self._link is None:
            return None
        if self._due_since is None:
            return self._heard_at + KEEP_ALIVE
        quiet_since = max(self._heard_at, self._due_since)
        if self._asked_at is None:
            return quiet_since + ASK_AFTER
        if self._suspected:
            return None
        if self._checked_at is None:
            return quiet_since + SUSPECT_AFTER
        return max(quiet_since, self._checked_at) + max(HASTE, 3 * (self.rtt or 0.0))

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance by one event."""
        effects: list[Effect] = []
        match event:
            case Due(due):
                self.is_due = due
            case Arrived():
                effects = self._arrived(event, now)
            case LinkUp(link):
                self._link, self.rtt = link, None
                self._heard_at = self._due_since = now
                self._suspected, self._checked_at = False, None
                effects = self._ask(link, now)
            case LinkDown():
                self._link = self.rtt = self._asked_at = self._checked_at = None
            case Check():
                effects = self._check(now)
            case _:
                effects = self._tick(now)
        if not self.is_due and self._asked_at is None:
            self._due_since = None
        elif self._due_since is None:
            self._due_since = now
        return effects

    def _arrived(self, event: Arrived, now: float) -> list[Effect]:
        if event.link == self._link:
            self._heard_at = now
            self._suspected = False
        match event.message:
            case LinkPing(number):
                return self._pong(event.link, number, now)
            case LinkPong(number) if event.link == self._link and number == self._pings:
                return self._answered(event.link, now)
        return []

    def _pong(self, link: int, number: int, now: float) -> list[Effect]:
        if now - self._pong_second >= 1.0:
            self._pong_second, self._pongs = now, 0
        self._pongs += 1
        return [Transmit(link, LinkPong(number))] if self._pongs <= PONGS_PER_SECOND else []

    def _answered(self, link: int, now: float) -> list[Effect]:
        if self._asked_at is None:
            return []
        took = now - self._asked_at
        self.rtt = took if self.rtt is None else min(self.rtt, took)
        self._asked_at = None
        if self._checked_at is None:
            return []
        self._checked_at = None
        return [Alive(link)]

    def _tick(self, now: float) -> list[Effect]:
        due = self.deadline
        if self._link is None or due is None or now < due:
            return []
        if self._asked_at is None:
            return self._ask(self._link, now)
        self._suspected = True
        return [Suspect(self._link)]

    def _ask(self, link: int, now: float) -> list[Effect]:
        self._pings = self._pings % 2**31 + 1
        self._asked_at = now
        return [Transmit(link, LinkPing(self._pings))]

    def _check(self, now: float) -> list[Effect]:
        """Ask; what was asked before may have been lost with whatever gave rise to this."""
        if self._link is None or self._suspected or self._checked_at is not None:
            return []
        self._checked_at = now
        return self._ask(self._link, now)
