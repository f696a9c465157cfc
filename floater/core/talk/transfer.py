"""What passes between the rooms about files: two wishes, orders to `floater.store.files`, and its reports.

A file that we offer has a number (`file`) that the store gave it when it was
opened; a file that we receive goes by its transfer id. Orders about one file
are carried out one after the other, in the order given. An order about a file
that is no longer open does nothing.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from floater import api
from floater.codes import Code
from floater.wire.digest import Digest
from floater.wire.limits import MAX_PART

BLOCK: Final = MAX_PART
"Bytes read from disk at once, and written between two reports."

PROGRESS_INTERVAL: Final = 0.1
"Seconds between two `progress` events of one transfer; the last one always comes."

# -- wishes -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OfferFile:
    """Offer a file that the store has opened. The store's `open_outgoing` makes these."""

    file: int
    name: str
    content_type: str
    size: int
    preview: api.Preview | None = None


@dataclass(frozen=True, slots=True)
class AcceptTo:
    """Accept an offered file and keep it in that folder: `api.Accept`, its folder known."""

    transfer_id: str
    folder: str


# -- orders about files that we send ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReadBlock:
    """Read `size` bytes from `first` on; answered by `BlockRead` or `ReadFailed`."""

    file: int
    first: int
    size: int
    digest: Digest = Digest.SHA256
    "Of the whole file; the same in all orders about one file."


@dataclass(frozen=True, slots=True)
class CloseFile:
    """Nothing more will be read."""

    file: int


# -- orders about files that we receive ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class CreateFile:
    """Make room for a file in `folder`; answered by `FileCreated` or `WriteFailed`."""

    transfer: str
    folder: str
    name: str
    size: int
    digest: Digest = Digest.SHA256
    "By which the file will be checked."


@dataclass(frozen=True, slots=True)
class WriteBlock:
    """Append; answered by `BlockWritten` (every BLOCK, and at the end of the file) or `WriteFailed`."""

    transfer: str
    data: bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class FinishFile:
    """All is written: if this is its digest, give it its name; answered by `FileStored` or `WriteFailed`."""

    transfer: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class DiscardFile:
    """Leave nothing of it on disk. Not answered; nothing is reported of this file any more."""

    transfer: str


# -- reports ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BlockRead:
    """Bytes of the file from `first` on. With its last bytes comes the digest of it all."""

    file: int
    first: int
    data: bytes
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class ReadFailed:
    """The file can no longer be sent: FILE_CHANGED or FILE_UNREADABLE."""

    file: int
    code: Code


@dataclass(frozen=True, slots=True)
class FileCreated:
    """There is room, and an empty file that only this program can read."""

    transfer: str


@dataclass(frozen=True, slots=True)
class BlockWritten:
    """So many bytes of the file are written, counted from its start."""

    transfer: str
    written: int


@dataclass(frozen=True, slots=True)
class FileStored:
    """The file is whole, verified, and stands under this path."""

    transfer: str
    path: str


@dataclass(frozen=True, slots=True)
class WriteFailed:
    """The file cannot be kept, and nothing of it is left.

    `code` is DISK_FULL, NO_SUCH_FILE (the folder), NOT_WRITABLE, STORAGE_FAILED or FILE_DAMAGED.
    """

    transfer: str
    code: Code


FileOrder: TypeAlias = ReadBlock | CloseFile | CreateFile | WriteBlock | FinishFile | DiscardFile
FileReport: TypeAlias = BlockRead | ReadFailed | FileCreated | BlockWritten | FileStored | WriteFailed

SHOWN_CODES: Final = frozenset(
    {
        Code.CANCELLED,
        Code.DECLINED,
        Code.DISK_FULL,
        Code.FILE_CHANGED,
        Code.FILE_DAMAGED,
        Code.FILE_TOO_LARGE,
        Code.FILE_UNREADABLE,
        Code.NOT_KEPT,
        Code.NOT_WHAT_IT_SAYS,
        Code.OUTBOX_FULL,
        Code.NOT_GREETED,
        Code.TALK_ENDED,
    }
)
"What a peer may give as the reason why a transfer ended. Anything else would show a wrong sentence."


_OWN_AFFAIR: Final = frozenset({Code.NO_SUCH_FILE, Code.NOT_WRITABLE, Code.STORAGE_FAILED})


def reason_for_peer(code: Code) -> Code:
    """Return why a file could not be written, as the peer may know it: nothing about our folders."""
    return Code.NOT_KEPT if code in _OWN_AFFAIR else code


def reason_of(word: str, otherwise: Code) -> Code:
    """Read the reason that a peer gave for the end of a transfer."""
    try:
        code = Code(word)
    except ValueError:
        return otherwise
    return code if code in SHOWN_CODES else otherwise
