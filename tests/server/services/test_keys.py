"""What a server keeps secret is made once, for this user only, and read back whole or not at all."""

import stat
from pathlib import Path

import pytest

from server.errors import CannotStart
from server.services.keys import open_keys


def test_keys_are_made_once_and_outlive_a_restart(tmp_path: Path) -> None:
    first, second = open_keys(tmp_path / "new"), open_keys(tmp_path / "new")
    assert first.fingerprint == second.fingerprint
    assert first.relay == second.relay
    assert first.ticket.private_bytes_raw() == second.ticket.private_bytes_raw()
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "new").iterdir()} == {0o600}


def test_two_servers_have_nothing_in_common(tmp_path: Path) -> None:
    one, other = open_keys(tmp_path / "one"), open_keys(tmp_path / "other")
    assert one.fingerprint != other.fingerprint
    assert one.relay != other.relay


def test_what_a_crash_left_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "relay.new").write_bytes(b"half")
    assert len(open_keys(tmp_path).relay) == 32


@pytest.mark.parametrize("name", ["relay.key", "ticket.key", "certificate.pem"])
def test_a_damaged_key_is_named_and_left_alone(tmp_path: Path, name: str) -> None:
    open_keys(tmp_path)
    (tmp_path / name).write_bytes(b"damaged")
    with pytest.raises(CannotStart, match="damaged"):
        open_keys(tmp_path)
    assert (tmp_path / name).read_bytes() == b"damaged"


def test_a_key_of_another_kind_is_damaged_too(tmp_path: Path) -> None:
    keys = open_keys(tmp_path)
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = keys.ticket.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "certificate.pem").write_bytes(pem)
    with pytest.raises(CannotStart, match="damaged"):
        open_keys(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CannotStart, match="cannot be used"):
        open_keys(tmp_path / "file")
