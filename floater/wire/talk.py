"""Every message of the peer leg, in spec order (spec §7).

A numbered message has `seq`: 1, 2, 3 … in each direction of one match, over
all its links. The others belong to the link they came on. `transfer` is the id
of an offer: its author and its `seq` (spec §7.2.1).
"""

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire.codec import Codec, Message, UnknownType
from floater.wire.digest import Digest
from floater.wire.frame import Frame
from floater.wire.limits import MAX_FILE, MAX_FILE_NAME, PREVIEW_EDGE
from floater.wire.message_id import MessageId

Seq: TypeAlias = Annotated[int, Meta(ge=1, le=2**53)]
Received: TypeAlias = Annotated[int, Meta(ge=0, le=2**53)]
Offset: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_FILE)]
DigestWord: TypeAlias = Annotated[str, Meta(max_length=16)]
Hash: TypeAlias = Annotated[bytes, Meta(min_length=32, max_length=32)]


# -- about the link -----------------------------------------------------------------------


class PeerHello(Message, frozen=True):
    """The first message of both sides on every link, right after the TLS handshake."""

    versions: Annotated[tuple[int, ...], Meta(min_length=1, max_length=16)]
    ticket: Annotated[bytes, Meta(max_length=1_024)]
    signature: Annotated[bytes, Meta(min_length=64, max_length=64)]
    received: Received
    "The highest `seq` we have got, on any link."


class Choose(Message, frozen=True):
    """Leader only: this is the link to use from now on. `number` grows by one with each choice of a match."""

    number: Annotated[int, Meta(ge=1, le=2**31)]


class Ack(Message, frozen=True):
    """We have every numbered message up to `received`."""

    received: Received


class LinkPing(Message, frozen=True):
    """Ask whether anything still comes through."""

    number: Annotated[int, Meta(ge=0, le=2**31)]


class LinkPong(Message, frozen=True):
    """The answer, with the same number."""

    number: Annotated[int, Meta(ge=0, le=2**31)]


# -- numbered -----------------------------------------------------------------------------


class Numbered(Message, frozen=True):
    """What every numbered message has. `received` acknowledges on the way."""

    seq: Seq
    received: Received


class Greet(Numbered, frozen=True):
    """Say 你好, in the words of that language (spec §7.3)."""

    language: Annotated[str, Meta(max_length=35)] = "zh"


class Text(Numbered, frozen=True):
    """Something said. The body is 1 to 65,536 bytes of UTF-8."""


class Offer(Numbered, frozen=True):
    """Offer a file.

    The body is the preview: `preview[0]` × `preview[1]` sRGB pixels, 3 bytes each, row by row.
    """

    name: Annotated[str, Meta(min_length=1, max_length=MAX_FILE_NAME)]
    content_type: Annotated[str, Meta(max_length=127)]
    content_length: Annotated[int, Meta(ge=0, le=MAX_FILE)]
    preview: (
        tuple[Annotated[int, Meta(ge=1, le=PREVIEW_EDGE)], Annotated[int, Meta(ge=1, le=PREVIEW_EDGE)]] | None
    ) = None
    content_digests: Annotated[tuple[DigestWord, ...], Meta(max_length=8)] = (Digest.SHA256.value,)
    "By which the sender can prove that the file is whole; SHA-256 is always one of them."


class Accept(Numbered, frozen=True):
    """The receiver wants the file, and `complete` to name its digest; `get` follows."""

    transfer: MessageId
    content_digest: DigestWord = Digest.SHA256.value


class Decline(Numbered, frozen=True):
    """The receiver does not want the file, for the reason `code`."""

    transfer: MessageId
    code: Annotated[str, Meta(max_length=64)] = "declined"


class Pause(Numbered, frozen=True):
    """This side wants the transfer to rest."""

    transfer: MessageId


class Resume(Numbered, frozen=True):
    """This side no longer wants it to rest."""

    transfer: MessageId


class Cancel(Numbered, frozen=True):
    """Either side gives the transfer up, for the reason `code`."""

    transfer: MessageId
    code: Annotated[str, Meta(max_length=64)] = "cancelled"


class Complete(Numbered, frozen=True):
    """The sender has sent the last byte; this is the digest of them all that `accept` asked for."""

    transfer: MessageId
    sha256: Hash | None = None
    blake3: Hash | None = None


class Stored(Numbered, frozen=True):
    """The receiver has the whole file, verified and on disk."""

    transfer: MessageId


class HangUp(Numbered, frozen=True):
    """The talk is over; `code` says how the receiver broke the protocol, if that is why."""

    code: Annotated[str, Meta(max_length=64)] = ""


class Refuse(Numbered, frozen=True):
    """The numbered message `of` was not obeyed, for the reason `code`; all else goes on."""

    of: Seq
    code: Annotated[str, Meta(max_length=64)]


# -- not numbered -------------------------------------------------------------------------


class Get(Message, frozen=True):
    """The receiver asks for the bytes `first` to `last`, both included (RFC 9110 §14.1.2)."""

    transfer: MessageId
    first: Offset
    last: Offset


class Part(Message, frozen=True):
    """Bytes of a file, from `first` on (RFC 9110 §14.4). The body is 1 to 1,048,576 of them."""

    transfer: MessageId
    first: Offset


class Typing(Message, frozen=True):
    """Whether the other is writing. Good for 6 seconds."""

    typing: bool


# -- of a later version -------------------------------------------------------------------


class Unknown(Numbered, frozen=True):
    """A numbered message of a type that is not known here: it counts, and gets a `refuse`. Never sent."""


KnownMessage: TypeAlias = (
    PeerHello
    | Choose
    | Ack
    | LinkPing
    | LinkPong
    | Greet
    | Text
    | Offer
    | Accept
    | Decline
    | Pause
    | Resume
    | Cancel
    | Complete
    | Stored
    | HangUp
    | Refuse
    | Get
    | Part
    | Typing
)
NumberedMessage: TypeAlias = (
    Greet
    | Text
    | Offer
    | Accept
    | Decline
    | Pause
    | Resume
    | Cancel
    | Complete
    | Stored
    | HangUp
    | Refuse
    | Unknown
)
LinkMessage: TypeAlias = PeerHello | Choose | Ack | LinkPing | LinkPong
TalkMessage: TypeAlias = LinkMessage | NumberedMessage | Get | Part | Typing

TALK_MESSAGES: Codec[KnownMessage] = Codec(KnownMessage, KnownMessage.__args__)


class _NumberedEnvelope(msgspec.Struct):
    seq: Seq = 0
    received: Received = 0


_numbered_envelope = msgspec.json.Decoder(_NumberedEnvelope)


def decode_talk(frame: Frame) -> TalkMessage | None:
    """Read a header of the peer leg; None for an unnumbered message of a type that is not known here.

    A numbered one has to be counted all the same: its sender goes on with the next number.

    Raises:
        RemoteProtocolError: BAD_FRAME or BAD_FIELD.
    """
    try:
        return TALK_MESSAGES.decode(frame)
    except UnknownType:
        try:
            envelope = _numbered_envelope.decode(frame.header)
        except msgspec.DecodeError as error:
            raise RemoteProtocolError(Code.BAD_FIELD, "seq") from error
        return Unknown(envelope.seq, envelope.received) if envelope.seq else None
