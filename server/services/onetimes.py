"""Issue and check one-time codes and links, each with its mail, in the caller's transaction.

A code is stored under the server's secret; a link holds 192 random bits, stored as
their SHA-256. `core.onetime` decides how a code is written, and whether one is good.
"""

import secrets
from collections.abc import Callable
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from floater.wire.mailbox import Mailbox
from server.config import ServerConfig
from server.core.onetime import CODES, RESET, SIGN_UP, clean_code, find_by_code, is_link_good, spell_code
from server.services.mail import Kind, MailContent
from server.services.outbox import Outbox
from server.services.secret import Secret, sha256
from server.storage import accounts as account_rows
from server.storage import pending as pending_rows

_LINK_BYTES: Final = 24
ACTIVATE_PAGE: Final = "/activate"
RESET_PAGE: Final = "/reset"


class OneTimes:
    """Codes and links, as far as they touch the database."""

    def __init__(
        self, config: ServerConfig, secret: Secret, outbox: Outbox, clock: Callable[[], float]
    ) -> None:
        self._config = config
        self._secret = secret
        self._outbox = outbox
        self._clock = clock
        self._pages = (config.public_url or f"https://{config.listen}").rstrip("/")

    # -- issuing --------------------------------------------------------------------------

    async def issue_sign_up(
        self,
        connection: AsyncConnection,
        mailbox: Mailbox,
        username: str,
        password_hash: str,
        language: str,
        *,
        owner: account_rows.Account | None,
    ) -> None:
        """Store a sign-up and put its mail into the outbox.

        If the address has an account, the sign-up is a decoy, and its mail says so to the owner.
        """
        code, link, fresh = self._make(SIGN_UP)
        row = await pending_rows.add_pending(
            connection,
            SIGN_UP,
            mailbox.key,
            fresh,
            self._clock(),
            decoy=owner is not None,
            username=username,
            password_hash=password_hash,
            language=language,
            address=mailbox.address,
        )
        kind = Kind.ALREADY if owner else Kind.ACTIVATE
        to = owner.address if owner else mailbox.address
        await self._put(connection, kind, row, to, language, username, code, link)

    async def issue_again(self, connection: AsyncConnection, mailbox: Mailbox) -> None:
        """Give the newest sign-up of an address a new code and send its mail again."""
        account = await account_rows.find_account(connection, mailbox.key)
        since = self._clock() - self._config.sign_up_lifetime
        waiting = await pending_rows.find_pending(connection, SIGN_UP, mailbox.key, since)
        code, link, fresh = self._make(SIGN_UP)
        newest = waiting[0] if waiting else None
        row = newest.id if newest else account_rows.NOBODY
        await pending_rows.renew_pending(connection, row, fresh)
        to = mailbox.address
        if newest is None:
            kind, language, username = Kind.NOTHING, "en", ""
        else:
            is_taken = newest.onetime.decoy or account is not None
            kind = Kind.ALREADY if is_taken else Kind.ACTIVATE
            language, username = newest.language, newest.username
            to = account.address if account else newest.address
        await self._put(connection, kind, row, to, language, username, code, link)

    async def issue_reset(
        self,
        connection: AsyncConnection,
        mailbox: Mailbox,
        language: str,
        *,
        owner: account_rows.Account | None,
    ) -> None:
        """Store a request for a new password and put its mail into the outbox.

        Without an account it is a decoy, and its mail is not sent. A mail goes to the address of
        the account: to a mail server, another spelling may be another person's.
        """
        to = owner.address if owner else mailbox.address
        code, link, fresh = self._make(RESET)
        row = await pending_rows.add_pending(
            connection,
            RESET,
            mailbox.key,
            fresh,
            self._clock(),
            decoy=owner is None,
            language=language,
            address=to,
        )
        kind = Kind.RESET if owner else Kind.NOTHING
        await self._put(connection, kind, row, to, language, "", code, link)

    # -- checking -------------------------------------------------------------------------

    async def check_code(
        self, connection: AsyncConnection, purpose: str, email: str, text: str
    ) -> pending_rows.Pending | None:
        """Return the row that a code fits; if it fits none, count the try and return None."""
        now, code = self._clock(), clean_code(purpose, text)
        waiting = await pending_rows.find_pending(connection, purpose, email, self._since(purpose))
        digests = [self._code_digest(pending.onetime.link_digest, code) for pending in waiting]
        found = find_by_code([pending.onetime for pending in waiting], digests, now=now)
        if found is None or not code:
            await pending_rows.count_wrong_code(connection, purpose, email)
            return None
        return next(pending for pending in waiting if pending.id == found.id)

    async def check_link(
        self, connection: AsyncConnection, purpose: str, link: str
    ) -> pending_rows.Pending | None:
        """Return the row that a link fits; None if it fits none."""
        pending = await pending_rows.find_pending_by_link(
            connection, purpose, sha256(link), self._since(purpose)
        )
        if pending is None or not is_link_good(pending.onetime, now=self._clock()):
            return None
        return pending

    # -- parts of the above ---------------------------------------------------------------

    def _since(self, purpose: str) -> float:
        """Return when a row must have been made at the earliest; resets expire with their codes alone."""
        return self._clock() - self._config.sign_up_lifetime if purpose == SIGN_UP else 0.0

    def _make(self, purpose: str) -> tuple[str, str, pending_rows.Fresh]:
        now = self._clock()
        code = spell_code(purpose, secrets.randbelow(CODES[purpose]))
        link = secrets.token_urlsafe(_LINK_BYTES)
        link_digest = sha256(link)
        fresh = pending_rows.Fresh(
            self._code_digest(link_digest, code),
            link_digest,
            now + self._config.code_lifetime,
            now + self._config.link_lifetime,
            self._config.code_tries,
        )
        return code, link, fresh

    def _code_digest(self, link_digest: bytes, code: str) -> bytes:
        # The link's digest is the salt: the same code has another digest in every row.
        return self._secret.digest("code", link_digest, code.encode("utf-8"))

    async def _put(
        self,
        connection: AsyncConnection,
        kind: Kind,
        row: int,
        email: str,
        language: str,
        username: str,
        code: str,
        link: str,
    ) -> None:
        # Every kind gets all fields, even those that its mail does not show.
        page = RESET_PAGE if kind is Kind.RESET else ACTIVATE_PAGE
        content = MailContent(
            kind=kind,
            to=email,
            language=language,
            message_id=secrets.token_hex(12),
            username=username,
            code=code,
            link=f"{self._pages}{page}?token={link}&lang={language}",
        )
        await self._outbox.put(connection, content, row)
