"""Mark a received file as one that came over the network, where the system has a mark for that.

Windows asks before it runs such a file, and Office opens it in its protected view; macOS has it
checked by Gatekeeper. The mark is put on the file before it gets its name, so it is never without.
"""

import ctypes
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

ZONE_STREAM: Final = ":Zone.Identifier"
ZONE: Final = b"[ZoneTransfer]\r\nZoneId=3\r\n"
"The zone of the Internet."
QUARANTINE: Final = b"com.apple.quarantine"
_FLAGS: Final = "0083"
"Downloaded, by a program that is no browser; the person has not agreed to open it."


def mark_as_received(path: str, *, platform: str = sys.platform, now: float | None = None) -> None:
    """Mark a file. Never fails: a file system without room for marks, as on a USB stick, keeps none.

    Args:
        path: the file, which is closed.
        platform: as `sys.platform` names systems.
        now: UTC seconds; None for those of the clock.
    """
    with suppress(OSError, ValueError):
        if platform == "win32":
            with open(path + ZONE_STREAM, "wb") as stream:
                stream.write(ZONE)
        elif platform == "darwin":
            _set_attribute(path, QUARANTINE, quarantine_value(time.time() if now is None else now))


def quarantine_value(now: float) -> bytes:
    """Return the mark of macOS: flags, time in hexadecimal, program."""
    return f"{_FLAGS};{int(now):08x};FLOATER;".encode("ascii")


def _set_attribute(path: str, name: bytes, value: bytes) -> None:
    """Set an extended attribute; Python has no function for it on macOS."""
    set_attribute: Callable[..., int] = ctypes.CDLL(None, use_errno=True).setxattr
    if set_attribute(os.fsencode(path), name, value, ctypes.c_size_t(len(value)), 0, 0):
        raise OSError(ctypes.get_errno(), "setxattr")
