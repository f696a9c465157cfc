"""Pictures for tests: real files, made of noise, so that nothing shrinks them and no two are alike."""

import io
import math
import os
import struct
import zlib

from PIL import Image, ImageDraw


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


def claimed_png(width: int, height: int) -> bytes:
    """Make the start of a PNG that says it is so large, with next to nothing in it."""
    header = struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1_000))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def claimed_gif(width: int, height: int) -> bytes:
    """Make the start of a GIF that says it is so large."""
    screen = struct.pack("<6sHHBBB", b"GIF89a", width, height, 0x80, 0, 0) + bytes(6)
    return screen + struct.pack("<BHHHHB", 0x2C, 0, 0, width, height, 0) + b"\x02\x02\x44\x01\x00\x3b"


def claimed_jpeg(width: int, height: int) -> bytes:
    """Make the start of a JPEG that says it is so large."""
    frame = struct.pack("!BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    return b"\xff\xd8\xff\xe0\x00\x04ab\xff\xff\xc0" + struct.pack("!H", 2 + len(frame)) + frame


def lake(width: int, height: int) -> bytes:
    """Draw a lake at dusk, for pictures that people look at."""
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    shore = height * 5 // 8
    for y in range(height):
        part = y / shore if y < shore else (y - shore) / (height - shore)
        above, below = ((38, 52, 92), (244, 164, 116)) if y < shore else ((198, 130, 112), (22, 44, 60))
        draw.line(
            (0, y, width, y), tuple(round(a + (b - a) * part) for a, b in zip(above, below, strict=True))
        )
    sun = height // 9
    draw.ellipse((width * 2 // 3 - sun, shore - 2 * sun, width * 2 // 3 + sun, shore), (255, 222, 160))
    hills = [(0, shore)]
    hills += [(x, shore - round(height / 12 * (1 + math.sin(x / width * 9)))) for x in range(0, width + 8, 8)]
    draw.polygon([*hills, (width, shore)], (46, 56, 76))
    for step in range(1, 9):
        y, reach = shore + (height - shore) * step // 10, sun * (9 - step) // 7
        draw.line((width * 2 // 3 - reach, y, width * 2 // 3 + reach, y), (255, 214, 150), 2)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def program(size: int) -> bytes:
    """Make something that begins like a program."""
    return b"MZ".ljust(size, b"\0")
