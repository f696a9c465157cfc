"""Names that a stranger wrote, made fit to be shown and stored, by one set of rules for all (spec §8)."""

import re
import unicodedata
from typing import Final

from floater.wire.limits import MAX_FILE_NAME, MAX_PASSWORD, MAX_USERNAME, MIN_PASSWORD

_JOINER: Final = "\u200d"
_FILLERS: Final = frozenset("\u034f\u115f\u1160\u2800\u3164\uffa0")
"Letters and symbols that are blank: a name made of them alone would be invisible."
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])", re.IGNORECASE)
_FORBIDDEN_IN_FILE_NAMES: Final = frozenset('/\\:*?"<>|')


def clean_text(text: str) -> str:
    """Drop what is not meant to be seen: control, format (bidi, zero-width), surrogate, private-use, fillers.

    White space of any kind becomes one space; the result is NFC and trimmed,
    and clean text is not changed. The zero-width joiner stays between two
    symbols, where emoji need it.
    """
    seen = [char for char in text if char.isspace() or char == _JOINER or _is_seen(char)]
    kept: list[str] = []
    for at, char in enumerate(seen):
        if char == _JOINER:
            after = seen[at + 1] if at + 1 < len(seen) else ""
            if not (kept and after and _is_symbol(kept[-1]) and unicodedata.category(after) == "So"):
                continue
        kept.append(" " if char.isspace() else char)
    return unicodedata.normalize("NFC", " ".join("".join(kept).split()))


def _is_seen(char: str) -> bool:
    return unicodedata.category(char)[0] != "C" and char not in _FILLERS


def _is_symbol(char: str) -> bool:
    """Whether an emoji may be joined on: a symbol, a skin tone, or the selector that colours a symbol."""
    return unicodedata.category(char) == "So" or char == "\ufe0f" or "\U0001f3fb" <= char <= "\U0001f3ff"


def clean_username(text: str) -> str | None:
    """Make a username fit to be shown; None if nothing fit is left or it is longer than 24 characters.

    At most two combining marks follow one character, so that no name climbs out of its line.
    """
    name = clean_text(text)
    marks = 0
    kept: list[str] = []
    for char in name:
        marks = marks + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        if marks <= 2:
            kept.append(char)
    name = clean_text("".join(kept))
    if not 1 <= len(name) <= MAX_USERNAME or not any(unicodedata.category(c)[0] in "LNS" for c in name):
        return None
    return name


def clean_file_name(text: str) -> str:
    """Make a file name that stays in its folder on every system: one component, visible, at most 255 bytes.

    Never fails; what is left of a hopeless name is `file`.
    """
    base = re.split(r"[/\\]", text)[-1]
    name = "".join("_" if c in _FORBIDDEN_IN_FILE_NAMES else c for c in clean_text(base)).strip(" .")
    if not name:
        return "file"
    stem, dot, suffix = name.rpartition(".")
    if not dot or not stem:
        stem, suffix = name, ""
    if _RESERVED.fullmatch(name.split(".")[0].strip()):
        stem = "_" + stem
    suffix = _cut(suffix, 32)
    tail = f".{suffix}" if suffix else ""
    room = MAX_FILE_NAME - len(tail.encode("utf-8")) - 16  # 16: " (12)" and ".part" are added on disk
    return _cut(stem, room) + tail


def _cut(text: str, size: int) -> str:
    """Keep what fits into `size` bytes of UTF-8, clean at its new end."""
    return clean_text(text.encode("utf-8")[:size].decode("utf-8", "ignore") + ".").rstrip(" .")


def is_password_acceptable(password: str) -> bool:
    """Say whether a password has a length that is allowed. It is never changed or normalised."""
    return MIN_PASSWORD <= len(password) <= MAX_PASSWORD
