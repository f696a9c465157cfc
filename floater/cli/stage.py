"""Print what the demo shows in the terminal, and paint its picture."""

import asyncio
import os
import shutil
import struct
import sys
import time
import zlib
from typing import Final

from floater.cli.columns import side_by_side
from floater.sentences import sentence

TIME_WIDTH: Final = 7
WIDEST: Final = 120
BREATH: Final = 0.8
"Seconds between two acts, if the output is a terminal."
PLAIN_WIDTH: Final = 100
"Width in cells, if the output is not a terminal."

_COLOURS: Final = {"time": "\x1b[2m", "title": "\x1b[1m", "bad": "\x1b[31m", "end": "\x1b[0m"}


class Stage:
    """Prints the time, and what each of the two people does and sees."""

    def __init__(self, language: str, names: tuple[str, str]) -> None:
        self.language = language
        self._watched = sys.stdout.isatty()
        columns = shutil.get_terminal_size().columns if self._watched else PLAIN_WIDTH
        self._coloured = self._watched and "NO_COLOR" not in os.environ
        self._width = max(24, (min(columns, WIDEST) - TIME_WIDTH - 5) // 2)
        self._names = names
        self._began = time.monotonic()

    def say(self, key: str, **values: object) -> str:
        """Return a sentence of the demo."""
        return sentence(f"demo.{key}", self.language, **values)

    def title(self, text: str) -> None:
        """Print a line across both columns."""
        print(f"\n{self._colour('title', text)}", flush=True)

    def heads(self) -> None:
        """Print the names above the columns."""
        self._print(("", *self._names))
        line = "─" * self._width
        self._print(("─" * TIME_WIDTH, line, line))

    def show(self, who: int, text: str) -> None:
        """Print what one of the two does or sees."""
        cells = ["", ""]
        cells[who] = text
        self._print((f"{time.monotonic() - self._began:5.2f} s", *cells))

    async def breathe(self) -> None:
        """Pause, if the output is a terminal, so that a person can read."""
        if self._watched:
            await asyncio.sleep(BREATH)

    def fail(self, text: str) -> None:
        """Print what went wrong."""
        print(f"\n{self._colour('bad', self.say('failed'))}\n{text}", file=sys.stderr, flush=True)

    def _print(self, cells: tuple[str, ...]) -> None:
        for row in side_by_side(cells, (TIME_WIDTH, self._width, self._width), " │ "):
            print(self._colour("time", row[:TIME_WIDTH]) + row[TIME_WIDTH:], flush=True)

    def _colour(self, name: str, text: str) -> str:
        return f"{_COLOURS[name]}{text}{_COLOURS['end']}" if self._coloured else text


def moon(size: int = 96) -> bytes:
    """Paint a moon over the sea, as PNG."""
    middle, radius, rows = size / 2, size / 4, []
    for y in range(size):
        row = bytearray([0])
        for x in range(size):
            away = ((x - middle) ** 2 + (y - middle * 0.7) ** 2) ** 0.5
            glow = max(0.0, 1.0 - away / size)
            sea = y > size * 0.72 and (x * 7 + y * 13) % 11 < 4
            light = 255 if away < radius else int(40 + 120 * glow + 40 * sea)
            row += bytes((light, light, min(255, light + 40)))
        rows.append(bytes(row))
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack("!IIBBBBB", size, size, 8, 2, 0, 0, 0))
        + _chunk(b"IDAT", zlib.compress(b"".join(rows), 9))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))
