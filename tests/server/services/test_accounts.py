import logging
import sqlite3
from collections.abc import Awaitable
from contextlib import closing
from pathlib import Path

import pytest

from floater.codes import Code
from floater.errors import FloaterError, ServerRefused
from floater.wire import control
from server.bus.local import LocalBus
from server.services.accounts import open_accounts
from tests.helpers.accounts import (
    ANNA,
    AWAY,
    HOME,
    NO_LIMITS,
    PASSWORD,
    Clock,
    Mailbox,
    a_log_in,
    a_sign_up,
    an_account,
    cheap,
    code_of,
    forgot,
    link_of,
    log_in,
    opened,
    refused,
    reset,
    text_of,
    wrong,
)


async def said(work: Awaitable[object]) -> object:
    """The answer, or the code of the refusal."""
    try:
        return await work
    except ServerRefused as error:
        return error.code


def activate(code: str, address: str = ANNA) -> control.Activate:
    return control.Activate(id=1, email=address, code=code)


# -- signing up ---------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_person_signs_up_activates_by_code_and_logs_in(tmp_path: Path) -> None:
    async with opened(tmp_path) as accounts:
        mailbox = Mailbox(tmp_path)
        assert await accounts.sign_up(a_sign_up(" Anna@Example.org "), HOME) == control.Done(id=1)
        mail = await mailbox.next()
        assert await accounts.activate(activate(code_of(mail)), AWAY) == control.Done(id=1)
        session, answer = await accounts.log_in(log_in(), AWAY)
        assert (session.username, answer.username) == ("Anna", "Anna")
        assert len(answer.token) == 43
        assert await accounts.restore(control.Restore(id=4, token=answer.token), AWAY) == (
            session,
            control.LoggedIn(id=4, username="Anna"),
        )


@pytest.mark.asyncio
async def test_a_person_activates_by_link_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as accounts:
        await accounts.sign_up(a_sign_up(), HOME)
        link = link_of(await Mailbox(tmp_path).next())
        assert await refused(accounts.activate_by_link(link[:-1] + "!", AWAY)) is Code.WRONG_CODE
        await accounts.activate_by_link(link, AWAY)
        await a_log_in(accounts)
        assert await refused(accounts.activate_by_link(link, AWAY)) is Code.WRONG_CODE


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"adult": False}, Code.NOT_ADULT),
        ({"email": "anna"}, Code.BAD_EMAIL),
        ({"email": "anna@example.org\r\nBcc: b@example.org"}, Code.BAD_EMAIL),
        ({"username": "\u202e\u200b"}, Code.BAD_USERNAME),
        ({"username": "x" * 25}, Code.BAD_USERNAME),
        ({"password": "short"}, Code.BAD_PASSWORD),
        ({"password": "x" * 129}, Code.BAD_PASSWORD),
        ({"password": "Password123!"}, Code.BAD_PASSWORD),
        ({"password": "anna@example.org"}, Code.BAD_PASSWORD),
    ],
)
async def test_a_sign_up_that_will_not_do_is_refused_by_name(
    tmp_path: Path, change: dict[str, object], code: Code
) -> None:
    fields: dict[str, object] = {"email": ANNA, "username": "Anna", "password": PASSWORD, "adult": True}
    async with opened(tmp_path) as accounts:
        m = control.SignUp(id=1, **(fields | change))  # type: ignore[arg-type]  # the cases say what is wrong
        assert await refused(accounts.sign_up(m, HOME)) is code
    assert Mailbox(tmp_path).mails() == []


@pytest.mark.asyncio
async def test_usernames_are_cleaned_and_need_not_be_unique(tmp_path: Path) -> None:
    async with opened(tmp_path) as accounts:
        mailbox = Mailbox(tmp_path)
        for address in (ANNA, "bert@example.org"):
            await accounts.sign_up(a_sign_up(address, username=" A\u202en\tna "), HOME)
            await accounts.activate(activate(code_of(await mailbox.next()), address), HOME)
            assert (await a_log_in(accounts, address))[0].username == "An na"


