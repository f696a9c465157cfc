"""Names that a stranger wrote, made fit to be shown and stored, by one set of rules for all (spec §8)."""

import re
import unicodedata
from typing import Final

from floater.wire.limits import MAX_FILE_NAME, MAX_PASSWORD, MAX_USERNAME, MIN_PASSWORD
from floater.wire.visible import bound_marks, clean_text

_RESERVED: Final = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])", re.IGNORECASE)
_READ_BY_SYSTEMS: Final = frozenset({"desktop.ini", "autorun.inf", "thumbs.db", "folder.htt"})
"Names that Windows reads by itself when the folder is shown."
_ENDING: Final = re.compile(r"[A-Za-z0-9_+-]{1,16}")
_FORBIDDEN_IN_FILE_NAMES: Final = frozenset('/\\:*?"<>|')


def clean_username(text: str) -> str | None:
    """Make a username fit to be shown; None if nothing fit is left or it is longer than 24 characters.

    A name may have as many marks on a character as `bound_marks` allows, so that none climbs out of its line.
    """
    name = clean_text(bound_marks(clean_text(text)))
    if not 1 <= len(name) <= MAX_USERNAME or not any(unicodedata.category(c)[0] in "LNS" for c in name):
        return None
    return name


def clean_file_name(text: str) -> str:
    """Make a file name that stays in its folder on every system: one component, visible, at most 255 bytes.

    Never fails; what is left of a hopeless name is `file`.
    """
    return _clean_once(_clean_once(text))  # once it is cut, it may have another ending


def _clean_once(text: str) -> str:
    base = re.split(r"[/\\]", text)[-1]
    name = "".join("_" if c in _FORBIDDEN_IN_FILE_NAMES else c for c in clean_text(base)).strip(" .")
    if not name:
        return "file"
    stem, dot, suffix = name.rpartition(".")
    if not dot or not stem or not _ENDING.fullmatch(suffix):
        stem, suffix = name, ""
    if _RESERVED.fullmatch(name.split(".")[0].strip()) or name.lower() in _READ_BY_SYSTEMS:
        stem = "_" + stem
    tail = f".{suffix}" if suffix else ""
    room = MAX_FILE_NAME - len(tail.encode("utf-8")) - 16  # 16: " (12)" and ".part" are added on disk
    return _cut(stem, room) + tail


def _cut(text: str, size: int) -> str:
    """Keep what fits into `size` bytes of UTF-8, clean at its new end."""
    return clean_text(text.encode("utf-8")[:size].decode("utf-8", "ignore") + ".").rstrip(" .")


def normal_password(password: str) -> str:
    """Return the form of a password that is hashed (RFC 8265, OpaqueString): each space is U+0020; NFC."""
    spaced = "".join(" " if unicodedata.category(char) == "Zs" else char for char in password)
    return unicodedata.normalize("NFC", spaced)


def is_password_acceptable(password: str) -> bool:
    """Return True if a password, as it was sent, has a length that is allowed."""
    return MIN_PASSWORD <= len(password) <= MAX_PASSWORD
