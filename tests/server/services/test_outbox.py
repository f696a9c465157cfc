"""Mails that wait, against a real mail server that is up, down, and up again."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from floater.errors import ServerRefused
from floater.wire import control
from server.services import mail
from server.services.accounts import Accounts
from server.services.mail import MailContent
from server.services.outbox import Outbox
from tests.helpers.accounts import (
    ANNA,
    HOME,
    NO_LIMITS,
    Clock,
    a_log_in,
    a_sign_up,
    code_of,
    link_of,
    opened,
    read_mail,
)
from tests.helpers.mail_server import MailServer, mail_server

pytestmark = pytest.mark.logs("given up after", "the mail server is down", "the outbox stumbled")


@pytest_asyncio.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server() as running:
        yield running


def url(server: MailServer) -> str:
    return f"smtp://127.0.0.1:{server.port}?from=chat@example.org"


def waiting(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "floater.db")) as plain:
        return int(plain.execute("SELECT count(*) FROM outbox").fetchone()[0])


async def until_waiting(folder: Path, count: int) -> None:
    async with asyncio.timeout(30):
        while waiting(folder) != count:
            await asyncio.sleep(0.01)


async def until_empty(folder: Path) -> None:
    await until_waiting(folder, 0)


async def activate(accounts: Accounts, server: MailServer, number: int = 0) -> None:
    content = (await server.mail(number)).content
    assert isinstance(content, bytes)
    code = code_of(read_mail(content))
    await accounts.activate(control.Activate(id=1, email=ANNA, code=code), HOME)


@pytest.mark.asyncio
async def test_a_sign_up_goes_through_a_real_mail_server(tmp_path: Path, server: MailServer) -> None:
    async with opened(tmp_path, smtp_url=url(server)) as accounts:
        assert await accounts.sign_up(a_sign_up(), HOME) == control.Done(id=1)
        await activate(accounts, server)
        await a_log_in(accounts)
        await until_empty(tmp_path)


@pytest.mark.asyncio
async def test_while_the_mail_server_is_down_everybody_is_told_and_no_mail_is_lost(
    tmp_path: Path, server: MailServer
) -> None:
    await server.stop()
    async with opened(tmp_path, smtp_url=url(server), **NO_LIMITS) as accounts:
        delayed = control.Done(id=1, notice="mail_delayed")
        assert await accounts.sign_up(a_sign_up(), HOME) == delayed
        nobody = control.ResendCode(id=1, email="nobody@example.org")
        assert await accounts.resend_code(nobody, HOME) == delayed
        assert await accounts.passwords.forgot(control.ForgotPassword(id=1, email=ANNA), HOME) == delayed
        assert waiting(tmp_path) == 3
        await server.start()
        await activate(accounts, server)
        await until_empty(tmp_path)
        assert len(server.envelopes) == 1
        assert await accounts.resend_code(nobody, HOME) == control.Done(id=1)
        await server.stop()


@pytest.mark.asyncio
async def test_mails_that_wait_survive_a_restart(tmp_path: Path, server: MailServer) -> None:
    await server.stop()
    async with opened(tmp_path, smtp_url=url(server)) as accounts:
        await accounts.sign_up(a_sign_up(), HOME)
    assert waiting(tmp_path) == 1
    await server.start()
    async with opened(tmp_path, smtp_url=url(server)) as accounts:
        await activate(accounts, server)


@pytest.mark.asyncio
async def test_the_code_of_a_late_mail_is_good_from_when_it_left(tmp_path: Path, server: MailServer) -> None:
    clock = Clock()
    await server.stop()
    async with opened(tmp_path, clock, smtp_url=url(server)) as accounts:
        await accounts.sign_up(a_sign_up(), HOME)
        clock.now += 3_000.0
        await server.start()
        await server.mail(0)
        clock.now += 599.0
        await activate(accounts, server)


@pytest.mark.asyncio
async def test_a_mail_that_is_put_off_is_tried_again_later_and_holds_up_no_other(
    tmp_path: Path, server: MailServer
) -> None:
    clock = Clock()
    server.verdict = lambda address: "450 greylisted" if address == ANNA else ""
    async with opened(tmp_path, clock, smtp_url=url(server)) as accounts:
        await accounts.sign_up(a_sign_up(), HOME)
        await accounts.sign_up(a_sign_up("bert@example.org"), HOME)
        assert (await server.mail(0)).rcpt_tos == ["bert@example.org"]
        assert waiting(tmp_path) >= 1
        server.verdict = lambda address: ""
        clock.now += 100.0
        await accounts.sign_up(a_sign_up("carl@example.org"), HOME)
        await server.mail(2)
        assert ANNA in [to for envelope in server.envelopes for to in envelope.rcpt_tos]
        await until_empty(tmp_path)


@pytest.mark.asyncio
async def test_a_mail_that_is_refused_for_good_is_given_up_and_the_answer_is_no_other(
    tmp_path: Path, server: MailServer
) -> None:
    server.verdict = lambda address: "550 nobody here"
    async with opened(tmp_path, smtp_url=url(server)) as accounts:
        assert await accounts.sign_up(a_sign_up(), HOME) == control.Done(id=1)
        await until_empty(tmp_path)
        assert await accounts.sign_up(a_sign_up(), HOME) == control.Done(id=1)
        await until_empty(tmp_path)
    assert server.envelopes == []


@pytest.mark.asyncio
async def test_a_mail_is_given_up_after_its_lifetime(tmp_path: Path, server: MailServer) -> None:
    clock = Clock()
    server.verdict = lambda address: "450 for ever"
    async with opened(tmp_path, clock, smtp_url=url(server), mail_lifetime=1_000.0) as accounts:
        await accounts.sign_up(a_sign_up(), HOME)
        clock.now += 1_001.0
        await accounts.resend_code(control.ResendCode(id=1, email="nobody@example.org"), HOME)
        await until_empty(tmp_path)
    assert server.envelopes == []


@pytest.mark.asyncio
async def test_a_mail_server_that_says_nothing_delays_the_mail_and_not_the_answer(tmp_path: Path) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        async with opened(tmp_path, smtp_url=f"smtp://127.0.0.1:{port}?from=a@example.org") as accounts:
            began = time.monotonic()
            answer = await accounts.sign_up(a_sign_up(), HOME)
            assert answer == control.Done(id=1, notice="mail_delayed")
            assert time.monotonic() - began < 10.0


@pytest.mark.asyncio
async def test_a_mail_that_waits_is_sealed(tmp_path: Path, server: MailServer) -> None:
    await server.stop()
    async with opened(tmp_path, smtp_url=url(server)) as accounts:
        await accounts.sign_up(a_sign_up(), HOME)
        stored = b"".join(path.read_bytes() for path in tmp_path.glob("floater.db*"))
        await server.start()
        content = (await server.mail(0)).content
        assert isinstance(content, bytes)
        mail = read_mail(content)
        assert link_of(mail).encode() not in stored
        assert b"activate?" not in stored


@pytest.mark.asyncio
async def test_an_outbox_folder_that_cannot_be_written_to_delays_the_mail(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("in the way")
    async with opened(tmp_path) as accounts:
        assert await accounts.sign_up(a_sign_up(), HOME) == control.Done(id=1, notice="mail_delayed")
        (tmp_path / "outbox").unlink()
        await until_empty(tmp_path)
    assert len(list((tmp_path / "outbox").glob("*.eml"))) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("trouble", ["421 too much", "hang up", "silence"])
async def test_a_mail_over_which_the_connection_breaks_holds_up_no_other(
    tmp_path: Path, server: MailServer, trouble: str
) -> None:
    clock = Clock()
    server.trouble = lambda address: trouble if address == ANNA else ""
    # By a clock that stands still, who was put off for nothing is never tried again.
    patience = 2.0 if trouble == "silence" else 30.0
    async with opened(tmp_path, clock, smtp_url=url(server), mail_timeout=patience, **NO_LIMITS) as accounts:
        await accounts.sign_up(a_sign_up(), HOME)
        for name in ("bert", "carl"):
            await accounts.sign_up(a_sign_up(f"{name}@example.org"), HOME)
        for number, name in enumerate(("bert", "carl")):
            assert (await server.mail(number)).rcpt_tos == [f"{name}@example.org"]
        await until_waiting(tmp_path, 1)
        server.trouble = lambda address: ""
        clock.now += 10.0
        assert await accounts.sign_up(a_sign_up("dora@example.org"), HOME) == control.Done(id=1)
        await server.mail(3)
        assert [ANNA] in [envelope.rcpt_tos for envelope in server.envelopes]
        await until_empty(tmp_path)


@pytest.mark.asyncio
async def test_a_mail_that_nobody_foresaw_is_put_off_and_the_others_go(
    tmp_path: Path, server: MailServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def compose(content: MailContent, **how: Any) -> EmailMessage:
        if content.to == ANNA:
            raise LookupError(content.to)
        return mail.compose(content, **how)

    monkeypatch.setattr("server.services.outbox.compose", compose)
    with caplog.at_level("INFO", "server.outbox"):
        async with opened(tmp_path, smtp_url=url(server), **NO_LIMITS) as accounts:
            await accounts.sign_up(a_sign_up(), HOME)
            await accounts.sign_up(a_sign_up("bert@example.org"), HOME)
            assert (await server.mail(0)).rcpt_tos == ["bert@example.org"]
            await until_waiting(tmp_path, 1)
    assert "LookupError" in caplog.text
    assert ANNA not in caplog.text


@pytest.mark.asyncio
async def test_no_fault_at_all_ends_the_sending_of_mails(
    tmp_path: Path, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, faults = Outbox._hand_over_all, [LookupError("unforeseen"), RuntimeError("unforeseen")]

    async def hand_over_all(self: Outbox) -> float | None:
        if faults:
            raise faults.pop()
        return await real(self)

    monkeypatch.setattr(Outbox, "_hand_over_all", hand_over_all)
    async with opened(tmp_path, smtp_url=url(server)) as accounts:
        await accounts.sign_up(a_sign_up(), HOME)
        await activate(accounts, server)
    assert faults == []


@pytest.mark.asyncio
async def test_mails_that_cannot_be_written_are_dropped_and_hold_up_no_other(
    tmp_path: Path, server: MailServer
) -> None:
    async with opened(tmp_path, smtp_url=url(server), mail_retry=600.0, **NO_LIMITS) as accounts:
        outbox = accounts._parts.outbox
        async with accounts._parts.database.write() as connection:
            for number in range(10):
                to = f"=?utf-8?q?x=0D=0A{number}?=@evil.example"
                content = MailContent(mail.Kind.ACTIVATE, to, "en", f"m{number}", "x", "123456", "https://a")
                await outbox.put(connection, content, 0)
        await accounts.sign_up(a_sign_up(), HOME)
        assert (await server.mail(0)).rcpt_tos == [ANNA]
        await until_empty(tmp_path)
    assert len(server.envelopes) == 1


@pytest.mark.asyncio
async def test_a_mailbox_that_the_mail_server_cannot_write_to_is_refused_at_once(tmp_path: Path) -> None:
    async with (
        mail_server(enable_SMTPUTF8=False) as plain,
        opened(tmp_path, smtp_url=url(plain), **NO_LIMITS) as accounts,
    ):
        await accounts.sign_up(a_sign_up(), HOME)
        await plain.mail(0)
        with pytest.raises(ServerRefused, match="bad_email"):
            await accounts.sign_up(a_sign_up("李@example.org"), HOME)
        with pytest.raises(ServerRefused, match="bad_email"):
            await accounts.passwords.forgot(control.ForgotPassword(1, "李@example.org"), HOME)
        await accounts.sign_up(a_sign_up("li@例え.example"), HOME)
        assert (await plain.mail(1)).rcpt_tos == ["li@xn--r8jz45g.example"]


@pytest.mark.asyncio
async def test_mail_goes_where_the_person_said_and_all_spellings_count_as_one(
    tmp_path: Path, server: MailServer
) -> None:
    async with opened(tmp_path, smtp_url=url(server), sign_up_limit="- 5/7200 -") as accounts:
        for local in ("Mei", "mei+a", "mei+b", "MEI"):
            await accounts.sign_up(a_sign_up(f"{local}@\uff51\uff51.example"), HOME)
        await accounts.sign_up(a_sign_up("mei@qq\u3002example"), HOME)
        with pytest.raises(ServerRefused, match="too_many_tries"):
            await accounts.sign_up(a_sign_up("mei@qq.example"), HOME)
        sent = [(await server.mail(number)).rcpt_tos[0] for number in range(5)]
    wanted = ["Mei@qq.example", "mei+a@qq.example", "mei+b@qq.example", "MEI@qq.example", "mei@qq.example"]
    assert sorted(sent) == sorted(wanted)


@pytest.mark.asyncio
async def test_no_letter_is_folded_into_the_mailbox_of_another_person(tmp_path: Path) -> None:
    async with (
        mail_server(enable_SMTPUTF8=True) as able,
        opened(tmp_path, smtp_url=url(able), **NO_LIMITS) as accounts,
    ):
        await accounts.sign_up(a_sign_up("weiß@example.org"), HOME)
        assert (await able.mail(0)).rcpt_tos == ["weiß@example.org"]
        await accounts.sign_up(a_sign_up("leser@faß.example"), HOME)
        assert (await able.mail(1)).rcpt_tos == ["leser@xn--fa-hia.example"]
