"""Bytes on their way to a file; those of a large one go straight to the disk, past the system's memory.

What the system would keep of a large file pushes out what others need, and
costs more processor time than all else about writing: fresh pages, and a copy.
"""

import errno
import mmap
import os
import sys
from typing import Final

DIRECT_FROM: Final = 33_554_432
"Bytes of the smallest file that goes past memory. A smaller one is likely to be looked at soon."
STRIDE: Final = 1_048_576
"Bytes written at once past memory; places, sizes and addresses have to be multiples of the disk's blocks."


class Writer:
    """Appends to a new file. Used by one thread at a time.

    Args:
        fd: of the file, which is empty; its owner closes it.
        size: bytes that the file will have.
    """

    def __init__(self, fd: int, size: int) -> None:
        self._fd = fd
        self._direct = size >= DIRECT_FROM and self._go_past_memory(True)
        self._stride = memoryview(mmap.mmap(-1, STRIDE)) if self._direct else memoryview(b"")
        "Begins at a page, as a direct write must."
        self._filled = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append, now or with what comes later.

        Raises:
            OSError: the disk does not take it.
        """
        view = memoryview(data)
        while self._direct and view:
            taken = min(len(view), STRIDE - self._filled)
            self._stride[self._filled : self._filled + taken] = view[:taken]
            self._filled += taken
            view = view[taken:]
            if self._filled == STRIDE:
                self._filled = 0
                self._append(self._stride)
        self._append(view)

    def flush(self) -> None:
        """Append what is left: the file is whole. Raises as `write` does."""
        left, self._filled = self._stride[: self._filled], 0
        self._stop_direct()
        self._append(left)

    def _append(self, view: memoryview) -> None:
        while view:
            try:
                view = view[os.write(self._fd, view) :]
            except OSError as error:
                # A file system may take the flag and no such write, or only a piece of one.
                if error.errno != errno.EINVAL or not self._direct:
                    raise
                self._stop_direct()

    def _stop_direct(self) -> None:
        if self._direct:
            self._direct = False
            self._go_past_memory(False)

    def _go_past_memory(self, wanted: bool) -> bool:
        """Set or clear O_DIRECT; say whether that was done."""
        if sys.platform != "linux":
            return False
        import fcntl

        flags = fcntl.fcntl(self._fd, fcntl.F_GETFL)
        flags = flags | os.O_DIRECT if wanted else flags & ~os.O_DIRECT
        try:
            fcntl.fcntl(self._fd, fcntl.F_SETFL, flags)
        except OSError:
            return False  # this file system does not know it
        return True
