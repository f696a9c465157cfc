"""What the owner of an account is told by mail, and when."""

from collections.abc import Awaitable
from email.message import EmailMessage
from pathlib import Path

import pytest

from floater.codes import Code
from floater.wire import control
from server.services.account_parts import Source
from tests.helpers.accounts import (
    ANNA,
    AWAY,
    HOME,
    NO_LIMITS,
    OTHER,
    PASSWORD,
    Clock,
    Mailbox,
    a_log_in,
    a_sign_up,
    an_account,
    code_of,
    log_in,
    opened,
    refused,
    text_of,
)

CHANGED, LOGGED_IN, TRIES = "password was changed", "new log-in", "tries to get into"


def is_about(mail: EmailMessage, what: str) -> bool:
    assert mail["To"] == ANNA
    return what in str(mail["Subject"])


@pytest.mark.asyncio
async def test_an_owner_is_told_that_the_password_was_changed_whatever_the_way(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path)
    async with opened(tmp_path) as accounts:
        session, _ = await an_account(accounts, mailbox)
        change = control.ChangePassword(id=1, old=PASSWORD, new=OTHER)
        await accounts.passwords.change(session, change)
        assert is_about(await mailbox.next(), CHANGED)
        await accounts.passwords.forgot(control.ForgotPassword(id=1, email=ANNA), AWAY)
        code = code_of(await mailbox.next())
        reset = control.ResetPassword(id=1, email=ANNA, code=code, password=PASSWORD)
        await accounts.passwords.reset(reset, AWAY)
        mail = await mailbox.next()
        assert is_about(mail, CHANGED)
        assert "Hello Anna," in text_of(mail)
        assert "Anna，你好" in text_of(mail)


@pytest.mark.asyncio
async def test_an_owner_is_told_of_a_log_in_at_a_new_place_and_of_no_other(tmp_path: Path) -> None:
    clock, mailbox = Clock(), Mailbox(tmp_path)
    async with opened(tmp_path, clock) as accounts:
        await an_account(accounts, mailbox)  # the first log-in, right after the activation, is no news
        clock.now += 86_400.0
        await a_log_in(accounts)
        await accounts.log_in(log_in(), AWAY)
        assert is_about(await mailbox.next(), LOGGED_IN)
        await accounts.log_in(log_in(), AWAY)
        await accounts.passwords.forgot(control.ForgotPassword(id=1, email=ANNA), AWAY)
        code_of(await mailbox.next())  # mails go out in order: there was none before it


@pytest.mark.asyncio
async def test_who_sits_at_a_trusted_computer_is_at_no_new_place(tmp_path: Path) -> None:
    clock, mailbox = Clock(), Mailbox(tmp_path)
    async with opened(tmp_path, clock, local=True) as accounts:
        await an_account(accounts, mailbox)
        clock.now += 86_400.0
        await accounts.log_in(log_in(), Source("127.0.0.1"))
        await accounts.log_in(log_in(), AWAY)
        assert is_about(await mailbox.next(), LOGGED_IN)
        assert len(mailbox.mails()) == 2


@pytest.mark.asyncio
@pytest.mark.parametrize("way", ["log_in", "code", "change"])
async def test_an_owner_is_told_of_many_tries_once(tmp_path: Path, way: str) -> None:
    limits = NO_LIMITS | {"tries_told": "3/86400"}
    mailbox = Mailbox(tmp_path)
    async with opened(tmp_path, **limits) as accounts:
        session, _ = await an_account(accounts, mailbox)

        def attempt() -> Awaitable[object]:
            match way:
                case "code":
                    reset = control.ResetPassword(id=1, email=ANNA, code="00000000", password=OTHER)
                    return accounts.passwords.reset(reset, AWAY)
                case "change":
                    change = control.ChangePassword(id=1, old=OTHER, new=OTHER)
                    return accounts.passwords.change(session, change)
            return accounts.log_in(log_in("not the password"), AWAY)

        for _ in range(8):
            await refused(attempt())
        assert is_about(await mailbox.next(), TRIES)
        await accounts.sign_up(a_sign_up("bert@example.org"), HOME)
        assert (await mailbox.next())["To"] == "bert@example.org"  # so there was no second one


@pytest.mark.asyncio
@pytest.mark.parametrize("limit", ["1/86400 - -", "- 1/86400 -", "- - 1/86400"])
async def test_what_a_limit_refuses_is_no_try(tmp_path: Path, limit: str) -> None:
    mailbox = Mailbox(tmp_path)
    async with opened(tmp_path, **(NO_LIMITS | {"tries_told": "3/86400", "log_in_limit": limit})) as accounts:
        await accounts.sign_up(a_sign_up(), HOME)
        await accounts.activate(control.Activate(id=1, email=ANNA, code=code_of(await mailbox.next())), HOME)
        codes = {await refused(accounts.log_in(log_in("not the password"), AWAY)) for _ in range(20)}
        assert codes == {Code.WRONG_LOG_IN, Code.TOO_MANY_TRIES}
        await accounts.sign_up(a_sign_up("bert@example.org"), HOME)
        assert (await mailbox.next())["To"] == "bert@example.org"
        assert len(mailbox.mails()) == 2


@pytest.mark.asyncio
async def test_who_has_no_account_is_told_of_no_tries(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path)
    async with opened(tmp_path, **(NO_LIMITS | {"tries_told": "3/86400"})) as accounts:
        for _ in range(8):
            await refused(accounts.log_in(log_in(), AWAY))
        await accounts.sign_up(a_sign_up(), HOME)
        code_of(await mailbox.next())
        assert len(mailbox.mails()) == 1
