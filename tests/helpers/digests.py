"""The digest of a file, as `received` tells it."""

from blake3 import blake3


def told_digest(data: bytes) -> str:
    """Return what `received` tells of a file of these bytes: two programs of this version agree on BLAKE3."""
    return f"blake3:{blake3(data).hexdigest()}"
