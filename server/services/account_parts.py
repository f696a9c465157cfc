"""What everything about accounts shares: database, hashes, limits, mails, and how log-ins end."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from floater.codes import Code
from floater.errors import ServerRefused
from floater.wire import control
from floater.wire.mailbox import Mailbox, parse_mailbox
from floater.wire.names import clean_username
from floater.wire.reserved import is_reserved
from server.bus.base import ACCOUNTS, Bus
from server.config import ServerConfig
from server.core.limits import STEPS, Limits
from server.core.rates import parse_rates
from server.core.revocations import Revocations
from server.core.sessions import Revoked
from server.core.tries import Tries
from server.services.hashing import Hasher
from server.services.mail import Kind
from server.services.onetimes import OneTimes
from server.services.outbox import Outbox
from server.services.owner_mails import OwnerMails
from server.services.passwords import is_password_good
from server.services.secret import Secret
from server.storage import accounts as account_rows
from server.storage.engine import Engine

_FAILED_TRIES: Final = frozenset({Code.WRONG_LOG_IN, Code.WRONG_PASSWORD, Code.WRONG_CODE})
"What was judged. A request beyond a limit was not: it costs nothing, so it must not cause a mail."


@dataclass(frozen=True, slots=True)
class Source:
    """The IP address that a request comes from: a key of rate limits, never stored or logged."""

    address: str


@dataclass(frozen=True, slots=True)
class Session:
    """One log-in of one account."""

    account: int
    username: str
    token_hash: bytes
    "SHA-256 of its token, 32 bytes."
    since: int = 0
    "The number of the last revocation when its token was read."


class AccountParts:
    """What `Accounts` and `PasswordChanges` work with."""

    def __init__(
        self,
        config: ServerConfig,
        secret: Secret,
        database: Engine,
        hasher: Hasher,
        outbox: Outbox,
        bus: Bus,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.config: Final = config
        self.secret: Final = secret
        self.database: Final = database
        self.hasher: Final = hasher
        self.outbox: Final = outbox
        self.clock: Final = clock
        self.limits: Final = limits_of(config)
        self.tries: Final = tries_of(config)
        self.onetimes: Final = OneTimes(config, secret, outbox, clock)
        self.owner_mails: Final = OwnerMails(outbox)
        self.revocations: Final = Revocations()
        self.bus: Final = bus

    def take(self, step: str, *, source: str = "", who: bytes = b"") -> None:
        """Count one step in the limits.

        Args:
            step: one of `core.limits.STEPS`.
            source: the address that the request comes from.
            who: a digest of an e-mail address, or an account.

        Raises:
            ServerRefused: TOO_MANY_TRIES; nothing was counted.
        """
        wait = self.limits.take(step, now=time.monotonic(), source=source, who=who)
        if wait > 0.0:
            raise ServerRefused(Code.TOO_MANY_TRIES, step, retry_after=wait)

    @asynccontextmanager
    async def try_at(self, email: str) -> AsyncIterator[None]:
        """Try to get into the account of an address in the block; its owner is told if too much fails."""
        try:
            yield
        except ServerRefused as error:
            if error.code in _FAILED_TRIES and self.tries.count(self.who(email), now=time.monotonic()):
                try:
                    await self._tell_of_tries(email)
                except ServerRefused:  # the engine logs it; the answer is that of the try
                    self.tries.not_told(self.who(email), now=time.monotonic())
            raise

    def who(self, email: str) -> bytes:
        """Return the key of an address in the limits, from which the address cannot be told."""
        return self.secret.digest("who", email.encode("utf-8"))[:16]

    def deliverable(self, text: str) -> Mailbox:
        """Read an address to which a mail is to be sent. What is refused depends on the address alone.

        Raises:
            ServerRefused: BAD_EMAIL: malformed, or the mail server cannot write to it.
        """
        mailbox = read_mailbox(text)
        if mailbox.needs_utf8 and not self.outbox.takes_utf8:
            raise ServerRefused(Code.BAD_EMAIL)
        return mailbox

    async def mailed(self, request: int) -> control.Done:
        """Hand over the mail that a request has just put into the outbox, and return the answer."""
        self.outbox.kick()
        notice = Code.MAIL_DELAYED.value if await self.outbox.is_delayed() else ""
        return control.Done(id=request, notice=notice)

    def revoke(self, account: int, keep: bytes | None) -> None:
        """End the log-ins of an account, those that are under way as well, once that is stored.

        Args:
            account: its number.
            keep: SHA-256 of the token that stays good, None if none does.
        """
        self.revocations.revoke_account(account, keep)
        self.bus.publish(ACCOUNTS, Revoked(account, keep))

    async def _tell_of_tries(self, email: str) -> None:
        """Put the mail into the outbox; the work is the same where there is no account."""
        async with self.database.write() as connection:
            account = await account_rows.find_account(connection, email)
            if account is None:
                await self.owner_mails.put_nothing(connection, email)
            else:
                await self.owner_mails.put(connection, Kind.TRIES, account)
        self.outbox.kick()


def tries_of(config: ServerConfig) -> Tries:
    """Read from its knob how many failed tries are usual.

    Raises:
        ValueError: it makes no sense.
    """
    (rate,) = parse_rates(config.tries_told, 1)
    return Tries(rate)


def limits_of(config: ServerConfig) -> Limits:
    """Read the limits of all steps from their knobs.

    Raises:
        ValueError: one makes no sense.
    """
    limits = {step: parse_rates(getattr(config, f"{step}_limit")) for step in STEPS}
    return Limits(limits, local=config.local)


def read_mailbox(text: str) -> Mailbox:
    """Read an e-mail address.

    Raises:
        ServerRefused: BAD_EMAIL.
    """
    mailbox = parse_mailbox(text)
    if mailbox is None:
        raise ServerRefused(Code.BAD_EMAIL)
    return mailbox


def read_username(text: str) -> str:
    """Clean the name that strangers will see.

    Raises:
        ServerRefused: BAD_USERNAME: empty, too long or reserved.
    """
    username = clean_username(text)
    if username is None or is_reserved(username):
        raise ServerRefused(Code.BAD_USERNAME)
    return username


def check_password(password: str, *own: str) -> None:
    """Refuse a new password that will not do.

    Args:
        password: as typed.
        own: what is known of the person: e-mail address, username.

    Raises:
        ServerRefused: BAD_PASSWORD: too short, too long, or too common.
    """
    if not is_password_good(password, *own):
        raise ServerRefused(Code.BAD_PASSWORD)
