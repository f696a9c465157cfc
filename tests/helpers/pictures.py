"""Pictures for tests: real files, made of noise, so that nothing shrinks them and no two are alike."""

import os
import struct
import zlib


def noise_png(size: int) -> bytes:
    """Make a true PNG of about `size` bytes (within 1 %), different each time."""
    width = max(1, int((size / 3) ** 0.5))
    height = max(1, size // (3 * width))
    rows = b"".join(b"\0" + os.urandom(3 * width) for _ in range(height))  # filter 0 before each row
    header = struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))
