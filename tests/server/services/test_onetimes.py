"""Codes and links: each is good for its purpose and its time, and a decoy's for nothing."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncConnection

from floater.wire import mailbox as addresses
from server.core.onetime import RESET, SIGN_UP
from server.services.accounts import Accounts
from server.services.onetimes import OneTimes
from server.storage.accounts import Account
from server.storage.pending import Pending
from tests.helpers.accounts import ANNA, Clock, Mailbox, code_of, link_of, opened

OWNER = Account(1, ANNA, "Anna", "hash", "en", ANNA, 0.0)


def _at(address: str) -> addresses.Mailbox:
    return addresses.Mailbox(address, address, address)


@dataclass
class Issued:
    """Real codes, and the mails that carry them."""

    accounts: Accounts
    onetimes: OneTimes
    mailbox: Mailbox
    clock: Clock

    async def sign_up(self, *, decoy: bool = False) -> None:
        async with self.accounts._parts.database.write() as c:
            owner = OWNER if decoy else None
            await self.onetimes.issue_sign_up(c, _at(ANNA), "Anna", "hash", "en", owner=owner)
        self.accounts._parts.outbox.kick()

    async def code(self, purpose: str, text: str) -> Pending | None:
        async with self.accounts._parts.database.write() as c:
            return await self.onetimes.check_code(c, purpose, ANNA, text)

    async def link(self, purpose: str, link: str) -> Pending | None:
        async with self.accounts._parts.database.read() as c:
            return await self._check(c, purpose, link)

    async def _check(self, c: AsyncConnection, purpose: str, link: str) -> Pending | None:
        return await self.onetimes.check_link(c, purpose, link)


@pytest_asyncio.fixture
async def issued(tmp_path: Path) -> AsyncIterator[Issued]:
    clock = Clock()
    async with opened(tmp_path, clock) as accounts:
        yield Issued(accounts, accounts._parts.onetimes, Mailbox(tmp_path), clock)


@pytest.mark.asyncio
async def test_code_and_link_of_one_mail_lead_to_one_sign_up_for_their_time(issued: Issued) -> None:
    await issued.sign_up()
    mail = await issued.mailbox.next()
    code, link = code_of(mail), link_of(mail)
    by_code, by_link = await issued.code(SIGN_UP, code), await issued.link(SIGN_UP, link)
    assert by_code is not None
    assert by_code == by_link
    assert (by_code.username, by_code.password_hash) == ("Anna", "hash")
    assert await issued.code(RESET, code) is None
    assert await issued.link(RESET, link) is None
    issued.clock.now += 600.0
    assert await issued.code(SIGN_UP, code) is None
    assert await issued.link(SIGN_UP, link) is not None
    issued.clock.now += 3_000.0
    assert await issued.link(SIGN_UP, link) is None


@pytest.mark.asyncio
async def test_what_is_no_code_is_for_nothing(issued: Issued) -> None:
    await issued.sign_up()
    await issued.mailbox.next()
    assert [await issued.code(SIGN_UP, text) for text in ("", "12", "abcdef")] == [None] * 3


@pytest.mark.asyncio
async def test_a_decoy_s_mail_says_that_there_is_an_account_and_holds_no_code_that_works(
    issued: Issued,
) -> None:
    await issued.sign_up(decoy=True)
    await issued.mailbox.next()
    assert [await issued.code(SIGN_UP, f"{number:06}") for number in range(20)] == [None] * 20


@pytest.mark.asyncio
async def test_a_mail_that_is_sent_again_makes_the_one_before_worthless(issued: Issued) -> None:
    await issued.sign_up()
    first = await issued.mailbox.next()
    async with issued.accounts._parts.database.write() as c:
        await issued.onetimes.issue_again(c, _at(ANNA))
    issued.accounts._parts.outbox.kick()
    second = await issued.mailbox.next()
    assert await issued.link(SIGN_UP, link_of(first)) is None
    assert await issued.link(SIGN_UP, link_of(second)) is not None


@pytest.mark.asyncio
async def test_a_reset_has_a_mail_where_there_is_an_account_and_no_other(issued: Issued) -> None:
    async with issued.accounts._parts.database.write() as c:
        await issued.onetimes.issue_reset(c, _at("nobody@example.org"), "en", owner=None)
        await issued.onetimes.issue_again(c, _at("nobody@example.org"))
        await issued.onetimes.issue_reset(c, _at(ANNA), "zh", owner=OWNER)
    issued.accounts._parts.outbox.kick()
    mail = await issued.mailbox.next()
    assert mail["To"] == ANNA
    code = code_of(mail)
    assert len(code) == 8
    assert await issued.code(SIGN_UP, code) is None
    assert await issued.code(RESET, code.lower()) is not None


@pytest.mark.asyncio
async def test_no_spelling_of_an_address_leads_a_mail_to_another_mailbox_than_that_of_the_sign_up(
    issued: Issued,
) -> None:
    """`ANNA@` and `anna@` are one account here; a mail server may have two people of these names."""
    other = addresses.Mailbox("ANNA@example.org", ANNA, ANNA)
    await issued.sign_up()
    async with issued.accounts._parts.database.write() as c:
        await issued.onetimes.issue_again(c, other)
        await issued.onetimes.issue_reset(c, other, "en", owner=OWNER)
        await issued.onetimes.issue_sign_up(c, other, "Thief", "hash", "en", owner=OWNER)
    issued.accounts._parts.outbox.kick()
    assert [(await issued.mailbox.next())["To"] for _ in range(4)] == [ANNA] * 4
