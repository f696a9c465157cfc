import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from floater.codes import Code
from floater.errors import ServerRefused
from floater.wire import control
from server.bus.base import ACCOUNTS
from server.bus.local import LocalBus
from server.core.sessions import Message, Revoked
from server.services.account_parts import check_password, read_mailbox, read_username
from tests.helpers.accounts import NO_LIMITS, opened


def refused(work: Callable[[], object]) -> Code:
    with pytest.raises(ServerRefused) as caught:
        work()
    return caught.value.code


@pytest.mark.parametrize("text", ["", "\u202e\u200b", "x" * 25, "Admin", "аdmin"])
def test_a_name_that_is_empty_too_long_or_reserved_is_refused(text: str) -> None:
    assert refused(lambda: read_username(text)) is Code.BAD_USERNAME


def test_a_name_is_cleaned() -> None:
    assert read_username("  Bär  ") == "Bär"


def test_an_address_is_read_or_refused() -> None:
    assert read_mailbox(" Anna@Example.org ").key == "anna@example.org"
    assert refused(lambda: read_mailbox("anna")) is Code.BAD_EMAIL


@pytest.mark.parametrize("password", ["short", "x" * 129, "Password123!", "anna@example.org", "bertbert1"])
def test_a_password_that_is_easily_guessed_is_refused(password: str) -> None:
    assert refused(lambda: check_password(password, "anna@example.org", "bert")) is Code.BAD_PASSWORD


def test_a_good_password_is_not_refused() -> None:
    check_password("correct horse battery staple", "anna@example.org", "bert")


@pytest.mark.asyncio
async def test_too_many_tries_are_refused_with_the_time_to_wait(tmp_path: Path) -> None:
    async with opened(tmp_path, **(NO_LIMITS | {"code_limit": "1/60 - -"})) as accounts:
        accounts._parts.take("code", source="203.0.113.5")
        with pytest.raises(ServerRefused) as caught:
            accounts._parts.take("code", source="203.0.113.5")
    assert caught.value.code is Code.TOO_MANY_TRIES
    assert 0.0 < caught.value.retry_after <= 60.0


@pytest.mark.asyncio
async def test_the_key_of_an_address_is_its_own_and_does_not_show_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as accounts:
        keys = [
            accounts._parts.who(address) for address in ("a@example.org", "b@example.org", "a@example.org")
        ]
    assert keys[0] == keys[2] != keys[1]
    assert b"example" not in keys[0]


@pytest.mark.asyncio
async def test_what_cannot_be_delivered_is_refused_and_what_was_put_in_is_answered(tmp_path: Path) -> None:
    async with opened(tmp_path, **NO_LIMITS) as accounts:
        parts = accounts._parts
        assert parts.deliverable("anna@example.org").key == "anna@example.org"
        assert refused(lambda: parts.deliverable("anna")) is Code.BAD_EMAIL
        async with asyncio.timeout(30):
            assert await parts.mailed(7) == control.Done(id=7)


@pytest.mark.asyncio
async def test_a_revocation_counts_here_and_is_told_to_all(tmp_path: Path) -> None:
    told: list[Message] = []
    bus = LocalBus()
    bus.subscribe(ACCOUNTS, told.append)
    async with opened(tmp_path, bus=bus) as accounts:
        since = accounts._parts.revocations.number
        accounts._parts.revoke(3, b"kept")
        assert told == [Revoked(3, b"kept")]
        assert accounts._parts.revocations.holds(3, b"kept", since=since)
        assert not accounts._parts.revocations.holds(3, b"other", since=since)
