import asyncio
import threading
from pathlib import Path

import pytest

from floater.client import tokens
from floater.client.tokens import Tokens
from floater.store.token import TokenStore

pytestmark = pytest.mark.asyncio


async def test_a_token_is_kept_until_it_is_dropped(tmp_path: Path) -> None:
    kept = Tokens(TokenStore(tmp_path, "here"))
    assert await kept.load() == ""
    await kept.keep("one")
    await kept.keep("two")
    assert await Tokens(TokenStore(tmp_path, "here")).load() == "two"
    assert await Tokens(TokenStore(tmp_path, "elsewhere")).load() == ""
    await kept.drop()
    assert await kept.load() == ""


async def test_without_a_store_nothing_is_kept() -> None:
    kept = Tokens(None)
    await kept.keep("one")
    assert await kept.load() == ""
    await kept.drop()


async def test_what_is_asked_at_once_is_done_in_turn(tmp_path: Path) -> None:
    kept = Tokens(TokenStore(tmp_path, "here"))
    await asyncio.gather(kept.keep("one"), kept.drop(), kept.keep("two"))
    assert await kept.load() == "two"


@pytest.mark.logs("the keyring does not answer")
async def test_a_keyring_that_does_not_answer_is_gone_on_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    class Asking(TokenStore):
        """A keyring that waits for its person."""

        def load(self) -> str:
            go_on.wait()
            return "too late"

    monkeypatch.setattr(tokens, "KEYRING_TIME", 0.02)
    assert await Tokens(Asking(tmp_path, "here")).load() == ""
    go_on.set()


async def test_the_device_token_of_each_account_outlives_the_log_in(tmp_path: Path) -> None:
    kept = Tokens(TokenStore(tmp_path, "here"))
    await asyncio.gather(
        kept.keep("one"), kept.keep_device("ann", "ann's"), kept.keep_device("ben", "ben's"), kept.drop()
    )
    assert await kept.load() == ""
    again = Tokens(TokenStore(tmp_path, "here"))
    assert [await again.load_device(account) for account in ("ann", "ben", "cat")] == ["ann's", "ben's", ""]


async def test_without_a_store_no_device_token_is_kept() -> None:
    kept = Tokens(None)
    await kept.keep_device("ann", "ann's")
    assert await kept.load_device("ann") == ""
