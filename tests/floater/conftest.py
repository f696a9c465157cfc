from collections.abc import Iterator

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
