"""Codes and links that wait: several of one address side by side, each with its own."""

import pytest

from server.core.onetime import MAX_LIVE, RESET, SIGN_UP
from server.storage.engine import Engine
from server.storage.pending import (
    Fresh,
    add_pending,
    count_wrong_code,
    extend_pending,
    find_pending,
    find_pending_by_link,
    forget_old_pending,
    forget_pending,
    has_pending,
    renew_pending,
)

ANNA, BERT = "anna@example.org", "bert@example.org"


def fresh(number: int) -> Fresh:
    return Fresh(bytes([number] * 32), bytes([100 + number] * 32), 1_600.0, 4_600.0, 5)


@pytest.mark.asyncio
async def test_what_waits_is_found_newest_first_by_address_and_purpose_and_time(engine: Engine) -> None:
    async with engine.write() as c:
        one = await add_pending(c, SIGN_UP, ANNA, fresh(1), 1_000.0, decoy=False, username="Anna")
        two = await add_pending(c, SIGN_UP, ANNA, fresh(2), 1_001.0, decoy=True)
        await add_pending(c, RESET, ANNA, fresh(3), 1_002.0, decoy=False)
        await add_pending(c, SIGN_UP, BERT, fresh(4), 1_003.0, decoy=False)
        found = await find_pending(c, SIGN_UP, ANNA, 0.0)
        assert [row.id for row in found] == [two, one]
        assert (found[1].username, found[0].onetime.decoy, found[1].onetime.tries_left) == ("Anna", True, 5)
        assert [row.id for row in await find_pending(c, SIGN_UP, ANNA, 1_000.0)] == [two]


@pytest.mark.asyncio
async def test_the_oldest_of_too_many_goes(engine: Engine) -> None:
    async with engine.write() as c:
        rows = [await add_pending(c, RESET, ANNA, fresh(n), 0.5, decoy=False) for n in range(MAX_LIVE + 1)]
        assert [row.id for row in await find_pending(c, RESET, ANNA, 0.0)] == rows[:0:-1]


@pytest.mark.asyncio
async def test_a_link_is_found_for_its_purpose_alone(engine: Engine) -> None:
    async with engine.write() as c:
        row = await add_pending(c, RESET, ANNA, fresh(1), 1_000.0, decoy=False)
        found = await find_pending_by_link(c, RESET, fresh(1).link_digest, 0.0)
        assert found is not None
        assert found.id == row
        assert await find_pending_by_link(c, SIGN_UP, fresh(1).link_digest, 0.0) is None
        assert await find_pending_by_link(c, RESET, fresh(1).link_digest, 1_000.0) is None


@pytest.mark.asyncio
async def test_a_renewed_row_has_another_code_and_link(engine: Engine) -> None:
    async with engine.write() as c:
        row = await add_pending(c, RESET, ANNA, fresh(1), 1_000.0, decoy=False)
        (before,) = await find_pending(c, RESET, ANNA, 0.0)
        await renew_pending(c, row, fresh(2))
        assert not await has_pending(c, before)
        (after,) = await find_pending(c, RESET, ANNA, 0.0)
        assert await has_pending(c, after)
        assert after.onetime.link_digest == fresh(2).link_digest


@pytest.mark.asyncio
async def test_a_late_mail_s_code_expires_later(engine: Engine) -> None:
    async with engine.write() as c:
        row = await add_pending(c, RESET, ANNA, fresh(1), 1_000.0, decoy=False)
        await extend_pending(c, row, 2_000.0, 5_000.0)
        (found,) = await find_pending(c, RESET, ANNA, 0.0)
        assert (found.onetime.code_expires, found.onetime.link_expires) == (2_000.0, 5_000.0)


@pytest.mark.asyncio
async def test_a_wrong_code_counts_against_all_of_the_address_down_to_nothing(engine: Engine) -> None:
    async with engine.write() as c:
        await add_pending(c, RESET, ANNA, fresh(1), 1_000.0, decoy=False)
        await add_pending(c, RESET, BERT, fresh(2), 1_000.0, decoy=False)
        for _ in range(7):
            await count_wrong_code(c, RESET, ANNA)
        left = [(await find_pending(c, RESET, who, 0.0))[0].onetime.tries_left for who in (ANNA, BERT)]
        assert left == [0, 5]


@pytest.mark.asyncio
async def test_what_is_answered_or_too_old_is_forgotten(engine: Engine) -> None:
    async with engine.write() as c:
        for number, who in enumerate((ANNA, BERT)):
            await add_pending(c, RESET, who, fresh(number), 1_000.0 + number, decoy=False)
        await forget_pending(c, SIGN_UP, ANNA)
        await forget_old_pending(c, 1_000.0)
        assert [len(await find_pending(c, RESET, who, 0.0)) for who in (ANNA, BERT)] == [0, 1]
        await forget_pending(c, RESET, BERT)
        assert await find_pending(c, RESET, BERT, 0.0) == []
