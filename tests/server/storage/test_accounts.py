"""Accounts: one of an address, whose hashes are changed only by those who have seen the last."""

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from server.core.onetime import SIGN_UP
from server.storage.accounts import (
    NOBODY,
    Account,
    find_account,
    hash_of_each_cost,
    is_right_secret,
    load_account,
    make_account,
    set_password,
    set_username,
)
from server.storage.engine import Engine
from server.storage.pending import Fresh, Pending, add_pending, find_pending

ANNA = "anna@example.org"
HASH = "$argon2id$v=19$m=8,t=1,p=1$" + "s" * 22 + "$" + "h" * 43
OTHER = "$argon2id$v=19$m=9,t=1,p=1$" + "s" * 22 + "$" + "h" * 43


async def a_sign_up(connection: AsyncConnection, number: int, password_hash: str = HASH) -> Pending:
    fresh = Fresh(bytes([number] * 32), bytes([100 + number] * 32), 1_600.0, 4_600.0, 5)
    await add_pending(
        connection,
        SIGN_UP,
        ANNA,
        fresh,
        1.0,
        decoy=False,
        username="Anna",
        password_hash=password_hash,
        address="Anna@example.org",
    )
    return (await find_pending(connection, SIGN_UP, ANNA, 0.0))[0]


@pytest.mark.asyncio
async def test_a_sign_up_becomes_an_account_and_the_others_of_the_address_decoys(engine: Engine) -> None:
    async with engine.write() as c:
        first, second = await a_sign_up(c, 1), await a_sign_up(c, 2)
        number = await make_account(c, first, 1_000.0)
        assert number is not None
        account = Account(number, ANNA, "Anna", HASH, "en", "Anna@example.org", 1_000.0)
        assert await find_account(c, ANNA) == await load_account(c, number) == account
        assert await make_account(c, second, 1_000.0) is None
        assert [row.onetime.decoy for row in await find_pending(c, SIGN_UP, ANNA, 0.0)] == [True]


@pytest.mark.asyncio
async def test_nobody_is_found_where_nobody_is(engine: Engine) -> None:
    async with engine.read() as c:
        assert await find_account(c, ANNA) is None
        assert await load_account(c, NOBODY) is None


@pytest.mark.asyncio
async def test_name_and_password_are_changed_the_latter_only_from_what_was_seen(engine: Engine) -> None:
    async with engine.write() as c:
        number = await make_account(c, await a_sign_up(c, 1), 1_000.0)
        assert number is not None
        await set_username(c, number, "Anna K")
        assert not await set_password(c, number, "what it was before", OTHER)
        assert await set_password(c, number, HASH, OTHER)
        assert await load_account(c, number) == Account(
            number, ANNA, "Anna K", OTHER, "en", "Anna@example.org", 1_000.0
        )


@pytest.mark.asyncio
async def test_one_hash_of_each_cost_is_found_of_accounts_and_of_sign_ups(engine: Engine) -> None:
    async with engine.write() as c:
        await make_account(c, await a_sign_up(c, 1), 1_000.0)
        await a_sign_up(c, 2, OTHER)
        await a_sign_up(c, 3, OTHER)
        assert sorted(await hash_of_each_cost(c)) == [HASH, OTHER]


@pytest.mark.asyncio
async def test_the_first_secret_is_the_right_one(engine: Engine) -> None:
    async with engine.write() as c:
        assert [await is_right_secret(c, mark) for mark in (7, 7, 8)] == [True, True, False]
