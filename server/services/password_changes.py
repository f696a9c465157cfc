"""Change a password: the person has forgotten it, or wants another (spec §4.2).

A new password ends all other log-ins of the account.
"""

import logging

from floater.codes import Code
from floater.errors import ServerRefused
from floater.languages import choose_language
from floater.wire import control
from server.core.onetime import RESET
from server.services.account_parts import AccountParts, Session, Source, check_password, read_mailbox
from server.services.hashing import cost_of, is_same
from server.services.mail import Kind
from server.storage import accounts as account_rows
from server.storage import pending as pending_rows
from server.storage import tokens as token_rows

log = logging.getLogger("server.accounts")


class PasswordChanges:
    """The ways to a new password. What every method may raise stands at `Accounts`."""

    def __init__(self, parts: AccountParts) -> None:
        self._parts = parts

    async def forgot(self, m: control.ForgotPassword, source: Source) -> control.Done:
        """Send a mail with a code to set a new password. Answered alike for every address.

        Raises:
            ServerRefused: BAD_EMAIL.
        """
        mailbox = self._parts.deliverable(m.email)
        self._parts.take("forgot", source=source.address, who=self._parts.who(mailbox.owner))
        language = choose_language(m.language)
        async with self._parts.database.write() as connection:
            account = await account_rows.find_account(connection, mailbox.key)
            await self._parts.onetimes.issue_reset(connection, mailbox, language, owner=account)
        return await self._parts.mailed(m.id)

    async def reset(self, m: control.ResetPassword, source: Source) -> control.Done:
        """Set a new password by the code of the mail, and end all log-ins.

        Raises:
            ServerRefused: BAD_EMAIL, BAD_PASSWORD, WRONG_CODE.
        """
        email = read_mailbox(m.email).key
        check_password(m.password, email)
        async with self._parts.try_at(email):
            self._parts.take("code", source=source.address, who=self._parts.who(email))
            async with self._parts.database.write() as connection:
                reset = await self._parts.onetimes.check_code(connection, RESET, email, m.code)
            return await self._reset(m.id, reset, m.password)

    async def reset_by_link(self, link: str, password: str, source: Source) -> control.Done:
        """Set a new password by the link of the mail, and end all log-ins.

        Raises:
            ServerRefused: BAD_PASSWORD, WRONG_CODE.
        """
        self._parts.take("link", source=source.address)
        async with self._parts.database.read() as connection:
            reset = await self._parts.onetimes.check_link(connection, RESET, link)
        check_password(password, *([] if reset is None else [reset.email]))
        return await self._reset(1, reset, password)

    async def change(self, session: Session, m: control.ChangePassword) -> control.Done:
        """Change the password and end all other log-ins.

        Raises:
            ServerRefused: BAD_PASSWORD, WRONG_PASSWORD, or SESSION_ENDED.
        """
        self._parts.take("change", who=b"%d" % session.account)
        async with self._parts.database.read() as connection:
            account = await account_rows.load_account(connection, session.account)
        if account is None:
            raise ServerRefused(Code.SESSION_ENDED)
        check_password(m.new, account.email, account.username)
        old_hash = account.password_hash
        async with self._parts.try_at(account.email):
            typed = await self._parts.hasher.hash(account.email, m.old, cost_of(old_hash))
            if not is_same(old_hash, typed):
                raise ServerRefused(Code.WRONG_PASSWORD)
        new_hash = await self._parts.hasher.hash(account.email, m.new)
        async with self._parts.database.write() as connection:
            if not await token_rows.has_token(connection, session.token_hash):
                raise ServerRefused(Code.SESSION_ENDED)
            if not await account_rows.set_password(connection, account.id, old_hash, new_hash):
                raise ServerRefused(Code.WRONG_PASSWORD)
            await token_rows.drop_tokens(connection, account.id, but=session.token_hash)
            await pending_rows.forget_pending(connection, RESET, account.email)
            await self._parts.owner_mails.put(connection, Kind.CHANGED, account)
        self._parts.outbox.kick()
        self._parts.revoke(account.id, session.token_hash)
        return control.Done(id=m.id)

    # -- parts of the above ---------------------------------------------------------------

    async def _reset(self, request: int, reset: pending_rows.Pending | None, password: str) -> control.Done:
        if reset is None:
            raise ServerRefused(Code.WRONG_CODE)
        new_hash = await self._parts.hasher.hash(reset.email, password)
        async with self._parts.database.write() as connection:
            account = await account_rows.find_account(connection, reset.email)
            is_there = await pending_rows.has_pending(connection, reset)
            if account is None or not is_there:
                raise ServerRefused(Code.WRONG_CODE)  # it was used while we were hashing
            await account_rows.set_password(connection, account.id, account.password_hash, new_hash)
            await pending_rows.forget_pending(connection, RESET, reset.email)
            await self._parts.owner_mails.put(connection, Kind.CHANGED, account)
            await token_rows.drop_tokens(connection, account.id)
        self._parts.outbox.kick()
        self._parts.revoke(account.id, None)
        log.info("= account %s has a new password", account.id)
        return control.Done(id=request)
