"""The typing indicator of both sides (spec §7.7)."""

from typing import Final

from floater import api
from floater.core.emit import Emit
from floater.core.talk.orders import Send
from floater.machine import Tick, earliest
from floater.wire import talk as wire

INTERVAL: Final = 2.0
"Seconds between two `typing` messages."
STALE_AFTER: Final = 6.0
"Seconds for which the peer's `typing` holds."


class TypingState:
    """Who is writing in one talk."""

    def __init__(self) -> None:
        self._told = False
        self._told_at = float("-inf")
        self._to_tell: bool | None = None
        self._peer_until: float | None = None

    @property
    def deadline(self) -> float | None:
        """When to send what had to wait, or when the peer's `typing` is stale."""
        return earliest(self._peer_until, None if self._to_tell is None else self._told_at + INTERVAL)

    def ours(self, typing: bool, *, now: float) -> list[Send | Emit]:
        """Take what the person does; tell the peer at most every 2 s."""
        self._to_tell = typing if typing or self._told else None
        return self._tell(now)

    def said(self) -> None:
        """Note that a text goes out: the peer concludes by itself that we no longer write."""
        self._told = False
        self._to_tell = None

    def peer(self, typing: bool, *, now: float) -> list[Send | Emit]:
        """Take what the peer tells, or what follows from what it does."""
        was = self._peer_until is not None
        self._peer_until = now + STALE_AFTER if typing else None
        return [] if was == typing else [Emit(api.PeerTyping(typing))]

    def feed(self, event: Tick, *, now: float) -> list[Send | Emit]:
        """Advance by the clock."""
        effects = self._tell(now)
        if self._peer_until is not None and now >= self._peer_until:
            effects += self.peer(False, now=now)
        return effects

    def _tell(self, now: float) -> list[Send | Emit]:
        if self._to_tell is None or now < self._told_at + INTERVAL:
            return []
        self._told, self._told_at, self._to_tell = self._to_tell, now, None
        return [Send(wire.Typing(self._told))]
