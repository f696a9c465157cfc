"""A device token is good for its own account at its own server, and for nothing else."""

from pathlib import Path
from typing import Any

import pytest

from floater.codes import Code
from floater.wire import control
from server.services.account_parts import Source
from server.services.devices import Devices
from server.services.secret import Secret
from tests.helpers.accounts import (
    ANNA,
    AWAY,
    HOME,
    PASSWORD,
    Clock,
    Mailbox,
    an_account,
    code_of,
    opened,
    refused,
)

ANN, BEN = b"ann's key", b"ben's key"
FAR = Source("192.0.2.9")
HERE = Devices(Secret(bytes(32)))


def test_a_device_keeps_its_name_and_each_has_another() -> None:
    token = HERE.token(ANN)
    name = HERE.name(ANN, token)
    assert len(name) == 16
    assert HERE.token(ANN, name) == token
    assert HERE.name(ANN, HERE.token(ANN)) not in (name, b"")
    assert len(token) == 43


def test_a_token_of_another_account_or_another_server_names_no_device() -> None:
    token = HERE.token(ANN)
    assert HERE.name(BEN, token) == b""
    assert Devices(Secret(bytes([1] * 32))).name(ANN, token) == b""


@pytest.mark.parametrize("token", ["", "A", "A" * 43, "A" * 64, "é" * 43, "=" * 43, "A" * 42 + "!", "\ud800"])
def test_what_is_no_token_names_no_device(token: str) -> None:
    assert HERE.name(ANN, token) == b""


def test_no_changed_character_goes_unnoticed() -> None:
    token = HERE.token(ANN)
    for place in range(42):  # the last character holds two bits that mean nothing
        other = "A" if token[place] != "A" else "B"
        assert HERE.name(ANN, token[:place] + other + token[place + 1 :]) == b""


def log_in(password: str = PASSWORD, *, device: str = "", address: str = ANNA) -> control.LogIn:
    return control.LogIn(id=1, email=address, password=password, device=device)


@pytest.mark.asyncio
async def test_an_owner_gets_in_at_a_known_device_whatever_others_try_and_wherever_it_is(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, log_in_limit="- 2/3600 -") as accounts:
        await an_account(accounts, Mailbox(tmp_path))
        session, answer = await accounts.log_in(log_in(), HOME)
        await accounts.log_out(session)
        assert answer.device
    # It is good after a restart, which forgets the networks that were known.
    async with opened(tmp_path, log_in_limit="- 2/3600 -") as accounts:
        for source in (AWAY, HOME, FAR):
            for _ in range(2):
                await refused(accounts.log_in(log_in("a wrong password"), source))
        assert await refused(accounts.log_in(log_in(), FAR)) is Code.TOO_MANY_TRIES
        _, again = await accounts.log_in(log_in(device=answer.device), FAR)
        assert again.device == answer.device


@pytest.mark.asyncio
async def test_a_device_has_no_more_tries_than_others_and_a_made_up_one_none_of_its_own(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, log_in_limit="- 3/3600 -") as accounts:
        await an_account(accounts, Mailbox(tmp_path))  # one try of an unknown device
        _, answer = await accounts.log_in(log_in(), HOME)

        async def wrong(device: str, source: Source, address: str = ANNA) -> list[Code]:
            asked = log_in("a wrong password", device=device, address=address)
            return [await refused(accounts.log_in(asked, source)) for _ in range(4)]

        few = [Code.WRONG_LOG_IN] * 3 + [Code.TOO_MANY_TRIES]
        assert await wrong(answer.device, FAR) == few
        made_up = Devices(Secret(bytes(32))).token(b"anna")
        assert await wrong(made_up, AWAY) == few[1:] + few[3:]
        # The token of one account says nothing of another, whether that has an account or not.
        assert await wrong(answer.device, AWAY, "bert@example.org") == few


@pytest.mark.asyncio
async def test_a_known_device_asks_for_a_new_password_and_enters_its_code_whatever_others_try(
    tmp_path: Path,
) -> None:
    knobs: dict[str, Any] = {"forgot_limit": "- 2/3600 -", "code_limit": "- 3/3600 -", "code_tries": 100}
    async with opened(tmp_path, **knobs) as accounts:
        mailbox = Mailbox(tmp_path)
        await an_account(accounts, mailbox)
        _, answer = await accounts.log_in(log_in(), HOME)
        for _ in range(2):
            await accounts.passwords.forgot(control.ForgotPassword(id=1, email=ANNA), FAR)
            await mailbox.next()

        def forgot(device: str) -> control.ForgotPassword:
            return control.ForgotPassword(id=1, email=ANNA, device=device)

        def reset(code: str, device: str = "") -> control.ResetPassword:
            return control.ResetPassword(1, ANNA, code, "another long password", device)

        assert await refused(accounts.passwords.forgot(forgot(""), FAR)) is Code.TOO_MANY_TRIES
        await accounts.passwords.forgot(forgot(answer.device), FAR)
        code = code_of(await mailbox.next())
        for _ in range(2):
            assert await refused(accounts.passwords.reset(reset("00000000"), FAR)) is Code.WRONG_CODE
        assert await refused(accounts.passwords.reset(reset(code), FAR)) is Code.TOO_MANY_TRIES
        assert await accounts.passwords.reset(reset(code, answer.device), FAR) == control.Done(id=1)


@pytest.mark.asyncio
async def test_a_known_device_at_a_new_place_is_no_news_and_an_unknown_one_is(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock=clock) as accounts:
        mailbox = Mailbox(tmp_path)
        await an_account(accounts, mailbox)
        _, answer = await accounts.log_in(log_in(), HOME)
        clock.now += 3_600.0
        await accounts.log_in(log_in(device=answer.device), AWAY)
        await accounts.log_in(log_in(), FAR)
        await mailbox.next()
    assert len(mailbox.mails()) == 2  # of the sign-up, and of the log-in from far away
