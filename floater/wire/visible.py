"""What of a stranger's text can be seen, script by script (spec §8.1)."""

import re
import unicodedata
from typing import Final

_ZWNJ: Final = "\u200c"
_ZWJ: Final = "\u200d"
_BLANK: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\U00016fe4\U0001d159")
"Letters, marks and symbols that are blank: a name made of them alone would be invisible."
_JOINING: Final = re.compile(
    r"[\u0600-\u07ff\u0840-\u0dff\u0f00-\u109f\u1780-\u18af\u1b00-\u1bff\ua840-\uabff]"
)
"Arabic, Syriac, N'Ko, Mandaic, the scripts of India, Tibetan, Burmese, Khmer, Mongolian, and their kin."
_IDEOGRAPH: Final = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003fffd]")
_FLAG: Final = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
_MONGOLIAN: Final = "\u180b\u180c\u180d\u180f"
_ALWAYS_NARROW: Final = re.compile(
    r"[\u0300-\u036f\u0483-\u0489\u0e31-\u0ece\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
)
"Marks of Latin, Cyrillic, Thai, Lao and of all scripts: real words have at most two on a letter."
_MOST_MARKS: Final = 4
"Real words of Hebrew, Tibetan and Burmese have so many on one letter."
_MOST_NARROW: Final = 2


def clean_text(text: str) -> str:
    """Drop what is not meant to be seen: control, format (bidi, zero-width), surrogate, private-use, blanks.

    White space of any kind becomes one space; the result is NFC and trimmed,
    and clean text is not changed. Joiners, selectors and tags stay where a
    script or an emoji needs them.
    """
    while (clean := _cleaned_once(text)) != text:
        text = clean
    return text


def bound_marks(text: str) -> str:
    """Drop the marks on one character beyond the fourth, or the second of those that pile up in any script.

    Spacing marks are as wide as letters and do not count.
    """
    kept: list[str] = []
    marks = narrow = 0
    for char in text:
        category = unicodedata.category(char)
        if category in ("Mn", "Me") and not _is_selector(char):
            is_narrow = _ALWAYS_NARROW.match(char) is not None
            if marks == _MOST_MARKS or (is_narrow and narrow == _MOST_NARROW):
                continue
            marks, narrow = marks + 1, narrow + is_narrow
        elif category[0] not in "MC":
            marks = narrow = 0
        kept.append(char)
    return "".join(kept)


def _cleaned_once(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    flags = {at for match in _FLAG.finditer(text) for at in range(match.start() + 1, match.end())}
    kept: list[str] = []
    for at, char in enumerate(text):
        before, after = text[at - 1 : at] if at else "", text[at + 1 : at + 2]
        if char.isspace():
            kept.append(" ")
        elif at in flags or _is_seen(char, before, after):
            kept.append(char)
    return unicodedata.normalize("NFC", " ".join("".join(kept).split()))


def _is_seen(char: str, before: str, after: str) -> bool:
    if char in (_ZWNJ, _ZWJ):
        return _joins(char, before, after)
    if _is_selector(char):
        return _takes_selector(before, char, after)
    return unicodedata.category(char)[0] != "C" and char not in _BLANK


def _joins(char: str, before: str, after: str) -> bool:
    """Return True where a joiner changes how letters or emoji look; ZWJ also ends a word after a virama."""
    if not before:
        return False
    if _JOINING.match(before) and (
        _JOINING.match(after) or (char == _ZWJ and unicodedata.combining(before) == 9)
    ):
        return True
    return char == _ZWJ and _is_emoji(before) and _is_emoji(after) and not _is_selector(after)


def _is_emoji(char: str) -> bool:
    """Return True for what emoji sequences are made of: a symbol, a skin tone, an arrow, U+FE0F."""
    return (
        char == "\ufe0f"
        or "\U0001f3fb" <= char <= "\U0001f3ff"
        or (char != "" and unicodedata.category(char) in ("So", "Sm") and char > "\u2000")
    )


def _is_selector(char: str) -> bool:
    return (
        "\ufe00" <= char <= "\ufe0f"
        or "\U000e0100" <= char <= "\U000e01ef"
        or char in "\u180b\u180c\u180d\u180f"
    )


def _takes_selector(before: str, selector: str, after: str) -> bool:
    """Return True if Unicode defines this kind of selector for the character before it."""
    if not before:
        return False
    if selector in "\ufe0e\ufe0f":
        if before in "0123456789#*":
            return after == "\u20e3"
        return before in "\u203c\u2049\u3030\u303d" or (_is_emoji(before) and before != "\ufe0f")
    if selector in _MONGOLIAN:
        return "\u1820" <= before <= "\u18aa"
    return _IDEOGRAPH.match(before) is not None
