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

from floater.wire.codec import Codec, Message
from floater.wire.control import Refused

PREAMBLE: Final = b"floater-relay/1\n"
GO: Final = b"\x01"
ALPN: Final = "floater-relay/1"
"Where a network lets nothing but TLS out, the same bytes travel inside it under this name."


class Join(Message, frozen=True):
    """Let us in: the `relay_token` of `matched`."""

    token: Annotated[bytes, Meta(max_length=512)]


class Joined(Message, frozen=True):
    """Both sides are there."""


JOIN_MESSAGES: Codec[Join] = Codec(Join, (Join,))
RelayAnswer: TypeAlias = Joined | Refused
RELAY_ANSWERS: Codec[RelayAnswer] = Codec(RelayAnswer, (Joined, Refused))
