"""A file that we receive: room made, written and hashed on the way, named only when it is whole and right."""

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Final

from floater.codes import Code
from floater.core.talk.transfer import BLOCK, BlockWritten, FileCreated, FileStored, WriteFailed
from floater.failures import write_failure
from floater.store.hashing import new_hash
from floater.store.origin import mark_as_received
from floater.store.writer import Writer
from floater.wire.digest import Digest
from floater.wire.names import clean_file_name

MAX_NUMBERED: Final = 999
"The last number tried to tell files of one name apart; then a random one."

LEFT_FOR: Final = 60.0
"Seconds since the last byte before an unfinished file can be a leftover."

_PART_BYTES: Final = 8
_PART: Final = re.compile(rf"\.floater-[0-9a-f]{{{2 * _PART_BYTES}}}\.part")

_FLAGS: Final = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NEW: Final = os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
_UNNAMED: Final[int | None] = getattr(os, "O_TMPFILE", None)


def remove_leftovers(folder: str | os.PathLike[str], *, now: float) -> None:
    """Remove the unfinished files that a killed program left; nothing else, and nothing in use.

    A file is removed if it is a regular file of this user, has a name as only `Target` gives, and is
    not locked. A file that cannot be examined stays.

    Args:
        folder: where accepted files go; it need not be there.
        now: UTC seconds. What was written to within LEFT_FOR stays.
    """
    with contextlib.suppress(OSError, ValueError), os.scandir(folder) as entries:
        for entry in entries:
            if _PART.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    _remove_leftover(entry.path, now)


def _remove_leftover(path: str, now: float) -> None:
    if not stat.S_ISREG(os.lstat(path).st_mode):
        return
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        found = os.fstat(fd)
        is_ours = sys.platform == "win32" or found.st_uid == os.getuid()
        if not is_ours or found.st_nlink != 1 or now - found.st_mtime < LEFT_FOR or not _lock(fd):
            return
        if sys.platform != "win32":
            os.unlink(path)
    finally:
        os.close(fd)
    if sys.platform == "win32":
        os.unlink(path)  # the system removes no file that is open, even in this program


def _lock(fd: int) -> bool:
    """Lock a file until it is closed; False if another program has locked it, or locks are not supported."""
    if sys.platform != "win32":  # there an open file cannot be removed anyway
        import fcntl

        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def _part_name() -> str:
    return f".floater-{secrets.token_hex(_PART_BYTES)}.part"


def _name(fd: int, path: str) -> None:
    """Give a file without a name this one, which must be free."""
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        # With a folder given, Python follows the link in /proc, which is the point.
        os.link(f"/proc/self/fd/{fd}", path, src_dir_fd=folder)
    finally:
        os.close(folder)


