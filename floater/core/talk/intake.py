"""How fast the peer may talk: beyond it, its link is not read (spec §7.2).

::

    READING ──a bucket is overdrawn──▶ PAUSED
       └◀────── all are refilled ─────────┘

Each kind of message has a token bucket. A message that arrives is always
obeyed; if it overdraws a bucket, reading pauses until the bucket is refilled.
TCP, or the relay, then holds the peer back, so nothing is lost and a peer that
talks without end costs no more than one at the limit. File parts are bounded
by the windows that the receiver grants.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from floater.core.link import Arrived, PauseReading, ResumeReading
from floater.machine import Tick
from floater.wire import talk as wire

Event: TypeAlias = Arrived | Tick
Effect: TypeAlias = PauseReading | ResumeReading


@dataclass(slots=True)
class _Bucket:
    """Tokens that come back at `rate` a second, up to `burst`; below 0 they are owed."""

    rate: float
    burst: float
    tokens: float = 0.0
    at: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def take(self, cost: float, now: float) -> float:
        """Take tokens; returns the seconds until none is owed."""
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate) - cost
        self.at = now
        return max(0.0, -self.tokens / self.rate)


MESSAGES: Final = (150.0, 300.0)
"Numbered messages of any type, a second and at once."
BODIES: Final = (262_144.0, 2_097_152.0)
"Bytes of their bodies: texts, previews."
OFFERS: Final = (5.0, 64.0)
TYPING: Final = (2.0, 20.0)
FRAMES: Final = (4_000.0, 8_000.0)
"Messages without a number: acknowledgements, pings, `get`s; of these a fast receiver sends 1,000 a second."


class Intake:
    """What has come on all links of one talk."""

    def __init__(self) -> None:
        self.deadline: float | None = None
        "When to read again; None while everything is read."
        self._messages = _Bucket(*MESSAGES)
        self._bodies = _Bucket(*BODIES)
        self._offers = _Bucket(*OFFERS)
        self._typing = _Bucket(*TYPING)
        self._frames = _Bucket(*FRAMES)
        self._paused: dict[int, None] = {}
        "The links that are not read, in the order in which they were paused."

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance by one event."""
        if isinstance(event, Arrived):
            return self._arrived(event, now)
        if self.deadline is None or now < self.deadline:
            return []
        paused, self._paused, self.deadline = self._paused, {}, None
        return [ResumeReading(link) for link in paused]

    def _arrived(self, event: Arrived, now: float) -> list[Effect]:
        wait = self._cost(event, now)
        if not wait:
            return []
        self.deadline = max(self.deadline or 0.0, now + wait)
        if event.link in self._paused:
            return []
        self._paused[event.link] = None
        return [PauseReading(event.link)]

    def _cost(self, event: Arrived, now: float) -> float:
        """Take what a message costs; returns the seconds until it is paid for."""
        match event.message:
            case wire.HangUp() | wire.Part():
                return 0.0
            case wire.Offer():
                wait = max(self._offers.take(1.0, now), self._messages.take(1.0, now))
                return max(wait, self._bodies.take(len(event.body), now))
            case wire.Numbered():
                return max(self._messages.take(1.0, now), self._bodies.take(len(event.body), now))
            case wire.Typing():
                return self._typing.take(1.0, now)
            case _:
                return self._frames.take(1.0, now)
