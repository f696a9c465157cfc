"""The statements about tokens, by which clients log in again. Each runs in its caller's transaction."""

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.accounts import Account, account_of
from server.storage.tables import accounts, tokens


async def add_token(
    connection: AsyncConnection, account: int, digest: bytes, now: float, *, keep: int
) -> None:
    """Add a token; of more than `keep` for one account the one that was used longest ago goes."""
    await connection.execute(insert(tokens).values(digest=digest, account=account, created=now, used=now))
    newest = (
        select(tokens.c.digest)
        .where(tokens.c.account == account)
        .order_by((tokens.c.digest == digest).desc(), tokens.c.used.desc())
        .limit(keep)
    )
    await connection.execute(
        delete(tokens).where(tokens.c.account == account, tokens.c.digest.not_in(newest))
    )


async def find_token(
    connection: AsyncConnection, digest: bytes, *, created_since: float, used_since: float
) -> tuple[Account, float] | None:
    """Return the account of a token that is still good, and when it was last used (UTC seconds)."""
    found = (
        select(accounts, tokens.c.used)
        .join(tokens, tokens.c.account == accounts.c.id)
        .where(tokens.c.digest == digest, tokens.c.created > created_since, tokens.c.used > used_since)
    )
    row = (await connection.execute(found)).one_or_none()
    return None if row is None else (account_of(row), row.used)


async def touch_token(connection: AsyncConnection, digest: bytes, now: float) -> bool:
    """Note that a token was used; return False if it has been revoked."""
    noted = await connection.execute(update(tokens).where(tokens.c.digest == digest).values(used=now))
    return noted.rowcount > 0


async def has_token(connection: AsyncConnection, digest: bytes) -> bool:
    """Return True if a token has not been revoked."""
    found = select(tokens.c.digest).where(tokens.c.digest == digest)
    return (await connection.execute(found)).one_or_none() is not None


async def drop_token(connection: AsyncConnection, digest: bytes) -> None:
    """Revoke one token."""
    await connection.execute(delete(tokens).where(tokens.c.digest == digest))


async def drop_tokens(connection: AsyncConnection, account: int, *, but: bytes = b"") -> None:
    """Revoke the tokens of an account, except `but`."""
    await connection.execute(delete(tokens).where(tokens.c.account == account, tokens.c.digest != but))


async def forget_old_tokens(connection: AsyncConnection, *, created_since: float, used_since: float) -> None:
    """Delete the tokens that are too old, or were not used for too long."""
    await connection.execute(
        delete(tokens).where((tokens.c.created <= created_since) | (tokens.c.used <= used_since))
    )
