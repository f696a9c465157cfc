"""A password that was forgotten, and one that is changed."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path

import pytest

from floater.codes import Code
from floater.errors import ServerRefused
from floater.wire import control
from server.bus.base import ACCOUNTS
from server.bus.local import LocalBus
from server.core import sessions
from server.services.account_parts import Session
from tests.helpers.accounts import (
    ANNA,
    AWAY,
    HOME,
    OTHER,
    PASSWORD,
    Clock,
    Mailbox,
    a_log_in,
    an_account,
    code_of,
    forgot,
    link_of,
    log_in,
    opened,
    refused,
    reset,
    wrong,
)


@pytest.mark.asyncio
async def test_a_forgotten_password_is_reset_by_code_and_all_log_ins_end(tmp_path: Path) -> None:
    told: list[sessions.Message] = []
    bus = LocalBus()
    bus.subscribe(ACCOUNTS, told.append)
    async with opened(tmp_path, bus=bus) as accounts:
        mailbox = Mailbox(tmp_path)
        session, token = await an_account(accounts, mailbox)
        await accounts.passwords.forgot(forgot(), AWAY)
        code = code_of(await mailbox.next())
        assert await refused(accounts.passwords.reset(reset(wrong(code)), AWAY)) is Code.WRONG_CODE
        assert await refused(accounts.passwords.reset(reset(code, "12345678"), AWAY)) is Code.BAD_PASSWORD
        await a_log_in(accounts)
        assert await accounts.passwords.reset(reset(code), AWAY) == control.Done(id=1)
        assert told == [sessions.Revoked(session.account, None)]
        assert await refused(accounts.restore(control.Restore(id=1, token=token), HOME)) is Code.SESSION_ENDED
        assert await refused(accounts.log_in(log_in(), HOME)) is Code.WRONG_LOG_IN
        await a_log_in(accounts, password=OTHER)
        assert await refused(accounts.passwords.reset(reset(code), AWAY)) is Code.WRONG_CODE


@pytest.mark.asyncio
async def test_a_forgotten_password_is_reset_by_link(tmp_path: Path) -> None:
    clock, mailbox = Clock(), Mailbox(tmp_path)
    async with opened(tmp_path, clock) as accounts:
        await an_account(accounts, mailbox)
        await accounts.passwords.forgot(forgot(), AWAY)
        link = link_of(await mailbox.next())
        assert await refused(accounts.passwords.reset_by_link(link, ANNA, AWAY)) is Code.BAD_PASSWORD
        assert await refused(accounts.activate_by_link(link, AWAY)) is Code.WRONG_CODE
        await accounts.passwords.reset_by_link(link, OTHER, AWAY)
        assert "password was changed" in (await mailbox.next())["Subject"]
        await a_log_in(accounts, password=OTHER)
        assert await refused(accounts.passwords.reset_by_link(link, PASSWORD, AWAY)) is Code.WRONG_CODE
        await accounts.passwords.forgot(forgot(), AWAY)
        stale = link_of(await mailbox.next())
        clock.now += 3_600.0
        assert await refused(accounts.passwords.reset_by_link(stale, PASSWORD, AWAY)) is Code.WRONG_CODE


@pytest.mark.asyncio
async def test_one_code_used_twice_at_once_works_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as accounts:
        mailbox = Mailbox(tmp_path)
        await an_account(accounts, mailbox)
        await accounts.passwords.forgot(forgot(), AWAY)
        code = code_of(await mailbox.next())
        results = await asyncio.gather(
            *(accounts.passwords.reset(reset(code, f"{OTHER} {n}"), AWAY) for n in range(4)),
            return_exceptions=True,
        )
        done = [n for n, result in enumerate(results) if isinstance(result, control.Done)]
        assert len(done) == 1
        await a_log_in(accounts, password=f"{OTHER} {done[0]}")


@pytest.mark.asyncio
async def test_changing_the_password_ends_all_other_log_ins(tmp_path: Path) -> None:
    told: list[sessions.Message] = []
    bus = LocalBus()
    bus.subscribe(ACCOUNTS, told.append)
    async with opened(tmp_path, bus=bus) as accounts:
        session, token = await an_account(accounts, Mailbox(tmp_path))
        _, other = await a_log_in(accounts)

        def change(old: str, new: str) -> Awaitable[object]:
            return accounts.passwords.change(session, control.ChangePassword(id=1, old=old, new=new))

        assert await refused(change(OTHER, OTHER)) is Code.WRONG_PASSWORD
        assert await refused(change(PASSWORD, "qwertyuiop")) is Code.BAD_PASSWORD
        assert told == []
        await change(PASSWORD, OTHER)
        assert told == [sessions.Revoked(session.account, session.token_hash)]
        await accounts.restore(control.Restore(id=1, token=token), HOME)
        assert await refused(accounts.restore(control.Restore(id=1, token=other), HOME)) is Code.SESSION_ENDED
        await a_log_in(accounts, password=OTHER)


@pytest.mark.parametrize("restore_first", [True, False])
@pytest.mark.asyncio
async def test_a_stolen_token_does_not_survive_a_change_of_the_password_at_the_same_moment(
    tmp_path: Path, restore_first: bool
) -> None:
    """Both wait for the one writer of the database; whichever gets it first, the old token is dead."""
    clock = Clock()
    async with opened(tmp_path, clock) as accounts:
        session, _ = await an_account(accounts, Mailbox(tmp_path))
        _, stolen = await a_log_in(accounts)
        clock.now += 7_200.0  # old enough for its use to be noted

        async def change() -> bool:
            change = control.ChangePassword(id=1, old=PASSWORD, new=OTHER)
            return isinstance(await accounts.passwords.change(session, change), control.Done)

        async def restore() -> bool:
            try:
                found, _ = await accounts.restore(control.Restore(id=1, token=stolen), AWAY)
            except ServerRefused as error:
                return error.code is not Code.SESSION_ENDED
            async with asyncio.timeout(30):
                while accounts.is_current(found):
                    await asyncio.sleep(0.001)
            return False

        steps = (restore(), change()) if restore_first else (change(), restore())
        assert sorted(await asyncio.gather(*steps)) == [False, True]


@pytest.mark.asyncio
async def test_a_log_in_that_ended_or_never_was_changes_no_password(tmp_path: Path) -> None:
    async with opened(tmp_path) as accounts:
        session, _ = await an_account(accounts, Mailbox(tmp_path))
        await accounts.log_out(session)
        change = control.ChangePassword(id=1, old=PASSWORD, new=OTHER)
        for ended in (session, Session(999, "x", b"x" * 32)):
            assert await refused(accounts.passwords.change(ended, change)) is Code.SESSION_ENDED
        await a_log_in(accounts)
