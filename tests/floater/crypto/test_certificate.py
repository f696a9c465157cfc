"""Certificates: fresh, pinned by their key, and given to TLS without staying on a disk."""

import hashlib
import os
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from floater.crypto import certificate
from floater.crypto.certificate import key_fingerprint, load_certified_key, make_certified_key


def test_each_one_is_fresh_and_small() -> None:
    one, other = make_certified_key(), make_certified_key()
    assert one.certificate != other.certificate
    assert one.fingerprint == hashlib.sha256(one.certificate).digest()
    assert len(one.certificate) < 400


def test_the_pin_is_that_of_the_key_and_not_of_the_certificate() -> None:
    certified = make_certified_key()
    parsed = x509.load_der_x509_certificate(certified.certificate)
    renewed = make_certified_key("another name")
    assert len(key_fingerprint(certified.certificate)) == 32
    assert key_fingerprint(certified.certificate) != key_fingerprint(renewed.certificate)
    assert parsed.not_valid_after_utc.year == 9999


@pytest.mark.parametrize("data", [b"", b"\x30\x00", b"no certificate"])
def test_what_is_no_certificate_has_no_pin(data: bytes) -> None:
    with pytest.raises(ValueError, match="pars"):
        key_fingerprint(data)


@pytest.mark.parametrize("lacking", ["nothing", "memory files", "/proc"])
def test_tls_is_given_its_key_and_nothing_stays(
    lacking: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    if lacking == "memory files":
        monkeypatch.delattr(os, "memfd_create")
    if lacking == "/proc":
        monkeypatch.setattr(certificate, "_OPEN_FILES", str(tmp_path / "absent"))
    certified = make_certified_key()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_certified_key(context, certified)
    assert list(tmp_path.iterdir()) == []
    assert handshake_shows(context) == certified.certificate


def handshake_shows(server: ssl.SSLContext) -> bytes | None:
    """The certificate that a client gets to see, by a handshake in memory."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (ours, theirs, ours, theirs):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return ours.getpeercert(binary_form=True)


def test_what_is_written_on_the_way_is_encrypted() -> None:
    key = make_certified_key()
    pem = key.key_pem(b"password")
    assert b"\nProc-Type: 4,ENCRYPTED\n" in pem
    with pytest.raises(TypeError, match=r"[Pp]assword"):
        load_pem_private_key(pem, None)
    assert load_pem_private_key(pem, b"password").private_numbers() == key.key.private_numbers()  # type: ignore[union-attr]
