"""Commands and events about files: offer, accept, pause, progress."""

import msgspec

from floater.api.base import Error, OfTalk, Reply, TalkEvent


class SendFile(OfTalk, frozen=True):
    """Offer a file. An image is a file whose type is an image; the type is read from its bytes."""

    path: str


class Accept(OfTalk, frozen=True):
    """Have an offered file. `to` is the folder to keep it in, the downloads folder if empty."""

    transfer_id: str
    to: str = ""


class Decline(OfTalk, frozen=True):
    """Refuse an offered file."""

    transfer_id: str


class Pause(OfTalk, frozen=True):
    """Let a transfer rest, either side."""

    transfer_id: str


class Resume(OfTalk, frozen=True):
    """Go on with it."""

    transfer_id: str


class Cancel(OfTalk, frozen=True):
    """Give a transfer up, either side."""

    transfer_id: str


class FileReply(Reply, frozen=True):
    """The offer is on its way."""

    transfer_id: str


class Preview(msgspec.Struct, frozen=True):
    """A tiny picture: width × height sRGB pixels, 3 bytes each, base64."""

    width: int
    height: int
    pixels: bytes


class Offer(TalkEvent, frozen=True):
    """The peer offers a file. Nothing of it is sent before `accept`."""

    transfer_id: str
    name: str
    content_type: str
    size: int
    preview: Preview | None = None


class Offered(TalkEvent, frozen=True):
    """We have offered a file."""

    transfer_id: str
    name: str
    content_type: str
    size: int
    preview: Preview | None = None


class Progress(TalkEvent, frozen=True):
    """How far a transfer is."""

    transfer_id: str
    bytes: int
    size: int


class Accepted(TalkEvent, frozen=True):
    """The peer wants our file."""

    transfer_id: str


class Paused(TalkEvent, frozen=True):
    """Who lets the transfer rest now; neither means it goes on."""

    transfer_id: str
    by_you: bool
    by_peer: bool


class Received(TalkEvent, frozen=True):
    """The file is whole, verified and on disk."""

    transfer_id: str
    path: str
    digest: str
    "`blake3:` or `sha256:`, as the two sides agreed, and 64 hex digits."


class Sent(TalkEvent, frozen=True):
    """The peer has our file, whole and verified."""

    transfer_id: str


class Failed(TalkEvent, frozen=True):
    """A transfer is over without success."""

    transfer_id: str
    error: Error
