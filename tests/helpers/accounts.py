"""Real accounts on a real database, with cheap hashes and a clock that stands; and their mails, read."""

import asyncio
import email
import email.policy
import re
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final

from floater.codes import Code
from floater.errors import ServerRefused
from floater.wire import control
from server.bus.base import Bus
from server.bus.local import LocalBus
from server.config import ServerConfig
from server.services.account_parts import Session, Source
from server.services.accounts import Accounts, open_accounts

PASSWORD: Final = "correct horse battery staple"
ANNA: Final = "anna@example.org"
OTHER: Final = "another long password"
HOME: Final = Source("203.0.113.5")
AWAY: Final = Source("198.51.100.7")
NO_LIMITS: Final[dict[str, Any]] = {
    f"{step}_limit": "- - -"
    for step in ("sign_up", "resend", "forgot", "code", "link", "log_in", "restore", "change")
}


class Clock:
    """UTC seconds as a test wants them."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def cheap(data_dir: Path, **knobs: Any) -> ServerConfig:
    """A configuration whose hashes take a tenth of a millisecond."""
    settled: dict[str, Any] = {
        "hash_memory": 8,
        "hash_passes": 1,
        "public_url": "https://chat.example.org",
        "mail_retry": 0.02,
        "mail_retry_longest": 0.1,
    }
    return ServerConfig(data_dir=data_dir, **(settled | knobs))


@asynccontextmanager
async def opened(
    data_dir: Path, clock: Clock | None = None, bus: Bus | None = None, **knobs: Any
) -> AsyncIterator[Accounts]:
    """Accounts in a folder of their own."""
    config = cheap(data_dir, **knobs)
    async with open_accounts(config, bus or LocalBus(), clock=clock or Clock()) as accounts:
        yield accounts


def read_mail(content: bytes) -> EmailMessage:
    mail = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def code_of(mail: EmailMessage) -> str:
    """The code that stands alone on a line."""
    found = re.findall(r"^(\d{6}|[0-9A-HJKMNP-TV-Z]{8})$", text_of(mail), re.MULTILINE)
    assert found
    assert len(set(found)) == 1
    return str(found[0])


def wrong(code: str) -> str:
    """Another code of the same kind."""
    return ("1" if code[0] != "1" else "2") + code[1:]


def link_of(mail: EmailMessage) -> str:
    """The token of the link."""
    found = re.search(r"[?&]token=([\w-]+)", text_of(mail))
    assert found
    return found[1]


class Mailbox:
    """The outbox folder, read in the order in which it was filled."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "outbox"
        self._read = 0

    def mails(self) -> list[EmailMessage]:
        return [read_mail(path.read_bytes()) for path in sorted(self._folder.glob("*.eml"))]

    async def next(self, within: float = 10.0) -> EmailMessage:
        """The mail after the last one that was asked for."""
        async with asyncio.timeout(within):
            while len(mails := self.mails()) <= self._read:
                await asyncio.sleep(0.005)
        self._read += 1
        return mails[self._read - 1]


def a_sign_up(address: str = ANNA, password: str = PASSWORD, username: str = "Anna") -> control.SignUp:
    return control.SignUp(id=1, email=address, username=username, password=password, adult=True)


async def an_account(
    accounts: Accounts, mailbox: Mailbox, address: str = ANNA, password: str = PASSWORD
) -> tuple[Session, str]:
    """Sign up, activate, log in; the log-in and its token."""
    await accounts.sign_up(a_sign_up(address, password), HOME)
    code = code_of(await mailbox.next())
    await accounts.activate(control.Activate(id=2, email=address, code=code), HOME)
    return await a_log_in(accounts, address, password)


async def a_log_in(accounts: Accounts, address: str = ANNA, password: str = PASSWORD) -> tuple[Session, str]:
    session, answer = await accounts.log_in(control.LogIn(id=3, email=address, password=password), HOME)
    return session, answer.token


def forgot(address: str = ANNA) -> control.ForgotPassword:
    return control.ForgotPassword(id=1, email=address)


def reset(code: str, password: str = OTHER, address: str = ANNA) -> control.ResetPassword:
    return control.ResetPassword(id=1, email=address, code=code, password=password)


def log_in(password: str = PASSWORD, address: str = ANNA) -> control.LogIn:
    return control.LogIn(id=1, email=address, password=password)


async def refused(work: Awaitable[object]) -> Code:
    """Return the code with which the server refuses; fail if it does not."""
    try:
        await work
    except ServerRefused as error:
        return error.code
    raise AssertionError("it was not refused")
