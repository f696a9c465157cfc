"""The keys of a server: of its certificate, for tickets, for relay tokens.

Each is a file of `DATA_DIR`, for this user only, made at first start. Pins,
tickets and relay tokens therefore stay good after a restart.
"""

import os
import secrets
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from floater.crypto.certificate import CertifiedKey, key_fingerprint, make_certified_key
from server.errors import CannotStart


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets of one server."""

    server_key: CertifiedKey
    ticket: ed25519.Ed25519PrivateKey
    relay: bytes
    "32 bytes."

    @property
    def fingerprint(self) -> bytes:
        """What `floater://…#` pins, 32 bytes."""
        return key_fingerprint(self.server_key.certificate)


def open_keys(data_dir: Path) -> Keys:
    """Read the keys of a data folder; make the folder and the keys that are missing.

    Raises:
        CannotStart: the folder cannot be written to, or a file is damaged.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Keys(
            server_key=_server_key(_read_or_make(data_dir / "certificate.pem", _new_server_key)),
            ticket=ed25519.Ed25519PrivateKey.from_private_bytes(
                _read_or_make(data_dir / "ticket.key", lambda: secrets.token_bytes(32))
            ),
            relay=_secret(_read_or_make(data_dir / "relay.key", lambda: secrets.token_bytes(32))),
        )
    except OSError as error:
        raise CannotStart(f"The data folder {data_dir} cannot be used: {error.strerror}.") from error
    except ValueError as error:
        raise CannotStart(
            f"A key in {data_dir} is damaged; restore it from a backup, or remove it."
        ) from error


def _new_server_key() -> bytes:
    server_key = make_certified_key("floater-server")
    return server_key.key_pem() + server_key.certificate_pem()


def _server_key(pem: bytes) -> CertifiedKey:
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("not an elliptic curve key")
    text = pem.decode("ascii")
    return CertifiedKey(key, ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN CERTIFICATE-----") :]))


def _secret(data: bytes) -> bytes:
    if len(data) != 32:
        raise ValueError("not 32 bytes")
    return data


def _read_or_make(path: Path, make: Callable[[], bytes]) -> bytes:
    """Read a file, or make it: after a crash it is there in full or not at all."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    data = make()
    passing = path.with_suffix(".new")
    passing.unlink(missing_ok=True)
    with os.fdopen(os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    passing.replace(path)
    return data
