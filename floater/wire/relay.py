r"""The relay's few words (spec §6): a preamble, a token, an answer, a `go`, then the peers' own bytes.

Layout, client to relay::

    b"floater-relay/1\\n" | frame {"type": "join", "token": …}

Relay to client, once both sides are there::

    frame {"type": "joined"}            or      frame {"type": "refused", "code": …}

Then each side sends one byte, `GO`. The relay passes nothing on to a side
before it has that side's GO, so that no byte of the peer can be swallowed by
the reader of these frames.
"""

from typing import Annotated, Final, TypeAlias

from msgspec import Meta

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire.codec import Codec, Message, UnknownType
from floater.wire.control import Refused
from floater.wire.frame import FrameLimits, FrameReader

PREAMBLE: Final = b"floater-relay/1\n"
GO: Final = b"\x01"
ALPN: Final = "floater-relay/1"
"Where a network lets nothing but TLS out, the same bytes travel inside it under this name."
RELAY_LEG: Final = FrameLimits(header=1_024, body=0)


class Join(Message, frozen=True):
    """Let us in: the `relay_token` of `matched`."""

    token: Annotated[bytes, Meta(max_length=512)]


class Joined(Message, frozen=True):
    """Both sides are there."""


JOIN_MESSAGES: Codec[Join] = Codec(Join, (Join,))
RelayAnswer: TypeAlias = Joined | Refused
RELAY_ANSWERS: Codec[RelayAnswer] = Codec(RelayAnswer, (Joined, Refused))


class JoinReader:
    """Reads what a client sends before it is joined: the preamble and one `join`."""

    def __init__(self) -> None:
        self._head = b""
        self._frames = FrameReader(RELAY_LEG)

    def feed(self, data: bytes) -> Join | None:
        """Take what has arrived; return the `join` as soon as it is whole, None before.

        Raises:
            RemoteProtocolError: another preamble (BAD_FRAME), another message (UNKNOWN_TYPE), more than that
                (UNEXPECTED), or what `FrameReader` and `Codec` raise. The reader is of no further use.
        """
        room = len(PREAMBLE) - len(self._head)
        self._head += data[:room]
        if not PREAMBLE.startswith(self._head):
            raise RemoteProtocolError(Code.BAD_FRAME, "preamble")
        frames = self._frames.feed(data[room:])
        if not frames:
            return None
        self._frames.check()
        if len(frames) > 1 or self._frames.pending:
            raise RemoteProtocolError(Code.UNEXPECTED, "before joined")
        try:
            return JOIN_MESSAGES.decode(frames[0])
        except UnknownType:
            raise RemoteProtocolError(Code.UNKNOWN_TYPE) from None
