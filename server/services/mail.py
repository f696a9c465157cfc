"""Compose mails and hand them over: to a mail server, or as files into the outbox folder."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, localtime
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib
import msgspec

from floater.languages import LANGUAGES, choose_language
from floater.whole import write_whole
from server.config import ServerConfig, parse_place
from server.services.words import render, words_of


class Kind(StrEnum):
    """What a mail is about; a key of its sentences."""

    ACTIVATE = "activate"
    ALREADY = "already"  # to the owner of an account for which there was another sign-up
    RESET = "reset"
    CHANGED = "changed"  # to the owner: there is a new password
    LOGGED_IN = "logged_in"  # to the owner: a log-in at a new place
    TRIES = "tries"  # to the owner: many tries to get in
    NOTHING = "nothing"  # stands in where no mail is due; rehearsed, never sent


class MailContent(msgspec.Struct, frozen=True):
    """What a mail says, before it is put into words."""

    kind: Kind
    to: str
    language: str
    message_id: str
    "The left half of its Message-ID, so that a mail that was sent twice is shown once."
    username: str = ""
    code: str = ""
    link: str = ""


class PostDown(Exception):
    """The mail server cannot be used at the moment."""


class PutOff(Exception):
    """The mail server does not take this mail now (SMTP 4xx)."""


class Rejected(Exception):
    """The mail server will never take this mail (SMTP 5xx)."""


class SendMail(Protocol):
    """Hand one mail over."""

    async def __call__(self, mail: EmailMessage, *, only_rehearse: bool = False) -> None:
        """Hand it over, or take as many steps without doing so.

        A rehearsal is for mails that are not due: the time of later answers must
        not tell that there was nothing to send.

        Raises:
            PostDown, PutOff, Rejected
        """


class Post(Protocol):
    """A way to hand mails over."""

    sender: str
    takes_utf8: bool
    "False once it is known that no mail can go to a local part beyond ASCII (RFC 6531)."

    def open(self) -> AbstractAsyncContextManager[SendMail]:
        """Connect, and give a function that hands one mail over.

        Raises:
            PostDown
        """


def compose(content: MailContent, *, sender: str, minutes: int) -> EmailMessage:
    """Put a content into words: text and HTML, in the reader's language and below it in the other.

    Args:
        content: of any kind; NOTHING is a reset in all but being sent.
        sender: address for From.
        minutes: how long its code is good.

    Raises:
        Rejected: it cannot be written as a mail, now or later.
    """
    try:
        mail = _compose(content, sender, minutes)
        mail.as_bytes()
    except Exception as error:  # whatever it was, it will be so at each try
        raise Rejected(type(error).__name__) from error
    return mail


def _compose(content: MailContent, sender: str, minutes: int) -> EmailMessage:
    first = choose_language(content.language)
    order = (first, *(language for language in LANGUAGES if language != first))
    values = {"username": _harmless(content.username), "code": content.code, "minutes": minutes}

    kind = Kind.RESET if content.kind is Kind.NOTHING else content.kind

    def say(language: str, what: str) -> str:
        return words_of(language).get(f"{kind}.{what}", "").format(**values)

    languages = [
        {"tag": tag} | {what: say(tag, what) for what in ("hello", "code", "link", "ignore")} for tag in order
    ]
    subject = say(first, "subject")
    filled = {"languages": languages, "subject": subject, "code": content.code, "link": content.link}
    mail = EmailMessage(policy=policy.SMTP.clone(utf8=not content.to.isascii()))
    mail["From"] = Address(words_of(first)["name"], addr_spec=sender)
    mail["To"] = content.to
    mail["Subject"] = subject
    mail["Date"] = format_datetime(localtime())
    mail["Message-ID"] = f"<{content.message_id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies, please
    mail["X-Auto-Response-Suppress"] = "All"
    # Quoted-printable leaves the line with the code as it is, whatever the mail passes through.
    mail.set_content(render("mail.txt", **filled), cte="quoted-printable")
    mail.add_alternative(render("mail.html", **filled), subtype="html", cte="quoted-printable")
    return mail


def post_of(config: ServerConfig) -> Post:
    """Return the way to hand mails over that the operator chose.

    Raises:
        ValueError: an SMTP URL that makes no sense.
    """
    if config.smtp_url:
        return Smtp(parse_smtp_url(config.smtp_url), config.mail_timeout)
    host = config.public_host or parse_place(config.listen)[0]
    domain = host if "." in host and not host.replace(".", "").isdigit() else "localhost"
    return OutboxFolder(outbox_folder(config), f"no-reply@{domain}")


def outbox_folder(config: ServerConfig) -> Path:
    """Return the folder that gets the mails while no mail server is set."""
    return config.mail_outbox or config.data_dir / "outbox"


def _harmless(username: str) -> str:
    """Return a stranger's name without the characters that mail programs make links of."""
    return "".join(c if c.isalnum() or c in "_- '" else " " for c in username).strip()


# -- a folder -----------------------------------------------------------------------------


