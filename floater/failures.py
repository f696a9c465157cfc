"""What a failure of the file system is called: a code, with a sentence, for each kind of error number."""

import errno
from typing import Final

from floater.codes import Code

_FULL: Final = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
_FORBIDDEN: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_MISSING: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EEXIST})


def write_failure(error: OSError | ValueError) -> Code:
    """Return why something could not be written.

    Returns:
        DISK_FULL (or a quota), NOT_WRITABLE (not allowed, or a file system that is read-only),
        NO_SUCH_FILE (no such folder, or no path at all), else STORAGE_FAILED.
    """
    if not isinstance(error, OSError):
        return Code.NO_SUCH_FILE  # a path with a zero byte, or of letters that this system cannot write
    if error.errno in _FULL:
        return Code.DISK_FULL
    if error.errno in _FORBIDDEN:
        return Code.NOT_WRITABLE
    return Code.NO_SUCH_FILE if error.errno in _MISSING else Code.STORAGE_FAILED
