"""Accounts: sign up, activate, log in, take another name (spec §4.2). `password_changes` has the passwords.

    unknown ─sign_up──▶ pending ──activate──▶ account ──log_in──▶ token
                          │ 24 h                 ▲ └──forgot──▶ pending ──reset──▶ all tokens gone
                          └──▶ unknown           └─────────────────────────────┘

Two rules hold for all of it:

*No answer tells whether an address has an account.* Answers are alike, and so is the work: the same
statements and the same number of hashes for every address. A sign-up for an address with an account is
stored as a decoy, and its mail says so; a reset for an address without one is stored as a decoy, and has no
mail.

*To sign up first does not reserve an address.* Each sign-up stands by itself, with its own password and
code, and the owner of the mailbox decides which becomes the account. Its mail gives the name that was
signed up with, so that a person who gets two mails can tell which is theirs.
"""

import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from msgspec.structs import replace

from floater.codes import Code
from floater.errors import FloaterError, ServerRefused
from floater.languages import choose_language
from floater.tasks import Tasks
from floater.wire import control
from floater.wire.mailbox import parse_mailbox
from server.bus.base import Bus
from server.config import ServerConfig
from server.core.onetime import SIGN_UP
from server.services.account_parts import (
    AccountParts,
    Session,
    Source,
    check_password,
    limits_of,
    read_mailbox,
    read_username,
)
from server.services.hashing import Hasher, cost_of, is_same
from server.services.housekeeping import clean_up
from server.services.mail import Kind, post_of
from server.services.outbox import Outbox
from server.services.password_changes import PasswordChanges
from server.services.secret import load_secret, sha256
from server.storage import accounts as account_rows
from server.storage import pending as pending_rows
from server.storage import tokens as token_rows
from server.storage.sqlite import SqliteEngine

log = logging.getLogger("server.accounts")

DATABASE_FILE: Final = "floater.db"
_TOUCH: Final = 3_600.0  # seconds between two notes that a token is in use: exact enough for 90 days