class Target:
    """One file on its way in. Used by one thread at a time.

    Where the system has files without a name (Linux, `O_TMPFILE`), it is one
    until it is whole, so that nothing is left of it even if this program is
    killed. Elsewhere it is called `.floater-….part` until then, and locked, so
    that `remove_leftovers` knows those of a program that was killed. Only we may read it.

    Args:
        hasher: a thread that hashes while this one waits for the disk.
        digest: by which the whole file is checked.
        unnamed: whether to try for a file without a name.
    """

    def __init__(
        self,
        transfer: str,
        folder: str,
        name: str,
        size: int,
        hasher: Executor,
        *,
        digest: Digest = Digest.SHA256,
        unnamed: bool = True,
    ) -> None:
        self.transfer = transfer
        self.size = size
        self.written = 0
        self._reported = 0
        self.device = -1
        self._folder = os.path.abspath(os.path.expanduser(folder))
        self._name = clean_file_name(name)
        self._unnamed = unnamed
        self._hasher = hasher
        self._hash = new_hash(digest)
        self._fd = -1
        self._part: str | None = None
        self._final: str | None = None

    def create(self, others: Sequence["Target"]) -> FileCreated | WriteFailed:
        """Make sure of room, beside what `others` on the same disk still need, and make an empty file."""
        try:
            self.device = os.stat(self._folder).st_dev
            reserved = sum(other.size - other.written for other in others if other.device == self.device)
            disk = shutil.disk_usage(self._folder)
            if disk.total and disk.free - reserved < self.size:  # a total of 0: it does not tell
                return WriteFailed(self.transfer, Code.DISK_FULL)
            if not (self._unnamed and self._create_unnamed()):
                self._part, self._fd = self._create_part()
            self._writer = Writer(self._fd, self.size)
        except (OSError, ValueError) as error:
            self.discard()
            return WriteFailed(self.transfer, write_failure(error))
        return FileCreated(self.transfer)

    def write(self, data: bytes | bytearray | memoryview) -> BlockWritten | WriteFailed | None:
        """Append; tell so every BLOCK and at the end. After a failure nothing more happens."""
        if self._fd < 0:
            return None
        hashing = self._hasher.submit(self._hash.update, data)
        try:
            self._writer.write(data)
            if self.written + len(data) == self.size:
                self._writer.flush()
        except OSError as error:
            self.discard()
            return WriteFailed(self.transfer, write_failure(error))
        hashing.result()
        self.written += len(data)
        if self.written - self._reported < BLOCK and self.written < self.size:
            return None
        self._reported = self.written
        return BlockWritten(self.transfer, self.written)

    def finish(self, digest: bytes) -> FileStored | WriteFailed | None:
        """Check the whole, and give it a name that nothing else has."""
        if self._fd < 0:
            return None
        if self.written != self.size or self._hash.digest() != digest:
            self.discard()
            return WriteFailed(self.transfer, Code.FILE_DAMAGED)
        try:
            self._final = self._link() if self._part is None else self._rename(self._part)
        except OSError as error:
            self.discard()
            return WriteFailed(self.transfer, write_failure(error))
        self._part = None
        self._close()
        return FileStored(self.transfer, self._final)

    def discard(self) -> None:
        """Leave nothing of it, not even of the finished file."""
        self._close()
        for path in (self._part, self._final):
            if path is not None:
                with contextlib.suppress(OSError):
                    os.unlink(path)
        self._part = self._final = None

    def _close(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            with contextlib.suppress(OSError):
                os.close(fd)

    # -- names ----------------------------------------------------------------------------

    def _names(self) -> list[str]:
        stem, dot, extension = self._name.rpartition(".")
        if not stem:
            stem, dot, extension = self._name, "", ""
        elif stem.lower().endswith(".tar"):
            stem, dot, extension = stem[:-4], stem[-4:] + dot, extension
        numbers = [
            "",
            *(f" ({number})" for number in range(2, MAX_NUMBERED + 1)),
            f" ({secrets.token_hex(4)})",
        ]
        return [os.path.join(self._folder, f"{stem}{number}{dot}{extension}") for number in numbers]

    def _create_unnamed(self) -> bool:
        if _UNNAMED is None:
            return False
        try:
            self._fd = os.open(self._folder, _FLAGS | _UNNAMED, 0o600)
        except OSError:
            return False  # this file system has none
        if self._can_be_named():
            return True
        self._close()
        return False

    def _can_be_named(self) -> bool:
        """Try with another file: one without a name gets none where there are no hard links."""
        assert _UNNAMED is not None
        path = os.path.join(self._folder, _part_name())
        trial = os.open(self._folder, _FLAGS | _UNNAMED, 0o600)
        try:
            _name(trial, path)
            os.unlink(path)
        except OSError:
            return False
        finally:
            os.close(trial)
        return True

    def _create_part(self) -> tuple[str, int]:
        path = os.path.join(self._folder, _part_name())
        fd = os.open(path, _FLAGS | _NEW, 0o600)
        _lock(fd)
        return path, fd

    def _create_named(self) -> tuple[str, int]:
        for path in self._names():
            with contextlib.suppress(FileExistsError):
                return path, os.open(path, _FLAGS | _NEW, 0o600)
        raise FileExistsError(errno.EEXIST, "no free name")

    def _link(self) -> str:
        """Name the file without a name. Like all ways here, it never overwrites."""
        for path in self._names():
            with contextlib.suppress(FileExistsError):
                _name(self._fd, path)
                return path
        raise FileExistsError(errno.EEXIST, "no free name")

    def _rename(self, part: str) -> str:
        """Take a free name by an empty file of ours, and put the whole one in its place."""
        path, fd = self._create_named()
        os.close(fd)
        self._close()  # some systems rename no open file
        mark_as_received(part)
        try:
            os.replace(part, path)
        except OSError:
            os.unlink(path)
            raise
        return path
