"""Mails that wait: in the order of their tries, until they are dropped."""

import pytest

from server.storage.engine import Engine
from server.storage.outbox import WaitingMail, add_mail, drop_mail, due_mails, next_try, put_off


@pytest.mark.asyncio
async def test_mails_are_due_at_once_those_with_few_tries_first(engine: Engine) -> None:
    async with engine.write() as c:
        assert await next_try(c) is None
        for number in range(3):
            await add_mail(c, number, bytes([number]), 1_000.0)
        await put_off(c, 1, 1_010.0)
        assert await next_try(c) == 1_000.0
        assert [mail.id for mail in await due_mails(c, 1_000.0, limit=9)] == [2, 3]
        assert [mail.id for mail in await due_mails(c, 1_010.0, limit=9)] == [2, 3, 1]
        assert await due_mails(c, 1_010.0, limit=1) == [WaitingMail(2, 1, b"\x01", 0, 1_000.0)]
        assert await due_mails(c, 999.0, limit=9) == []


@pytest.mark.asyncio
async def test_a_mail_that_is_put_off_counts_its_tries_until_it_is_dropped(
    engine: Engine,
) -> None:
    async with engine.write() as c:
        await add_mail(c, 0, b"", 1_000.0)
        await put_off(c, 1, 1_010.0)
        await put_off(c, 1, 1_030.0)
        assert await next_try(c) == 1_030.0
        assert await due_mails(c, 1_030.0, limit=9) == [WaitingMail(1, 0, b"", 2, 1_000.0)]
        await drop_mail(c, 1)
        assert await next_try(c) is None