class Accounts:
    """Everything a person can do with an account.

    Every method may raise `ServerRefused` with TOO_MANY_TRIES or BUSY (and
    `retry_after`), STORAGE_FAILED, or a code that its docstring names. Then
    nothing was changed, except that a try was counted.
    """

    def __init__(self, parts: AccountParts) -> None:
        self.tasks: Final = Tasks()
        "Work that has to end before the database is closed."
        self.passwords: Final = PasswordChanges(parts)
        self._parts = parts

    # -- signing up -----------------------------------------------------------------------

    async def sign_up(self, m: control.SignUp, source: Source) -> control.Done:
        """Begin an account: keep a sign-up and send its mail. Answered alike for every address.

        Raises:
            ServerRefused: NOT_ADULT, BAD_EMAIL, BAD_USERNAME, BAD_PASSWORD.
        """
        mailbox = self._parts.deliverable(m.email)
        email = mailbox.key
        if not m.adult:
            raise ServerRefused(Code.NOT_ADULT)
        username = read_username(m.username)
        check_password(m.password, email, username)
        self._parts.take("sign_up", source=source.address, who=self._parts.who(mailbox.owner))
        password_hash = await self._parts.hasher.hash(email, m.password, source=source.address)
        language = choose_language(m.language)
        async with self._parts.database.write() as connection:
            owner = await account_rows.find_account(connection, email)
            await self._parts.onetimes.issue_sign_up(
                connection, mailbox, username, password_hash, language, owner=owner
            )
        return await self._parts.mailed(m.id)

    async def resend_code(self, m: control.ResendCode, source: Source) -> control.Done:
        """Send the mail of the newest sign-up again, with a new code. Answered alike for every address.

        Raises:
            ServerRefused: BAD_EMAIL.
        """
        mailbox = self._parts.deliverable(m.email)
        self._parts.take("resend", source=source.address, who=self._parts.who(mailbox.owner))
        async with self._parts.database.write() as connection:
            await self._parts.onetimes.issue_again(connection, mailbox)
        return await self._parts.mailed(m.id)

    async def activate(self, m: control.Activate, source: Source) -> control.Done:
        """Turn a sign-up into an account by the code of its mail.

        Raises:
            ServerRefused: BAD_EMAIL, or WRONG_CODE (wrong, expired, used up, or of no sign-up).
        """
        email = read_mailbox(m.email).key
        self._parts.take("code", source=source.address, who=self._parts.who(email))
        async with self._parts.database.write() as connection:
            sign_up = await self._parts.onetimes.check_code(connection, SIGN_UP, email, m.code)
            made = None
            if sign_up is not None:
                made = await account_rows.make_account(connection, sign_up, self._parts.clock())
        return self._activated(m.id, made)

    async def activate_by_link(self, link: str, source: Source) -> control.Done:
        """Turn a sign-up into an account by the link of its mail.

        Raises:
            ServerRefused: WRONG_CODE.
        """
        self._parts.take("link", source=source.address)
        async with self._parts.database.read() as connection:
            if await self._parts.onetimes.check_link(connection, SIGN_UP, link) is None:
                raise ServerRefused(Code.WRONG_CODE)  # no writer waits for a link that was made up
        async with self._parts.database.write() as connection:
            sign_up = await self._parts.onetimes.check_link(connection, SIGN_UP, link)
            made = None
            if sign_up is not None:
                made = await account_rows.make_account(connection, sign_up, self._parts.clock())
        return self._activated(1, made)

    # -- logging in -----------------------------------------------------------------------

    async def log_in(self, m: control.LogIn, source: Source) -> tuple[Session, control.LoggedIn]:
        """Log in by password, for a fresh token.

        Every address costs the same number of hashes: one at each cost in use.
        NOT_ACTIVATED means that the password is that of a sign-up that waits, or
        of a decoy: it tells of the sign-up, and not of an account.

        Raises:
            ServerRefused: WRONG_LOG_IN, or NOT_ACTIVATED.
        """
        mailbox = parse_mailbox(m.email)
        if mailbox is None:
            raise ServerRefused(Code.WRONG_LOG_IN)
        async with self._parts.try_at(mailbox.key):
            return await self._log_in(m, mailbox.key, source)

    async def _log_in(self, m: control.LogIn, email: str, source: Source) -> tuple[Session, control.LoggedIn]:
        who = self._parts.who(email)
        device = self._parts.devices.name(who, m.device)
        self._parts.take("log_in", source=source.address, who=who, device=device)
        since = self._parts.clock() - self._parts.config.sign_up_lifetime
        async with self._parts.database.read() as connection:
            account = await account_rows.find_account(connection, email)
            waiting = await pending_rows.find_pending(connection, SIGN_UP, email, since)
        stored = [sign_up.password_hash for sign_up in waiting]
        self._parts.hasher.learn(stored if account is None else [account.password_hash, *stored])
        typed = await self._parts.hasher.hash_each(
            email, m.password, source=source.address, is_known=bool(device)
        )
        if account is not None and is_same(account.password_hash, typed[cost_of(account.password_hash)]):
            is_known = bool(device) or self._parts.limits.knows(who, source.address)
            session, answer = await self._let_in(
                account, m, typed[self._parts.hasher.cost], is_known=is_known
            )
            self._parts.limits.remember(who, source.address)
            return session, replace(answer, device=self._parts.devices.token(who, device))
        is_pending = any([is_same(encoded, typed[cost_of(encoded)]) for encoded in stored])
        raise ServerRefused(Code.NOT_ACTIVATED if is_pending else Code.WRONG_LOG_IN)

    async def restore(self, m: control.Restore, source: Source) -> tuple[Session, control.LoggedIn]:
        """Log in by token; it stays good, and its idle time starts anew.

        Raises:
            ServerRefused: SESSION_ENDED.
        """
        self._parts.take("restore", source=source.address)
        digest, now, since = sha256(m.token), self._parts.clock(), self._parts.revocations.number
        async with self._parts.database.read() as connection:
            found = await token_rows.find_token(
                connection,
                digest,
                created_since=now - self._parts.config.token_lifetime,
                used_since=now - self._parts.config.token_idle,
            )
        if found is None:
            raise ServerRefused(Code.SESSION_ENDED)
        account, used = found
        if now - used > _TOUCH:
            async with self._parts.database.write() as connection:
                if not await token_rows.touch_token(connection, digest, now):
                    raise ServerRefused(Code.SESSION_ENDED)
        self._parts.limits.remember(self._parts.who(account.email), source.address)
        session = Session(account.id, account.username, digest, since)
        return session, control.LoggedIn(id=m.id, username=account.username)

    def is_current(self, session: Session) -> bool:
        """Return True if a log-in was not revoked since its token was read. To be asked as it is let in."""
        return self._parts.revocations.holds(session.account, session.token_hash, since=session.since)

    async def log_out(self, session: Session) -> None:
        """Make the token worthless."""
        async with self._parts.database.write() as connection:
            await token_rows.drop_token(connection, session.token_hash)
        self._parts.revocations.revoke_token(session.token_hash)

    # -- changes --------------------------------------------------------------------------

    async def set_username(self, session: Session, m: control.SetUsername) -> control.LoggedIn:
        """Change the name that strangers see. The caller's `session` keeps the old one.

        Raises:
            ServerRefused: BAD_USERNAME, or SESSION_ENDED.
        """
        username = read_username(m.username)
        self._parts.take("change", who=b"%d" % session.account)
        async with self._parts.database.write() as connection:
            if not await token_rows.has_token(connection, session.token_hash):
                raise ServerRefused(Code.SESSION_ENDED)
            await account_rows.set_username(connection, session.account, username)
        return control.LoggedIn(id=m.id, username=username)

    # -- health ---------------------------------------------------------------------------

    async def check_health(self) -> None:
        """Read from the database.

        Raises:
            ServerRefused: STORAGE_FAILED.
        """
        async with self._parts.database.read() as connection:
            await account_rows.load_account(connection, account_rows.NOBODY)

    # -- parts of the above ---------------------------------------------------------------

    def _activated(self, request: int, account: int | None) -> control.Done:
        if account is None:
            raise ServerRefused(Code.WRONG_CODE)
        log.info("= account %s activated", account)
        return control.Done(id=request)

    async def _let_in(
        self, account: account_rows.Account, m: control.LogIn, new_hash: str, *, is_known: bool
    ) -> tuple[Session, control.LoggedIn]:
        """Make a token after the right password, and store the password's hash at the present cost.

        The owner is told by mail if the account was not known to be used at that place or device. To log in
        for the first time, right after the activation, is no news.
        """
        token = secrets.token_urlsafe(32)
        digest, now, since = sha256(token), self._parts.clock(), self._parts.revocations.number
        is_news = not is_known and now - account.created > self._parts.config.code_lifetime
        async with self._parts.database.write() as connection:
            # Also says whether the password was changed while we were hashing.
            if not await account_rows.set_password(connection, account.id, account.password_hash, new_hash):
                raise ServerRefused(Code.WRONG_LOG_IN)
            keep = self._parts.config.tokens_per_account
            await token_rows.add_token(connection, account.id, digest, now, keep=keep)
            if is_news:
                await self._parts.owner_mails.put(connection, Kind.LOGGED_IN, account)
        if is_news:
            self._parts.outbox.kick()
        session = Session(account.id, account.username, digest, since)
        return session, control.LoggedIn(id=m.id, username=account.username, token=token)


