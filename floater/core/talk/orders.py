"""What the parts of a talk ask for. `Talk` carries `Say` and `Send` out itself; the rest leaves it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVarTuple

from floater import api
from floater.codes import Code
from floater.wire import talk as wire
from floater.wire.talk import Get, NumberedMessage, Part, Typing

Fields = TypeVarTuple("Fields")


@dataclass(frozen=True, slots=True, init=False)
class Say:
    """Bring a numbered message to the peer, over as many links as it takes.

    Args:
        kind: the message's class.
        fields: its fields after `seq` and `received`, which are not known yet.
        body: its body.
    """

    kind: Callable[..., NumberedMessage]
    fields: tuple[object, ...]
    body: bytes

    def __init__(
        self, kind: Callable[[int, int, *Fields], NumberedMessage], *fields: *Fields, body: bytes = b""
    ) -> None:
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "fields", fields)
        object.__setattr__(self, "body", body)

    def message(self, seq: int, received: int) -> NumberedMessage:
        """Return the message with its numbers."""
        return self.kind(seq, received, *self.fields)


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
    """The talk has ended; the machine does nothing more.

    `fault` is for the log: what the peer did wrong (PEER_MISBEHAVED), or what the peer says that we did
    wrong (PEER_HUNG_UP).
    """

    reason: api.Ended
    fault: Code | None = None


def refuse(message: NumberedMessage, code: Code) -> Say:
    """Tell the peer that its message was not obeyed, and why."""
    return Say(wire.Refuse, message.seq, code.value)
