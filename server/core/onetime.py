"""Decide whether a one-time code or link is good.

FRESH ──right code or link──▶ used (the record is deleted)
  │──── wrong code ×`tries` ──▶ SPENT: only its link is good
  └──── its time is over ─────▶ STALE: a new one has to be sent
"""

import hmac
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from floater.wire.limits import CODE_DIGITS

MAX_LIVE: Final = 5
"Records of one address and purpose that are good at once. A new one replaces the oldest."

SIGN_UP: Final = "sign_up"
RESET: Final = "reset"


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


def clean_code(text: str) -> str:
    """Read a code that may have full-width digits, spaces or dashes; return `""` if it is no code."""
    code = "".join(c for c in unicodedata.normalize("NFKC", text) if not c.isspace() and c not in "-‐‑‒–—")
    return code if len(code) == CODE_DIGITS and code.isascii() and code.isdigit() else ""
