"""Tokens: as many of one account as are kept, each good until revoked or too old."""

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.accounts import make_account
from server.storage.engine import Engine
from server.storage.tokens import (
    add_token,
    drop_token,
    drop_tokens,
    find_token,
    forget_old_tokens,
    has_token,
    touch_token,
)
from tests.server.storage.test_accounts import ANNA, a_sign_up

ONE, TWO, THREE = (bytes([number] * 32) for number in (1, 2, 3))


async def an_account(connection: AsyncConnection) -> int:
    number = await make_account(connection, await a_sign_up(connection, 1), 1.0)
    assert number is not None
    return number


@pytest.mark.asyncio
async def test_a_token_leads_to_its_account_until_it_is_too_old(engine: Engine) -> None:
    async with engine.write() as c:
        await add_token(c, await an_account(c), ONE, 1_000.0, keep=2)
        await touch_token(c, ONE, 1_500.0)
        found = await find_token(c, ONE, created_since=999.0, used_since=1_499.0)
        assert found is not None
        assert (found[0].email, found[1]) == (ANNA, 1_500.0)
        assert await find_token(c, ONE, created_since=1_000.0, used_since=0.0) is None
        assert await find_token(c, ONE, created_since=0.0, used_since=1_500.0) is None
        assert await find_token(c, TWO, created_since=0.0, used_since=0.0) is None


@pytest.mark.asyncio
async def test_of_too_many_tokens_the_one_goes_that_was_used_longest_ago(engine: Engine) -> None:
    async with engine.write() as c:
        account = await an_account(c)
        await add_token(c, account, ONE, 1_000.0, keep=2)
        await add_token(c, account, TWO, 1_001.0, keep=2)
        await touch_token(c, ONE, 1_002.0)
        await add_token(c, account, THREE, 900.0, keep=2)  # the new one stays, whatever the clock says
        assert [await has_token(c, digest) for digest in (ONE, TWO, THREE)] == [True, False, True]


@pytest.mark.asyncio
async def test_tokens_are_revoked_one_or_all_but_one(engine: Engine) -> None:
    async with engine.write() as c:
        account = await an_account(c)
        for digest in (ONE, TWO, THREE):
            await add_token(c, account, digest, 1_000.0, keep=9)
        await drop_token(c, ONE)
        await drop_tokens(c, account, but=THREE)
        assert [await has_token(c, digest) for digest in (ONE, TWO, THREE)] == [False, False, True]
        assert await touch_token(c, THREE, 2_000.0)
        await drop_tokens(c, account)
        assert not await has_token(c, THREE)
        assert not await touch_token(c, THREE, 2_001.0)


@pytest.mark.asyncio
async def test_old_tokens_are_forgotten(engine: Engine) -> None:
    async with engine.write() as c:
        account = await an_account(c)
        for number, digest in enumerate((ONE, TWO, THREE)):
            await add_token(c, account, digest, 1_000.0 + number, keep=9)
        await touch_token(c, TWO, 2_000.0)
        await touch_token(c, ONE, 2_000.0)
        await forget_old_tokens(c, created_since=1_000.0, used_since=1_500.0)
        assert [await has_token(c, digest) for digest in (ONE, TWO, THREE)] == [False, True, False]
