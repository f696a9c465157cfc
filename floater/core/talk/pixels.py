"""The size of an image in pixels, read from its header. Nothing is decoded.

A header of a few bytes can claim a picture that takes gigabytes to decode.
So a caller asks `may_be_shown` first; it is False if the header is broken or
longer than HEAD.
"""

import struct
from collections.abc import Callable
from typing import Final

from floater.core.talk.sniff import sniff

HEAD: Final = 1 << 18
"Bytes to look at: a photo's camera data, colour profile and thumbnail stand before its size."
MAX_PIXELS: Final = 100_000_000
"Pixels of the largest image that is shown: 400 MB once decoded, more than most cameras make."
MAX_SIDE: Final = 32_000
"Pixels of its longer side."

_START_OF_FRAME: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
"JPEG markers without a length."


def size_in_pixels(head: bytes) -> tuple[int, int] | None:
    """Read width and height of a PNG, JPEG, GIF or WebP image.

    Args:
        head: its first bytes, up to HEAD of them.

    Returns:
        Width and height, at least 1; None for another type, or a header that is broken or longer.
    """
    reader = _READERS.get(sniff(head) or "")
    try:
        size = None if reader is None else reader(head)
    except (IndexError, struct.error):  # it ends where it should go on
        return None
    return None if size is None or 0 in size else size


def may_be_shown(head: bytes) -> bool:
    """Say whether an image that begins so is small enough to be decoded."""
    size = size_in_pixels(head)
    return size is not None and max(size) <= MAX_SIDE and size[0] * size[1] <= MAX_PIXELS


def _png(head: bytes) -> tuple[int, int] | None:
    return struct.unpack_from(">II", head, 16) if head[12:16] == b"IHDR" else None


def _gif(head: bytes) -> tuple[int, int] | None:
    """Read the screen and the first picture on it: decoders enlarge the one to the other."""
    width, height, flags = struct.unpack_from("<HHB", head, 6)
    at = 13 + _colours(flags)
    while head[at] == 0x21:  # an extension: its kind, then blocks up to an empty one
        at += 2
        while head[at]:
            at += 1 + head[at]
        at += 1
    if head[at] != 0x2C:
        return None
    left, top, wide, high = struct.unpack_from("<HHHH", head, at + 1)
    return max(width, left + wide), max(height, top + high)


def _colours(flags: int) -> int:
    """Say how many bytes a GIF's table of colours takes."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _jpeg(head: bytes) -> tuple[int, int] | None:
    at = 2
    while head[at] == 0xFF:
        marker = head[at + 1]
        if marker == 0xFF:  # a filler
            at += 1
        elif marker in _ALONE:
            at += 2
        elif marker in _START_OF_FRAME:
            height, width = struct.unpack_from(">HH", head, at + 5)
            return width, height
        else:
            at += 2 + struct.unpack_from(">H", head, at + 2)[0]
    return None


def _webp(head: bytes) -> tuple[int, int] | None:
    kind = head[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
        return (width, height) if len(head) >= 30 else None
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", head, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


_READERS: Final[dict[str, Callable[[bytes], tuple[int, int] | None]]] = {
    "image/png": _png,
    "image/gif": _gif,
    "image/jpeg": _jpeg,
    "image/webp": _webp,
}
