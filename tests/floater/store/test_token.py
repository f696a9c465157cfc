import json
import os
import stat
from pathlib import Path

import keyring
import keyring.backend
import pytest

from floater.store.token import DEVICE_FILE, FILE, SERVICE, TokenStore

pytestmark = pytest.mark.logs("the keyring cannot be", "the token cannot be stored")

SERVER = "floater://example.org:443"


class Ring(keyring.backend.KeyringBackend):
    """A keyring in memory."""

    priority = 5

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring has no types
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.held[service, username]


class Broken(Ring):
    """A keyring whose service is gone."""

    def get_password(self, service: str, username: str) -> str | None:
        raise RuntimeError("no bus")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise RuntimeError("no bus")


def test_without_a_keyring_the_token_is_in_a_file_for_nobody_else(tmp_path: Path) -> None:
    TokenStore(tmp_path / "d", SERVER).keep("secret")
    path = tmp_path / "d" / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert TokenStore(tmp_path / "d", SERVER).load() == "secret"
    assert SERVER not in path.read_text()


def test_a_token_belongs_to_one_server_and_one_folder(tmp_path: Path) -> None:
    TokenStore(tmp_path, SERVER).keep("one")
    other = TokenStore(tmp_path, "floater://other.org:443")
    assert other.load() == ""
    other.keep("two")
    assert TokenStore(tmp_path, SERVER).load() == "one"
    assert TokenStore(tmp_path / "elsewhere", SERVER).load() == ""


def test_a_dropped_token_is_gone_from_disk(tmp_path: Path) -> None:
    store = TokenStore(tmp_path, SERVER)
    store.keep("secret")
    store.drop()
    assert store.load() == ""
    assert list(tmp_path.iterdir()) == []
    store.drop()


def test_a_keyring_is_preferred_and_the_file_goes(tmp_path: Path) -> None:
    store = TokenStore(tmp_path, SERVER)
    store.keep("old")
    ring = Ring()
    keyring.set_keyring(ring)
    store.keep("new")
    assert [service for service, _ in ring.held] == [SERVICE]
    assert not (tmp_path / FILE).exists()
    assert store.load() == "new"
    store.drop()
    assert ring.held == {}


def test_a_broken_keyring_never_matters(tmp_path: Path) -> None:
    keyring.set_keyring(Broken())
    store = TokenStore(tmp_path, SERVER)
    assert store.load() == ""
    store.keep("secret")
    assert store.load() == "secret"
    store.drop()
    assert store.load() == ""


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"x": 1}'])
def test_a_broken_file_is_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    store = TokenStore(tmp_path, SERVER)
    assert store.load() == ""
    store.keep("secret")
    assert list(json.loads((tmp_path / FILE).read_text()).values()) == ["secret"]


def test_a_folder_that_cannot_be_written_does_not_stop_anybody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = TokenStore(tmp_path / "file", SERVER)
    store.keep("secret")
    assert store.load() == ""
    store.drop()


def test_a_folder_whose_name_is_not_utf_8_has_a_token_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "get_keyring", Ring)
    one, other = (Path(os.fsdecode(os.fsencode(tmp_path) + name)) for name in (b"/\xe9", b"/\xe8"))
    assert TokenStore(one, SERVER)._key != TokenStore(other, SERVER)._key


def test_each_account_has_a_device_token_that_stays_when_the_log_in_goes(tmp_path: Path) -> None:
    store = TokenStore(tmp_path, SERVER)
    store.keep("the log-in")
    store.of_device("ann@example.org").keep("ann's")
    store.of_device("ben@example.org").keep("ben's")
    store.drop()
    assert store.load() == ""
    again = TokenStore(tmp_path, SERVER)
    assert again.of_device("ann@example.org").load() == "ann's"
    assert again.of_device("ben@example.org").load() == "ben's"
    assert TokenStore(tmp_path, "floater://other.org:443").of_device("ann@example.org").load() == ""
    assert "example.org" not in (tmp_path / DEVICE_FILE).read_text()
    assert not (tmp_path / FILE).exists()
