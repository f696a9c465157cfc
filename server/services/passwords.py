"""Refuse the passwords that an attacker tries first.

These are the passwords that are used most (`common_passwords.txt`), and what the
rules by which people make the common ones give: a well-known word or password,
dressed up with digits, signs and look-alike letters; one character or a short
piece over and over; a walk along the keyboard or the alphabet; a short number; the
person's own name or address. `common_words.txt` has the words.
"""

import re
import unicodedata
from functools import cache
from importlib import resources
from typing import Final

from floater.wire.names import is_password_acceptable, normal_password

PASSWORDS_FILE: Final = "common_passwords.txt"
_LOOK_ALIKES: Final = str.maketrans("@4301!$57", "aaeoiisst")
_ROWS: Final = (
    "abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "1qaz2wsx3edc4rfv5tgb",
    "1q2w3e4r5t6y7u8i9o0p", "qazwsxedcrfvtgbyhnujm", "!@#$%^&*()", "azertyuiop", "qwertzuiop",
)  # fmt: skip
_DOUBLED: Final = re.compile(r"(.{3,64}?)\1+", re.DOTALL)
_SHORT_NUMBER: Final = 11
"Up to this many digits and nothing else are a date or a telephone number."


def is_too_common(password: str, *own: str) -> bool:
    """Return True if a password is among the first that an attacker would try.

    Args:
        password: as typed.
        own: what is known of the person: e-mail address, username.
    """
    # As it is hashed, and further as it is read: full-width letters are no better than others.
    word = unicodedata.normalize("NFKC", normal_password(password)).casefold()
    if _is_repeated(word) or _is_walk(word) or (word.isdecimal() and len(word) <= _SHORT_NUMBER):
        return True
    bare = word.strip("0123456789 !@#$%^&*()-_=+.,?~/\\'\"")
    variants = {word, bare, bare.translate(_LOOK_ALIKES), word.translate(_LOOK_ALIKES)}
    variants |= {variant.rstrip("0123456789is!.") for variant in variants}
    variants |= {doubled[1] for v in variants if (doubled := _DOUBLED.fullmatch(v))}
    if any(v in _words() or _is_walk(v) or (v and _is_repeated(v)) for v in variants if len(v) >= 4):
        return True
    if len(bare) < 3 and len(word) <= _SHORT_NUMBER:
        return True  # digits with a letter or two around them
    return any(part in variants for text in own for part in _parts(text))


def is_password_good(password: str, *own: str) -> bool:
    """Return True if a new password has an allowed length and is not too common."""
    return is_password_acceptable(password) and not is_too_common(password, *own)


def _is_repeated(word: str) -> bool:
    return len(set(word)) <= 2 or re.fullmatch(r"(.{1,5}?)\1+", word, re.DOTALL) is not None


def _is_walk(word: str) -> bool:
    """One or two pieces, each found along a row, there or back."""
    if len(word) < 4:
        return False
    rows = _ROWS + tuple(row[::-1] for row in _ROWS)
    cuts = [len(word), *range(3, len(word) - 2)]
    return any(
        any(word[:cut] in row for row in rows)
        and (cut == len(word) or any(word[cut:] in row for row in rows))
        for cut in cuts
    )


def _parts(text: str) -> set[str]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return {folded, *folded.split("@"), *re.split(r"[\W_]+", folded)} - {""}


@cache
def _words() -> frozenset[str]:
    return frozenset(_lines("common_words.txt") + _lines(PASSWORDS_FILE))


def _lines(name: str) -> list[str]:
    """Read a file of this folder without its comments."""
    text = resources.files("server.services").joinpath(name).read_text("utf-8")
    return [line.strip() for line in text.splitlines() if line.strip() and line.split()[0] != "#"]
