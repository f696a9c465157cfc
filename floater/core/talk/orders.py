"""What the machines of a talk ask for. `Talk` carries the first two out itself; the rest leaves it."""

from dataclasses import dataclass

from floater import api
from floater.wire.talk import Get, NumberedMessage, Part, Typing


@dataclass(frozen=True, slots=True)
class Say:
    """Bring a numbered message to the peer, whatever becomes of links. The numbers are filled in."""

    message: NumberedMessage
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Send:
    """Send what belongs to the link in use; it is lost with the link, or if there is none."""

    message: Get | Part | Typing
    body: bytes | memoryview = b""
    bulk: bool = False


@dataclass(frozen=True, slots=True)
class Greeted:
    """Both have greeted: the talk is open."""


@dataclass(frozen=True, slots=True)
class Over:
    """The talk has ended; the machine does nothing more. `lasted` is in seconds, from the first link on."""

    reason: api.Ended
    lasted: float
