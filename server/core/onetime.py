"""Decide whether a one-time code or link is good, and how a code is written.

A code that activates an account is six digits. A code for a new password opens an account to
the person who guesses it, so it is eight of Crockford's 32 characters: 40 bits.

FRESH ──right code or link──▶ used (the record is deleted)
  │──── wrong code ×`tries` ──▶ SPENT: only its link is good
  └──── its time is over ─────▶ STALE: a new one has to be sent
"""

import hmac
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from floater.wire.limits import CODE_DIGITS, RESET_CODE_LENGTH

MAX_LIVE: Final = 5
"Records of one address and purpose that are good at once. A new one replaces the oldest."

SIGN_UP: Final = "sign_up"
RESET: Final = "reset"

CODES: Final = {SIGN_UP: 10**CODE_DIGITS, RESET: 32**RESET_CODE_LENGTH}
"How many codes there are, by purpose."
_CHARACTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"Crockford's base 32: no I, L, O and U."
_LOOK_ALIKES: Final = str.maketrans("OIL", "011")


@dataclass(frozen=True, slots=True)
class OneTime:
    """What is stored of one code and its link. Times are UTC seconds."""

    id: int
    code_digest: bytes
    link_digest: bytes
    code_expires: float
    link_expires: float
    tries_left: int
    decoy: bool
    "No code and no link fits it. It hides whether the address has an account."


def find_by_code(records: Sequence[OneTime], digests: Sequence[bytes], *, now: float) -> OneTime | None:
    """Find the record that a code fits.

    Every record is compared even after one has fitted, so that the time does
    not tell.

    Args:
        records: all that an address has, newest first.
        digests: of the code that was entered, one for each record.
        now: UTC seconds.
    """
    found: OneTime | None = None
    for record, digest in zip(records, digests, strict=True):
        fits = hmac.compare_digest(record.code_digest, digest)
        is_good = record.tries_left > 0 and now < record.code_expires and not record.decoy
        if fits and is_good and found is None:
            found = record
    return found


def is_link_good(record: OneTime, *, now: float) -> bool:
    """Return True if a record that was found by its link may be used, however many codes were wrong."""
    return now < record.link_expires and not record.decoy


def spell_code(purpose: str, number: int) -> str:
    """Write a code.

    Args:
        purpose: SIGN_UP or RESET.
        number: at random, below that of `CODES`.
    """
    if purpose == SIGN_UP:
        return f"{number:0{CODE_DIGITS}}"
    return "".join(_CHARACTERS[number >> 5 * place & 31] for place in range(RESET_CODE_LENGTH))


def clean_code(purpose: str, text: str) -> str:
    """Read a code as people type it; return `""` if it is no code of this purpose.

    It may have full-width characters, spaces or dashes; letters may be small,
    and O, I, L may stand for the digits that they look like.
    """
    code = "".join(c for c in unicodedata.normalize("NFKC", text) if not c.isspace() and c not in "-‐‑‒–—")
    if purpose == SIGN_UP:
        return code if len(code) == CODE_DIGITS and code.isascii() and code.isdigit() else ""
    code = code.upper().translate(_LOOK_ALIKES)
    return code if len(code) == RESET_CODE_LENGTH and set(code) <= set(_CHARACTERS) else ""