@pytest.mark.asyncio
async def test_a_code_expires_and_is_sent_again(tmp_path: Path) -> None:
    clock, mailbox = Clock(), Mailbox(tmp_path)
    async with opened(tmp_path, clock) as accounts:
        await accounts.sign_up(a_sign_up(), HOME)
        first = await mailbox.next()
        clock.now += 600.0
        assert await refused(accounts.activate(activate(code_of(first)), HOME)) is Code.WRONG_CODE
        await accounts.resend_code(control.ResendCode(id=1, email=ANNA), HOME)
        second = await mailbox.next()
        assert await refused(accounts.activate_by_link(link_of(first), HOME)) is Code.WRONG_CODE
        await accounts.activate(activate(code_of(second)), HOME)


@pytest.mark.asyncio
async def test_a_link_expires(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as accounts:
        await accounts.sign_up(a_sign_up(), HOME)
        link = link_of(await Mailbox(tmp_path).next())
        clock.now += 3_600.0
        assert await refused(accounts.activate_by_link(link, HOME)) is Code.WRONG_CODE


@pytest.mark.asyncio
async def test_a_sign_up_is_forgotten_after_a_day(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as accounts:
        await accounts.sign_up(a_sign_up(), HOME)
        assert await refused(accounts.log_in(log_in(), HOME)) is Code.NOT_ACTIVATED
        clock.now += 86_400.0
        assert await refused(accounts.log_in(log_in(), HOME)) is Code.WRONG_LOG_IN


@pytest.mark.asyncio
async def test_a_code_is_worthless_after_five_wrong_ones_and_its_link_is_not(tmp_path: Path) -> None:
    async with opened(tmp_path) as accounts:
        await accounts.sign_up(a_sign_up(), HOME)
        mail = await Mailbox(tmp_path).next()
        for _ in range(5):
            assert await refused(accounts.activate(activate(wrong(code_of(mail))), HOME)) is Code.WRONG_CODE
        assert await refused(accounts.activate(activate(code_of(mail)), HOME)) is Code.WRONG_CODE
        await accounts.activate_by_link(link_of(mail), HOME)


@pytest.mark.asyncio
async def test_a_code_is_good_for_its_own_address_alone(tmp_path: Path) -> None:
    async with opened(tmp_path) as accounts:
        await accounts.sign_up(a_sign_up(), HOME)
        code = code_of(await Mailbox(tmp_path).next())
        assert await refused(accounts.activate(activate(code, "bert@example.org"), HOME)) is Code.WRONG_CODE


@pytest.mark.asyncio
async def test_nobody_takes_an_address_over_by_signing_up_first_or_last(tmp_path: Path) -> None:
    async with opened(tmp_path) as accounts:
        mailbox = Mailbox(tmp_path)
        await accounts.sign_up(a_sign_up(password="the thief's password"), AWAY)
        await accounts.sign_up(a_sign_up(), HOME)
        await accounts.sign_up(a_sign_up(password="the thief's password"), AWAY)
        first, own, last = [await mailbox.next() for _ in range(3)]
        await accounts.activate(activate(code_of(own)), HOME)
        await a_log_in(accounts)
        for mail in (first, last):
            assert await refused(accounts.activate(activate(code_of(mail)), AWAY)) is Code.WRONG_CODE
            assert await refused(accounts.activate_by_link(link_of(mail), AWAY)) is Code.WRONG_CODE
        await a_log_in(accounts)


@pytest.mark.asyncio
async def test_the_mail_names_who_signed_up_in_harmless_characters(tmp_path: Path) -> None:
    async with opened(tmp_path) as accounts:
        await accounts.sign_up(a_sign_up(username="http://evil.com"), HOME)
        text = text_of(await Mailbox(tmp_path).next())
        assert "Hello http   evil com," in text
        assert "evil.com" not in text


@pytest.mark.asyncio
async def test_wrong_codes_and_wrong_links_of_strangers_block_no_owner_s_link(tmp_path: Path) -> None:
    limits = NO_LIMITS | {"code_limit": "3/600 3/600 3/600", "link_limit": "3/600 - -"}
    async with opened(tmp_path, **limits) as accounts:
        await accounts.sign_up(a_sign_up(), HOME)
        mail = await Mailbox(tmp_path).next()
        for source in (AWAY, HOME):  # one of them behind the owner's own router
            for _ in range(4):
                await said(accounts.activate(activate(wrong(code_of(mail))), source))
        assert await refused(accounts.activate(activate(code_of(mail)), HOME)) is Code.TOO_MANY_TRIES
        for _ in range(4):
            await said(accounts.activate_by_link("a link that was made up", AWAY))
        await accounts.activate_by_link(link_of(mail), HOME)
        await a_log_in(accounts)


# -- who knows whom -----------------------------------------------------------------------


@pytest.mark.asyncio
async def test_no_answer_tells_whether_an_address_has_an_account(tmp_path: Path) -> None:
    """Two addresses, one with an account: a stranger asks both everything, in the same order."""

    async def ask(work: Awaitable[object]) -> object:
        try:
            return await work
        except ServerRefused as error:
            return error.code, error.retry_after

    async with opened(tmp_path, **NO_LIMITS) as accounts:
        await an_account(accounts, Mailbox(tmp_path))
        answers: dict[str, list[object]] = {}
        for address in (ANNA, "nobody@example.org"):
            answers[address] = [
                await ask(work)
                for work in (
                    accounts.log_in(log_in("the thief's password", address), AWAY),
                    accounts.resend_code(control.ResendCode(id=1, email=address), AWAY),
                    accounts.passwords.forgot(forgot(address), AWAY),
                    accounts.passwords.reset(reset("123456", address=address), AWAY),
                    accounts.activate(activate("123456", address), AWAY),
                    accounts.sign_up(a_sign_up(address, "the thief's password"), AWAY),
                    accounts.log_in(log_in("the thief's password", address), AWAY),
                    accounts.log_in(log_in("something quite else", address), AWAY),
                    accounts.resend_code(control.ResendCode(id=1, email=address), AWAY),
                    accounts.activate(activate("123456", address), AWAY),
                )
            ]
        assert answers[ANNA] == answers["nobody@example.org"]
        assert (Code.NOT_ACTIVATED, 0.0) in answers[ANNA]
        await a_log_in(accounts)


@pytest.mark.asyncio
async def test_a_sign_up_of_a_stranger_looks_the_same_after_the_owner_has_activated(tmp_path: Path) -> None:
    async with opened(tmp_path) as accounts:
        mailbox = Mailbox(tmp_path)
        await accounts.sign_up(a_sign_up(password="the thief's password"), AWAY)
        await mailbox.next()
        before = await refused(accounts.log_in(log_in("the thief's password"), AWAY))
        await an_account(accounts, mailbox)
        assert await refused(accounts.log_in(log_in("the thief's password"), AWAY)) is before


@pytest.mark.asyncio
async def test_whoever_has_an_account_is_told_so_by_mail_and_nothing_can_be_done_with_it(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as accounts:
        mailbox = Mailbox(tmp_path)
        await an_account(accounts, mailbox)
        await accounts.sign_up(a_sign_up(password="the thief's password"), AWAY)
        mail = await mailbox.next()
        assert "has an account already" in text_of(mail)
        assert "token=" not in text_of(mail)
        assert not any(line.strip().isdigit() for line in text_of(mail).splitlines())
        await accounts.resend_code(control.ResendCode(id=1, email=ANNA), AWAY)
        assert text_of(await mailbox.next()) == text_of(mail)
        await a_log_in(accounts)


@pytest.mark.asyncio
async def test_who_has_no_account_gets_no_mail_about_a_password(tmp_path: Path) -> None:
    async with opened(tmp_path) as accounts:
        mailbox = Mailbox(tmp_path)
        await accounts.passwords.forgot(forgot("nobody@example.org"), HOME)
        await accounts.resend_code(control.ResendCode(id=1, email="nobody@example.org"), HOME)
        await accounts.sign_up(a_sign_up(), HOME)
        assert (await mailbox.next())["To"] == ANNA  # mails go out in order: the two before it are none
        assert len(mailbox.mails()) == 1


# -- logging in ---------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_wrong_password_and_an_impossible_address_are_the_same(tmp_path: Path) -> None:
    async with opened(tmp_path) as accounts:
        await an_account(accounts, Mailbox(tmp_path))
        for password, address in ((PASSWORD + " ", ANNA), (PASSWORD, "no address"), ("", ANNA)):
            assert await refused(accounts.log_in(log_in(password, address), HOME)) is Code.WRONG_LOG_IN


@pytest.mark.asyncio
async def test_a_hash_of_other_parameters_is_made_anew_at_the_next_log_in(tmp_path: Path) -> None:
    def stored() -> str:
        with closing(sqlite3.connect(tmp_path / "floater.db")) as plain:
            return str(plain.execute("SELECT password_hash FROM accounts").fetchone()[0])

    async with opened(tmp_path) as accounts:
        await an_account(accounts, Mailbox(tmp_path))
    assert "m=8,t=1,p=1" in stored()
    async with opened(tmp_path, hash_memory=16, hash_passes=2) as accounts:
        assert await refused(accounts.log_in(log_in("something quite else"), HOME)) is Code.WRONG_LOG_IN
        assert "m=8,t=1,p=1" in stored()
        await a_log_in(accounts)
        assert "m=16,t=2,p=1" in stored()
        await a_log_in(accounts)


@pytest.mark.asyncio
async def test_a_token_ends_by_log_out_by_idling_and_by_age(tmp_path: Path) -> None:
    clock = Clock()
    day = 86_400.0
    async with opened(tmp_path, clock) as accounts:
        session, token = await an_account(accounts, Mailbox(tmp_path))
        restore = control.Restore(id=1, token=token)
        begin = clock.now
        while clock.now < begin + 300 * day:  # in use, it outlives the idle limit
            clock.now += 60 * day
            await accounts.restore(restore, HOME)
        clock.now = begin + 365 * day
        assert await refused(accounts.restore(restore, HOME)) is Code.SESSION_ENDED
        session, token = await a_log_in(accounts)
        clock.now += 90 * day
        idle = control.Restore(id=1, token=token)
        assert await refused(accounts.restore(idle, HOME)) is Code.SESSION_ENDED
        session, token = await a_log_in(accounts)
        await accounts.log_out(session)
        ended = control.Restore(id=1, token=token)
        assert await refused(accounts.restore(ended, HOME)) is Code.SESSION_ENDED
        assert await refused(accounts.restore(control.Restore(id=1, token=""), HOME)) is Code.SESSION_ENDED


@pytest.mark.asyncio
async def test_only_so_many_log_ins_of_one_account_are_remembered(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock, tokens_per_account=2) as accounts:
        _, oldest = await an_account(accounts, Mailbox(tmp_path))
        others = []
        for _ in range(2):
            clock.now += 1.0
            others.append((await a_log_in(accounts))[1])
        assert (
            await refused(accounts.restore(control.Restore(id=1, token=oldest), HOME)) is Code.SESSION_ENDED
        )
        for token in others:
            await accounts.restore(control.Restore(id=1, token=token), HOME)


# -- names ------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_username_is_changed_and_a_log_in_that_ended_changes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as accounts:
        session, token = await an_account(accounts, Mailbox(tmp_path))
        answer = await accounts.set_username(session, control.SetUsername(id=5, username="  Bär  "))
        assert answer == control.LoggedIn(id=5, username="Bär")
        bad = control.SetUsername(id=5, username="\n")
        assert await refused(accounts.set_username(session, bad)) is Code.BAD_USERNAME
        assert (await accounts.restore(control.Restore(id=1, token=token), HOME))[0].username == "Bär"
        await accounts.log_out(session)
        late = control.SetUsername(id=6, username="Late")
        assert await refused(accounts.set_username(session, late)) is Code.SESSION_ENDED


# -- limits -------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_one_address_gets_no_more_than_its_mails_from_wherever_they_are_asked_for(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, sign_up_limit="- 2/100 -") as accounts:
        for source in (HOME, AWAY):
            await accounts.sign_up(a_sign_up(), source)
        with pytest.raises(ServerRefused) as caught:
            await accounts.sign_up(a_sign_up(), HOME)
        assert caught.value.code is Code.TOO_MANY_TRIES
        assert 0 < caught.value.retry_after <= 50
        await accounts.sign_up(a_sign_up("bert@example.org"), HOME)


@pytest.mark.asyncio
@pytest.mark.parametrize("step", ["sign_up", "resend", "forgot", "code", "link", "log_in", "restore"])
async def test_every_step_has_a_limit_for_one_source(tmp_path: Path, step: str) -> None:
    async with opened(tmp_path, **(NO_LIMITS | {f"{step}_limit": "1/100 - -"})) as accounts:

        def take(number: int) -> Awaitable[object]:
            address = f"person{number}@example.org"
            works: dict[str, Awaitable[object]] = {}
            match step:
                case "sign_up":
                    works[step] = accounts.sign_up(a_sign_up(address), HOME)
                case "resend":
                    works[step] = accounts.resend_code(control.ResendCode(id=1, email=address), HOME)
                case "forgot":
                    works[step] = accounts.passwords.forgot(forgot(address), HOME)
                case "code":
                    works[step] = accounts.activate(activate("123456", address), HOME)
                case "link":
                    works[step] = accounts.activate_by_link(address, HOME)
                case "log_in":
                    works[step] = accounts.log_in(log_in(address=address), HOME)
                case "restore":
                    works[step] = accounts.restore(control.Restore(id=1, token=address), HOME)
            return works[step]

        assert await said(take(1)) != Code.TOO_MANY_TRIES
        assert await refused(take(2)) is Code.TOO_MANY_TRIES


# -- opening ------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_accounts_outlive_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as accounts:
        _, token = await an_account(accounts, Mailbox(tmp_path))
    async with opened(tmp_path) as accounts:
        await accounts.restore(control.Restore(id=1, token=token), HOME)
        await a_log_in(accounts)


@pytest.mark.asyncio
async def test_a_secret_that_is_not_the_database_s_own_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path):
        pass
    (tmp_path / "secret").unlink()
    with pytest.raises(FloaterError, match="secret file") as caught:
        async with opened(tmp_path):
            pass
    assert caught.value.code is Code.STORAGE_FAILED


@pytest.mark.asyncio
async def test_a_limit_that_makes_no_sense_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="log_in_limit"):
        async with open_accounts(cheap(tmp_path, log_in_limit="1/2"), LocalBus()):
            pass


@pytest.mark.asyncio
async def test_the_log_and_the_database_file_give_nobody_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="server")
    async with opened(tmp_path) as accounts:
        mailbox = Mailbox(tmp_path)
        _, token = await an_account(accounts, mailbox)
        await accounts.passwords.forgot(forgot(), HOME)
        mail = await mailbox.next()
        await refused(accounts.log_in(log_in("wrong"), HOME))
    for secret in (ANNA, "Anna", PASSWORD, HOME.address, token, code_of(mail), link_of(mail)):
        assert secret not in caplog.text
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("floater.db*"))
    for secret in (PASSWORD, token, code_of(mail), link_of(mail), HOME.address):
        assert secret.encode() not in stored


@pytest.mark.asyncio
async def test_a_log_in_that_was_logged_out_meanwhile_is_not_let_in(tmp_path: Path) -> None:
    async with opened(tmp_path) as accounts:
        session, token = await an_account(accounts, Mailbox(tmp_path))
        again, _ = await accounts.restore(control.Restore(id=1, token=token), AWAY)
        assert accounts.is_current(again)
        await accounts.log_out(session)
        assert not accounts.is_current(again)
