"""Set text in columns of a terminal, where a Chinese character is as wide as two Latin ones."""

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

_WIDE: Final = ("W", "F")


def width_of(text: str) -> int:
    """Return how many cells a text takes in a terminal."""
    return sum(_cells(char) for char in text)


def wrap(text: str, width: int) -> list[str]:
    """Break a text into lines of at most `width` cells, at spaces if there are any, otherwise anywhere.

    Chinese may break between any two characters, but not before closing punctuation.
    """
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        line, cells = "", 0
        for word in _words(paragraph):
            size = width_of(word)
            if cells + width_of(word.rstrip()) > width and line:
                lines.append(line.rstrip())
                line, cells = "", 0
                word = word.lstrip()
                size = width_of(word)
            while size > width:
                fits = _fitting(word, width)
                lines.append(word[:fits])
                word = word[fits:]
                size = width_of(word)
            line, cells = line + word, cells + size
        lines.append(line.rstrip())
    return lines


def side_by_side(cells: Sequence[str], widths: Sequence[int], gap: str = "  ") -> list[str]:
    """Set texts side by side, each wrapped in its column. The last column is not padded."""
    columns = [wrap(cell, width) if cell else [] for cell, width in zip(cells, widths, strict=True)]
    rows = []
    for at in range(max(len(column) for column in columns)):
        row = [column[at] if at < len(column) else "" for column in columns]
        padded = [text + " " * (width - width_of(text)) for text, width in zip(row, widths, strict=True)]
        rows.append(gap.join(padded).rstrip())
    return rows


def _cells(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf", "Cc"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in _WIDE else 1


def _words(text: str) -> Iterator[str]:
    """Split a text where it may break: after Latin words with their spaces, around each wide character."""
    word = ""
    for char in text:
        wide = _cells(char) == 2
        closing = wide and unicodedata.category(char) in ("Po", "Pe", "Pf")
        if word and not closing and (wide or _cells(word[-1]) == 2 or (word[-1] == " " and char != " ")):
            yield word
            word = ""
        word += char
    if word:
        yield word


def _fitting(word: str, width: int) -> int:
    """Return how many characters of a word fit into a line; at least one."""
    return max(sum(cells <= width for cells in accumulate(map(_cells, word))), 1)
