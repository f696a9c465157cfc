"""Self-signed certificates: one for a server at its first start, one for each match of a client."""

import datetime
import hashlib
import os
import secrets
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

_OPEN_FILES: Final = "/proc/self/fd"  # not there in every chroot

# RFC 5280 §4.1.2.5: "no well-defined expiration". Trust comes from the pin or the ticket and ends with it;
# dates would only make a wrong clock break what is sound.
_NOT_BEFORE: Final = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
_NOT_AFTER: Final = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)


@dataclass(frozen=True, slots=True)
class CertifiedKey:
    """An ECDSA P-256 key and its self-signed certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: bytes
    "DER, about 330 bytes."

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the certificate, 32 bytes."""
        return hashlib.sha256(self.certificate).digest()

    def certificate_pem(self) -> bytes:
        """The certificate as PEM."""
        return ssl.DER_cert_to_PEM_cert(self.certificate).encode("ascii")

    def key_pem(self, password: bytes | None = None) -> bytes:
        """The private key as PEM: PKCS #8, or, if a password is given, encrypted as OpenSSL always did.

        That derives its key from the password in no time (PKCS #8 takes 2 ms, both ways), so the
        password must be random.
        """
        if password is None:
            return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        protection = BestAvailableEncryption(password)
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, protection)


def make_certified_key(name: str = "floater") -> CertifiedKey:
    """Make a fresh key and certificate, in well under a millisecond."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_NOT_BEFORE)
        .not_valid_after(_NOT_AFTER)
        .sign(key, hashes.SHA256())
    )
    return CertifiedKey(key, certificate.public_bytes(Encoding.DER))


def key_fingerprint(certificate: bytes) -> bytes:
    """SHA-256 of the SubjectPublicKeyInfo of a DER certificate, so that a renewed certificate keeps its URL.

    Raises:
        ValueError: no certificate.
    """
    key = x509.load_der_x509_certificate(certificate).public_key()
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def is_match_certificate(certificate: bytes) -> bool:
    """Say whether this (DER) is a certificate of an ECDSA P-256 key, as `seek` demands (spec §6.4)."""
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
    except (ValueError, UnsupportedAlgorithm):
        return False
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)


def load_certified_key(context: ssl.SSLContext, certified: CertifiedKey) -> None:
    """Give a TLS context its key and certificate.

    `ssl` reads them from a file only. The file lives in memory where the
    system has such files, is encrypted with a password that exists nowhere
    else in any case, and is gone when this returns.
    """
    password = secrets.token_hex(16)
    with _passing_file(certified.certificate_pem() + certified.key_pem(password.encode("ascii"))) as path:
        context.load_cert_chain(path, password=password)


@contextmanager
def _passing_file(content: bytes) -> Iterator[str]:
    if hasattr(os, "memfd_create") and os.path.isdir(_OPEN_FILES):
        with open(os.memfd_create("certified"), "wb", buffering=0) as file:
            file.write(content)
            yield f"{_OPEN_FILES}/{file.fileno()}"
        return
    with tempfile.NamedTemporaryFile(delete=False) as passing:
        passing.write(content)
    try:
        yield passing.name
    finally:
        os.unlink(passing.name)