@asynccontextmanager
async def open_accounts(
    config: ServerConfig, bus: Bus, *, clock: Callable[[], float] = time.time
) -> AsyncIterator[Accounts]:
    """Open the database, the hashing threads and the outbox; close them in order at the end of the block.

    Args:
        config: `public_url` has to be what people can reach, for the links in mails.
        bus: is told when log-ins end.
        clock: UTC seconds.

    Raises:
        FloaterError: SCHEMA_TOO_NEW, or STORAGE_FAILED with a sentence for the operator.
        ValueError: an SMTP URL or a limit that makes no sense.
    """
    post = post_of(config)
    limits_of(config)
    try:
        config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FloaterError(Code.STORAGE_FAILED, f"cannot make the data folder: {error.strerror}") from error
    secret = load_secret(config.data_dir)
    async with AsyncExitStack() as stack:
        database = await SqliteEngine.open(config.data_dir / DATABASE_FILE)
        stack.push_async_callback(database.close)
        async with database.write() as connection:
            if not await account_rows.is_right_secret(connection, secret.mark()):
                raise FloaterError(
                    Code.STORAGE_FAILED,
                    "the secret file is not the one this database was made with: put the right one back",
                )
            stored = await account_rows.hash_of_each_cost(connection)
        hasher = Hasher(config, secret)
        stack.push_async_callback(hasher.close)
        hasher.learn(stored)
        outbox = Outbox(config, database, secret, post, clock)
        accounts = Accounts(AccountParts(config, secret, database, hasher, outbox, bus, clock))
        stack.push_async_callback(accounts.tasks.close)
        accounts.tasks.start(outbox.run(), "outbox")
        accounts.tasks.start(clean_up(config, database, clock), "housekeeping")
        yield accounts
