"""The ids of messages and transfers: author and number, the same everywhere (spec §7.2.1)."""

import hashlib
import re
from typing import Annotated, Final, TypeAlias

from msgspec import Meta

AUTHOR_DIGITS: Final = 16
"Hex digits of an author's name."
PATTERN: Final = r"^[0-9a-f]{16}\.[1-9][0-9]{0,15}$"

MessageId: TypeAlias = Annotated[str, Meta(pattern=PATTERN)]
"AUTHOR.NUMBER; opaque to all but this module."

_PARTS: Final = re.compile(r"([0-9a-f]{16})\.([1-9][0-9]{0,15})")


def author_of(certificate: bytes) -> str:
    """Name an author: the first 16 hex digits of the SHA-256 of its certificate.

    Args:
        certificate: DER; the one by which that side authenticates in this talk.
    """
    return hashlib.sha256(certificate).hexdigest()[:AUTHOR_DIGITS]


def make_message_id(author: str, number: int) -> str:
    """Return the id of the author's message `number`, which is at least 1."""
    return f"{author}.{number}"


def parse_message_id(message_id: str) -> tuple[str, int] | None:
    """Return author and number; None if the text is no id."""
    parts = _PARTS.fullmatch(message_id)
    return None if parts is None else (parts[1], int(parts[2]))