class OutboxFolder:
    """Writes each mail as one `.eml` file: what a server does until SMTP is set."""

    def __init__(self, folder: Path, sender: str) -> None:
        self.sender = sender
        self.takes_utf8 = True
        self._folder = folder

    @asynccontextmanager
    async def open(self) -> AsyncIterator[SendMail]:
        """Make sure that the folder is there."""
        try:
            await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise PostDown(type(error).__name__) from error
        yield self._send

    async def _send(self, mail: EmailMessage, *, only_rehearse: bool = False) -> None:
        # Plain line ends, so that the code stands alone on its line for simple tools as well.
        content = mail.as_bytes(policy=mail.policy.clone(linesep="\n"))
        try:
            await asyncio.to_thread(self._write, content, only_rehearse)
        except OSError as error:
            raise PostDown(type(error).__name__) from error

    def _write(self, content: bytes, only_rehearse: bool) -> None:
        name = f"{time.time_ns():020}-{secrets.token_hex(4)}.eml"
        write_whole(self._folder / name, content, rehearse=only_rehearse)


# -- a mail server ------------------------------------------------------------------------


class Encryption(StrEnum):
    """How the connection to the mail server is encrypted."""

    TLS = "tls"  # from the first byte (smtps)
    ALWAYS = "always"  # STARTTLS or nothing
    AUTO = "auto"  # STARTTLS where it is offered
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class MailServer:
    """The mail server, and the account to use there."""

    host: str
    port: int
    encryption: Encryption
    user: str | None
    password: str | None
    sender: str
    authorities: str | None
    "PEM file of the authorities to trust instead of the system's."


def parse_smtp_url(text: str) -> MailServer:
    """Read `smtp(s)://user:password@host:port?from=ADDRESS&starttls=auto|always|never&ca=FILE`.

    With a password STARTTLS is required, unless the mail server is this computer.

    Raises:
        ValueError: it is no such URL, or would send the password unencrypted.
    """
    parts = urlsplit(text)
    query = {
        key: values[-1] for key, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()
    }
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or set(query) - {"from", "starttls", "ca"}:
        raise ValueError("not smtp(s)://user:password@host:port?from=ADDRESS&starttls=WHEN&ca=FILE")
    if parts.scheme == "smtps":
        encryption, port = Encryption.TLS, parts.port or 465
    else:
        encryption = Encryption(query.get("starttls", "auto"))
        port = parts.port or (587 if parts.username else 25)
    if parts.username and not _is_this_computer(parts.hostname):
        if encryption is Encryption.NEVER:
            raise ValueError("a password would travel in the open: leave starttls=never out")
        if encryption is Encryption.AUTO:
            encryption = Encryption.ALWAYS
    sender = query.get("from", f"no-reply@{parts.hostname}")
    Address(addr_spec=sender)
    return MailServer(
        parts.hostname,
        port,
        encryption,
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
        sender,
        query.get("ca"),
    )


def _is_this_computer(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


_START_TLS: Final = {
    Encryption.TLS: False,
    Encryption.ALWAYS: True,
    Encryption.AUTO: None,
    Encryption.NEVER: False,
}


class Smtp:
    """Hands mails to a mail server, one connection for all that wait."""

    def __init__(self, server: MailServer, timeout: float) -> None:
        self.sender = server.sender
        self.takes_utf8 = True
        self._server = server
        self._timeout = timeout

    @asynccontextmanager
    async def open(self) -> AsyncIterator[SendMail]:
        """Connect, secure, log in."""
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.encryption is Encryption.TLS,
            start_tls=_START_TLS[server.encryption],
            cert_bundle=server.authorities,
            local_hostname=server.sender.rpartition("@")[2],  # does not reveal the machine's own name
            timeout=self._timeout,
        )
        try:
            await client.connect()
            self.takes_utf8 = client.supports_extension("smtputf8")
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise PostDown(type(error).__name__) from error
        finally:
            if not client.is_connected:
                client.close()  # also when we are being stopped meanwhile

        async def send(mail: EmailMessage, *, only_rehearse: bool = False) -> None:
            try:
                if only_rehearse:
                    mail.as_bytes()
                    await client.mail(server.sender)
                    await client.rset()
                    await client.noop()
                    return
                await client.send_message(mail)
            except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError) as error:
                raise PostDown(type(error).__name__) from error
            except (aiosmtplib.SMTPRecipientsRefused, aiosmtplib.SMTPResponseException) as error:
                raise _verdict(error) from error
            except (aiosmtplib.SMTPNotSupported, ValueError, UnicodeError) as error:
                raise Rejected(type(error).__name__) from error

        try:
            yield send
        finally:
            await _say_goodbye(client)
            _heed_cancellation()


def _verdict(error: aiosmtplib.SMTPRecipientsRefused | aiosmtplib.SMTPResponseException) -> Exception:
    """Return what an SMTP status means. A server that hangs up, or refuses our sender, counts as down."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        code = error.recipients[0].code
    else:
        code = error.code
    if code == 421 or isinstance(error, aiosmtplib.SMTPSenderRefused) or not 400 <= code < 600:
        return PostDown(f"smtp {code}")
    return PutOff(f"smtp {code}") if code < 500 else Rejected(f"smtp {code}")


async def _say_goodbye(client: aiosmtplib.SMTP) -> None:
    try:
        if client.is_connected:
            await client.quit(timeout=2.0)
    except (aiosmtplib.SMTPException, OSError):
        pass
    finally:
        client.close()


def _heed_cancellation() -> None:
    """Raise CancelledError if the task was cancelled in the same moment as an answer came.

    `asyncio.wait_for` of Python 3.11, by which aiosmtplib waits, then returns
    the answer and drops the cancellation.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
