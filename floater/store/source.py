"""A file that we offer: opened once, read block by block, hashed on the way."""

import mimetypes
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Final

from floater import api
from floater.codes import Code
from floater.core.talk.sniff import HEAD, IMAGE_TYPES, UNKNOWN_TYPE, clean_type, sniff
from floater.core.talk.transfer import BlockRead, OfferFile, ReadFailed
from floater.errors import Refused
from floater.store.hashing import Hash, new_hash
from floater.wire.digest import Digest
from floater.wire.limits import MAX_FILE, PREVIEW_EDGE
from floater.wire.names import clean_file_name

PREVIEW_TIMEOUT: Final = 5.0
"Seconds after which an offer goes without its picture."
MAX_PREVIEWED: Final = 268_435_456
"Bytes of the largest image that gets a preview."

_PREVIEW_PROGRAM: Final = Path(__file__).with_name("preview.py")
_OPEN_FLAGS: Final = (
    os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)


class Source:
    """One open file. Used by one thread at a time.

    Args:
        number: what orders call it.
        path: where it is. Symbolic links are followed: they are the person's own.

    Raises:
        Refused: NO_SUCH_FILE (none, or not a regular one), FILE_UNREADABLE, FILE_TOO_LARGE.
    """

    def __init__(self, number: int, path: str) -> None:
        self.number = number
        self.path = os.path.abspath(os.path.expanduser(path))
        try:
            # Looked at before it is opened: opening a pipe or a device can block or do things.
            if not stat.S_ISREG(os.stat(self.path).st_mode):
                raise Refused(Code.NO_SUCH_FILE)
            self._fd = os.open(self.path, _OPEN_FLAGS)
        except (FileNotFoundError, NotADirectoryError, ValueError) as error:
            raise Refused(Code.NO_SUCH_FILE) from error
        except OSError as error:
            raise Refused(Code.FILE_UNREADABLE) from error
        try:
            status = os.fstat(self._fd)
            if not stat.S_ISREG(status.st_mode):
                raise Refused(Code.NO_SUCH_FILE)
            if status.st_size > MAX_FILE:
                raise Refused(Code.FILE_TOO_LARGE)
            self.size = status.st_size
            self._modified = status.st_mtime_ns
            self._at = 0
            self._hash: Hash | None = None
            self._hashed = 0
            self.content_type = self._content_type(os.read(self._fd, HEAD))
            self._at = os.lseek(self._fd, 0, os.SEEK_SET)
        except OSError as error:
            self.close()
            raise Refused(Code.FILE_UNREADABLE) from error
        except Refused:
            self.close()
            raise

    def _content_type(self, head: bytes) -> str:
        """Tell the type by the bytes; by the name only for types that are never displayed."""
        by_bytes = sniff(head)
        if by_bytes is not None:
            return by_bytes
        by_name = mimetypes.guess_type(os.path.basename(self.path))[0] or UNKNOWN_TYPE
        return UNKNOWN_TYPE if by_name.startswith("image/") else clean_type(by_name)

    def offer(self) -> OfferFile:
        """Describe the file for `Talk`; a picture of an image is made in a process of its own."""
        preview = None
        if self.content_type in IMAGE_TYPES and self.size <= MAX_PREVIEWED:
            preview = make_preview(self.path)
        name = clean_file_name(os.path.basename(self.path))
        return OfferFile(self.number, name, self.content_type, self.size, preview)

    def read(self, first: int, size: int, digest: Digest = Digest.SHA256) -> BlockRead | ReadFailed:
        """Read a block. Bytes are hashed, as the first call says, when they are first reached."""
        if self._hash is None:
            self._hash = new_hash(digest)
        try:
            if self._at != first:
                os.lseek(self._fd, first, os.SEEK_SET)
            data = os.read(self._fd, size)
            while len(data) < size:
                more = os.read(self._fd, size - len(data))
                if not more:
                    return ReadFailed(self.number, Code.FILE_CHANGED)
                data += more
            self._at = first + size
            status = os.fstat(self._fd)
        except OSError:
            return ReadFailed(self.number, Code.FILE_UNREADABLE)
        if (status.st_size, status.st_mtime_ns) != (self.size, self._modified):
            return ReadFailed(self.number, Code.FILE_CHANGED)
        if first <= self._hashed < first + size:
            self._hash.update(data if first == self._hashed else memoryview(data)[self._hashed - first :])
            self._hashed = first + size
        whole = first + size == self.size == self._hashed
        return BlockRead(self.number, first, data, self._hash.digest() if whole else b"")

    def close(self) -> None:
        """Read no more."""
        os.close(self._fd)


def make_preview(path: str) -> api.Preview | None:
    """Make a tiny picture of one of our own images, at most 16 by 16 pixels; None if that fails in any way.

    The decoder runs in a process of its own, with limits on time and memory.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(_PREVIEW_PROGRAM), path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PREVIEW_TIMEOUT,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    if len(done.stdout) < 2:
        return None
    width, height, pixels = done.stdout[0], done.stdout[1], done.stdout[2:]
    if not (1 <= width <= PREVIEW_EDGE and 1 <= height <= PREVIEW_EDGE and len(pixels) == width * height * 3):
        return None
    return api.Preview(width, height, pixels)
