"""The secret of the accounts, and the keys made from it.

DATA_DIR/secret holds 32 random bytes, for the server's user only, outside the
database. A thief of the database alone can try neither passwords nor codes.
Back it up together with the database; neither is of use without the other.
"""

import errno
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
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS})
"What a link fails with where there are none, as on exFAT and some shares."


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
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            _copy(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def _copy(aside: Path, path: Path) -> None:
    """Write the file in its place, and never over an older one: what cannot be finished is removed."""
    try:
        number = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return  # another start was faster; use its secret
    try:
        with open(number, "wb") as file:
            file.write(aside.read_bytes())
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise
