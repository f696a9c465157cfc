"""The digests by which the receiver of a file checks that it is whole (spec §7.6)."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final


class Digest(StrEnum):
    """A cryptographic hash of 32 bytes."""

    SHA256 = "sha256"  # FIPS 180-4; every program knows it
    BLAKE3 = "blake3"  # several times as fast where the processor has no instructions for SHA-256


OFFERED: Final = (Digest.BLAKE3, Digest.SHA256)
"Those that we know, the one that we would rather use first."


def choose_digest(offered: Iterable[str]) -> Digest:
    """Return the first digest of `OFFERED` that an offer names; SHA256 if it names none."""
    words = frozenset(offered)
    return next((digest for digest in OFFERED if digest.value in words), Digest.SHA256)
