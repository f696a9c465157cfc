from collections.abc import Iterator
from typing import NoReturn

import keyring
import keyring.backends.null
import pytest


@pytest.fixture(autouse=True)
def no_keyring() -> Iterator[None]:
    """No test may touch the keyring of whoever runs it."""
    before = keyring.get_keyring()
    null = keyring.backends.null.Keyring()  # type: ignore[no-untyped-call]  # keyring has no types
    keyring.set_keyring(null)
    yield
    keyring.set_keyring(before)


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user of whom the system knows no home folder."""

    def unknown(_: int) -> NoReturn:
        raise KeyError

    for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_DOWNLOAD_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
