"""One talk with one stranger, from the first link to the last word (spec §7).

    QUIET ──both have greeted──▶ OPEN
      │                            │
      └───────────HangUp───────────┴──▶ HANGING_UP ──acknowledged, or 2 s──▶ OVER

`Talk` puts the machines of a talk together: the conversation (nothing lost),
the greeting (nothing early), and the transfers of both directions.
"""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from floater.bridge import api
from floater.core.link import Arrived, LinkDown, LinkUp, Suspect, Transmit, Writable
from floater.core.orders import Emit, Greeted, Over
from floater.core.transfer import FileOrder, FileReport, OfferFile
from floater.machine import Tick
from floater.wire.control import Role

__all__ = [
    "Effect",
    "Emit",
    "End",
    "Event",
    "Greeted",
    "OfferFile",
    "Over",
    "State",
    "Talk",
    "TalkConfig",
    "Wish",
]


class State(Enum):
    """Where a talk stands."""

    QUIET = "quiet"
    OPEN = "open"
    HANGING_UP = "hanging_up"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkConfig:
    """What one side may choose for itself."""

    max_file: int = 1 << 36
    "Bytes of the largest file that may be offered to us; a larger one is declined at once."


@dataclass(frozen=True, slots=True)
class End:
    """The talk is over for a reason outside of it: the peer is lost, the log-in ended, it misbehaved."""

    reason: api.Ended


Wish: TypeAlias = (
    api.Greet
    | api.SendText
    | api.Retry
    | api.Typing
    | OfferFile
    | api.Accept
    | api.Decline
    | api.Pause
    | api.Resume
    | api.Cancel
    | api.HangUp
)
"""The person's wishes are the commands of the API themselves. `Greet.language` and `Accept.to` are filled in
by the client; `SendFile` becomes the `OfferFile` that the store made of its path."""

Event: TypeAlias = LinkUp | LinkDown | Arrived | Writable | Wish | FileReport | End | Tick
Effect: TypeAlias = Transmit | Suspect | Emit | Greeted | Over | FileOrder


class Talk:
    """One side of one talk.

    Raises, from `feed`:
        Refused: a wish cannot be fulfilled; nothing was changed. NO_TALK (over,
            or hanging up), NOT_GREETED, ALREADY_GREETED, TEXT_EMPTY,
            TEXT_TOO_LONG, OUTBOX_FULL, FILE_TOO_LARGE, NO_SUCH_TRANSFER,
            TRANSFER_STATE, BAD_COMMAND (no such message).
        RemoteProtocolError: the peer broke the protocol. Feed `End` with
            `peer_misbehaved` next.
    """

    def __init__(self, role: Role, config: TalkConfig | None = None) -> None:
        self.role = role
        self.config = config or TalkConfig()
        self.state = State.QUIET
        self.last_id = ""
        "The `message_id` or `transfer_id` that the last wish created."

    @property
    def received(self) -> int:
        """The highest `seq` of the peer that we have processed; goes into `peer_hello`."""
        raise NotImplementedError

    @property
    def greeted(self) -> bool:
        """Whether we have greeted."""
        raise NotImplementedError

    @property
    def peer_greeted(self) -> bool:
        """Whether the peer has greeted."""
        raise NotImplementedError

    @property
    def deadline(self) -> float | None:
        """Monotonic seconds at which to feed `Tick`; None for never."""
        raise NotImplementedError

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance by one event and say what is to be done."""
        raise NotImplementedError
