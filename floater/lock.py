"""One client, or one server, at a time on a data folder: two would write over each other."""

import errno
import logging
import os
import sys
from pathlib import Path
from typing import Final

from floater.codes import Code
from floater.errors import Refused
from floater.failures import write_failure

log = logging.getLogger("floater.lock")

FILE: Final = "lock"
SERVER_FILE: Final = "server.lock"
"A server may share its folder with a client."
_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS})
"What a lock fails with where there are none, as on some network shares: that holds nothing."


class FolderLock:
    """Holds a folder from `take` to `give_back`. The system releases it when the program ends in any way."""

    def __init__(self, data_dir: Path, file: str = FILE) -> None:
        self._path = data_dir / file
        self._number: int | None = None

    def take(self) -> None:
        """Hold the folder; it is made if need be.

        Raises:
            Refused: DATA_DIR_IN_USE, DATA_DIR_UNUSABLE, or STORAGE_FAILED if the disk is full.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            number = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except (OSError, ValueError) as error:
            full = write_failure(error) is Code.DISK_FULL
            raise Refused(Code.STORAGE_FAILED if full else Code.DATA_DIR_UNUSABLE) from error
        try:
            _lock(number)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                os.close(number)
                raise Refused(Code.DATA_DIR_IN_USE) from error
            log.warning("= the file system of the data folder has no locks")
        self._number = number

    def give_back(self) -> None:
        """Release the folder. The file stays: removing it could remove the lock of another program."""
        if self._number is not None:
            os.close(self._number)
            self._number = None


if sys.platform == "win32":
    import msvcrt

    def _lock(number: int) -> None:
        msvcrt.locking(number, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(number: int) -> None:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
