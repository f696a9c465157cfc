"""Tell the owner of an account what others did, or tried to do, with it."""

import secrets

from sqlalchemy.ext.asyncio import AsyncConnection

from server.services.mail import Kind, MailContent
from server.services.outbox import Outbox
from server.storage.accounts import Account


class OwnerMails:
    """Puts mails without a code into the outbox, in the caller's transaction."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def put(self, connection: AsyncConnection, kind: Kind, account: Account) -> None:
        """Add a mail to the owner of an account."""
        await self._put(connection, kind, account.address, account.language, account.username)

    async def put_nothing(self, connection: AsyncConnection, email: str) -> None:
        """Add a mail that is not sent, where there is no owner: it takes as much work."""
        await self._put(connection, Kind.NOTHING, email, "en", "")

    async def _put(
        self, connection: AsyncConnection, kind: Kind, to: str, language: str, username: str
    ) -> None:
        content = MailContent(
            kind=kind, to=to, language=language, message_id=secrets.token_hex(12), username=username
        )
        await self._outbox.put(connection, content, 0)
