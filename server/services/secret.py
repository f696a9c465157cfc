"""The secret of the accounts, and the keys made from it.

DATA_DIR/secret holds 32 random bytes, for the server's user only, outside the
database. A thief of the database alone can try neither passwords nor codes.
Back it up together with the database; neither is of use without the other.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from floater.codes import Code
from floater.errors import FloaterError

SECRET_FILE: Final = "secret"
_SIZE: Final = 32


class Secret:
    """Keyed digests, one key for each purpose."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def derive(self, purpose: str) -> bytes:
        """Return the 32-byte key of a purpose (HKDF-Expand, RFC 5869 §2.3, one block)."""
        return hmac.digest(self._secret, purpose.encode("utf-8") + b"\x01", "sha256")

    def digest(self, purpose: str, *parts: bytes) -> bytes:
        """Return the digest of `parts` under the key of a purpose, 32 bytes. Where each part ends matters."""
        message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.digest(self.derive(purpose), message, "sha256")

    def mark(self) -> int:
        """Return a number below 2**56 that tells this secret from others without revealing it."""
        return int.from_bytes(self.derive("mark")[:7], "big")


def sha256(token: str) -> bytes:
    """Return the digest by which a random token is stored. At 128 bits or more it needs no key."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def load_secret(folder: Path) -> Secret:
    """Read DATA_DIR/secret, or make it.

    Raises:
        FloaterError: STORAGE_FAILED; unreadable, damaged, or the disk is full.
    """
    path = folder / SECRET_FILE
    try:
        if not path.exists():
            _make(path)
        secret = path.read_bytes()
    except OSError as error:
        raise FloaterError(Code.STORAGE_FAILED, f"cannot read the secret file: {error.strerror}") from error
    if len(secret) != _SIZE:
        raise FloaterError(Code.STORAGE_FAILED, f"the secret file is damaged: it has not {_SIZE} bytes")
    return Secret(secret)


def _make(path: Path) -> None:
    """Write a new file, then link it into place: whole or not at all, and never over an older one."""
    aside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(secrets.token_bytes(_SIZE))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(aside, path)
        except FileExistsError:
            pass  # another start was faster; use its secret
    finally:
        aside.unlink(missing_ok=True)
