"""How a talk ends (spec §7.8).

::

    ON ──HangUp, linked──▶ HANGING_UP ──acknowledged, the peer's hang_up, LinkDown, 2 s──▶ OVER
     └──HangUp without a link, the peer's hang_up, End, Misbehaved───────────────────────▶ OVER

`End` and `Misbehaved` lead from HANGING_UP to OVER too. A side that learns of
the end otherwise than from the peer says `hang_up` once, if a link stands.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from floater import api
from floater.codes import Code
from floater.core.link import LinkDown, LinkUp, Transmit
from floater.core.talk.conversation import Acknowledged, Conversation
from floater.core.talk.orders import Over, Say
from floater.machine import Tick
from floater.wire import talk as wire

HANG_UP_TIME: Final = 2.0
"Seconds that a hang-up waits for its acknowledgement."


class State(Enum):
    """How far the end has come."""

    ON = "on"
    HANGING_UP = "hanging_up"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class End:
    """The talk is over for a reason outside of it: the peer is lost, the log-in has ended."""

    reason: api.Ended


@dataclass(frozen=True, slots=True)
class Misbehaved:
    """The peer broke the protocol; `code` says how, and the peer is told it."""

    code: Code


Event: TypeAlias = api.HangUp | End | Misbehaved | wire.HangUp | Acknowledged | LinkUp | LinkDown | Tick
Effect: TypeAlias = Say | Transmit | Over


class Farewell:
    """The end of one talk.

    Args:
        conversation: of the talk; asked for its link and its next number.
    """

    def __init__(self, conversation: Conversation) -> None:
        self.state = State.ON
        self.deadline: float | None = None
        "When to wait no longer for the acknowledgement of our hang-up."
        self._conversation = conversation
        self._seq = 0
        "The number of our hang-up."

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance by one event."""
        match self.state, event:
            case State.ON, api.HangUp() if self._conversation.link is not None:
                self.state = State.HANGING_UP
                self.deadline = now + HANG_UP_TIME
                self._seq = self._conversation.next_seq
                return [Say(wire.HangUp)]
            case State.ON, api.HangUp():
                return self._over(api.Ended.YOU_HUNG_UP)
            case ((State.ON | State.HANGING_UP), wire.HangUp(code=word)):
                return self._peer_hung_up(word)
            case ((State.ON | State.HANGING_UP), End(reason)):
                return [*self._goodbye(), *self._over(reason)]
            case ((State.ON | State.HANGING_UP), Misbehaved(code)):
                return [*self._goodbye(code), *self._over(api.Ended.PEER_MISBEHAVED, code)]
            case State.HANGING_UP, Acknowledged(seq) if seq >= self._seq:
                return self._over(api.Ended.YOU_HUNG_UP)
            case State.HANGING_UP, LinkDown():
                return self._over(api.Ended.YOU_HUNG_UP)
            case State.HANGING_UP, Tick() if self.deadline is not None and now >= self.deadline:
                return self._over(api.Ended.YOU_HUNG_UP)
        return []

    def _peer_hung_up(self, word: str) -> list[Effect]:
        """Acknowledge at once: nothing that we say could do it later."""
        link = self._conversation.link
        ack: list[Effect] = [] if link is None else [Transmit(link, wire.Ack(self._conversation.received))]
        if self.state is State.HANGING_UP:
            return [*ack, *self._over(api.Ended.YOU_HUNG_UP)]
        return [*ack, *self._over(api.Ended.PEER_HUNG_UP, _known(word))]

    def _goodbye(self, code: Code | None = None) -> list[Effect]:
        """Say `hang_up`, unless we did or it would not go out."""
        conversation = self._conversation
        if self.state is State.HANGING_UP or conversation.link is None:
            return []
        return [Say(wire.HangUp, "" if code is None else code.value)]

    def _over(self, reason: api.Ended, fault: Code | None = None) -> list[Effect]:
        self.state, self.deadline = State.OVER, None
        return [Over(reason, fault)]


def _known(word: str) -> Code | None:
    """Return the code of this word; None for a word that only the peer knows."""
    try:
        return Code(word)
    except ValueError:
        return None
