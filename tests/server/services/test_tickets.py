"""Keys are made once and kept for one user alone; what they sign holds."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire.control import Role
from server.errors import CannotStart
from server.services.keys import open_keys
from server.services.tickets import RelayPass, TicketSigner

PASS = RelayPass("m", Role.LEADER, 1_000.0)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> TicketSigner:
    return TicketSigner(open_keys(tmp_path_factory.mktemp("keys")))


def test_a_token_is_read_back(signer: TicketSigner) -> None:
    full = RelayPass("m" * 22, Role.FOLLOWER, 1_800_000_000.123, 1_800_000_000.123, 1 << 60)
    for relay_pass in (PASS, full):
        token = signer.relay_token(relay_pass)
        assert len(token) <= 512
        assert signer.read_relay_token(token) == relay_pass


@given(token=st.binary(max_size=512))
def test_what_somebody_made_up_is_refused(signer: TicketSigner, token: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as refused:
        signer.read_relay_token(token)
    assert refused.value.code is Code.RELAY_REFUSED


@given(at=st.integers(0, 200), bit=st.integers(0, 7))
def test_a_token_with_one_bit_changed_is_refused(signer: TicketSigner, at: int, bit: int) -> None:
    token = bytearray(signer.relay_token(PASS))
    token[at % len(token)] ^= 1 << bit
    with pytest.raises(RemoteProtocolError):
        signer.read_relay_token(bytes(token))


def test_keys_are_made_once(tmp_path: Path) -> None:
    first, second = open_keys(tmp_path / "new" / "folder"), open_keys(tmp_path / "new" / "folder")
    assert first.fingerprint == second.fingerprint
    assert first.server_key.certificate == second.server_key.certificate
    assert first.relay == second.relay
    assert TicketSigner(first).public_key == TicketSigner(second).public_key
    assert not list((tmp_path / "new" / "folder").glob("*.new"))


@pytest.mark.parametrize("name", ["certificate.pem", "ticket.key", "relay.key"])
def test_a_damaged_key_is_said_and_not_replaced(tmp_path: Path, name: str) -> None:
    open_keys(tmp_path)
    (tmp_path / name).write_bytes(b"damaged")
    with pytest.raises(CannotStart, match="is damaged"):
        open_keys(tmp_path)
    assert (tmp_path / name).read_bytes() == b"damaged"


def test_a_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match="cannot be used"):
        open_keys(tmp_path / "file")
