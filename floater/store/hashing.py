"""The hashes of files, under one interface."""

import hashlib
from collections.abc import Callable
from typing import Final, Protocol

from blake3 import blake3

from floater.wire.digest import Digest


class Hash(Protocol):
    """A hash that takes bytes piece by piece."""

    def update(self, data: bytes | bytearray | memoryview, /) -> object:
        """Take the next bytes."""

    def digest(self) -> bytes:
        """Return the 32 bytes for what was taken so far."""


_MAKE: Final[dict[Digest, Callable[[], Hash]]] = {Digest.SHA256: hashlib.sha256, Digest.BLAKE3: blake3}


def new_hash(digest: Digest) -> Hash:
    """Begin a hash of this kind."""
    return _MAKE[digest]()
