"""The statements about accounts: each takes a connection and runs in its caller's transaction.

Those that must not tell one address from another run the same statements for
every address; where there is nothing to write they write what means nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server.core.onetime import MAX_LIVE, SIGN_UP, OneTime
from server.storage.tables import accounts, marks, pending, tokens

NOBODY: Final = 0
"No row has this id; a statement about it changes nothing."

_SALT_AND_HASH: Final = len("$") + 22 + len("$") + 43
"Characters after the parameters in a password's hash: 16 and 32 bytes in base64, as all of ours have."


@dataclass(frozen=True, slots=True)
class Account:
    """A row of `accounts`."""

    id: int
    email: str
    username: str
    password_hash: str
    language: str


@dataclass(frozen=True, slots=True)
class Pending:
    """A row of `pending`."""

    onetime: OneTime
    email: str
    username: str
    password_hash: str
    language: str
    created: float

    @property
    def id(self) -> int:
        """Its number."""
        return self.onetime.id


@dataclass(frozen=True, slots=True)
class Fresh:
    """The digests and times of a new code and link."""

    code_digest: bytes
    link_digest: bytes
    code_expires: float
    link_expires: float
    tries_left: int


# -- accounts -----------------------------------------------------------------------------


async def find_account(connection: AsyncConnection, email: str) -> Account | None:
    """Find the account of an address in its normal form."""
    row = (await connection.execute(select(accounts).where(accounts.c.email == email))).one_or_none()
    return None if row is None else _account(row)


async def load_account(connection: AsyncConnection, account: int) -> Account | None:
    """Find an account by its number."""
    row = (await connection.execute(select(accounts).where(accounts.c.id == account))).one_or_none()
    return None if row is None else _account(row)


async def make_account(connection: AsyncConnection, sign_up: Pending, now: float) -> int | None:
    """Make the account of a sign-up; None if its address has one already.

    The other sign-ups of the address become decoys and stay their time: if
    they went, whoever made one could see by it that there is an account now.
    """
    if await find_account(connection, sign_up.email) is not None:
        return None
    made = await connection.execute(
        insert(accounts).values(
            email=sign_up.email,
            username=sign_up.username,
            password_hash=sign_up.password_hash,
            language=sign_up.language,
            created=now,
        )
    )
    await connection.execute(delete(pending).where(pending.c.id == sign_up.id))
    others = update(pending).where(pending.c.purpose == SIGN_UP, pending.c.email == sign_up.email)
    await connection.execute(others.values(decoy=True))
    key = made.inserted_primary_key
    assert key is not None
    return int(key[0])


async def set_username(connection: AsyncConnection, account: int, username: str) -> None:
    """Change a username."""
    await connection.execute(update(accounts).where(accounts.c.id == account).values(username=username))


async def set_password(connection: AsyncConnection, account: int, old_hash: str, new_hash: str) -> bool:
    """Change a password's hash; False if it is no longer the one that was looked at."""
    changed = await connection.execute(
        update(accounts)
        .where(accounts.c.id == account, accounts.c.password_hash == old_hash)
        .values(password_hash=new_hash)
    )
    return changed.rowcount == 1


async def hash_of_each_cost(connection: AsyncConnection) -> Sequence[str]:
    """One stored hash of each set of argon2 parameters, of accounts and of sign-ups that wait."""
    found: list[str] = []
    for column in (accounts.c.password_hash, pending.c.password_hash):
        parameters = func.substr(column, 1, func.length(column) - _SALT_AND_HASH)
        hashes = select(func.min(column)).where(column.like("$argon2id$%")).group_by(parameters)
        found += (await connection.execute(hashes)).scalars()
    return found


# -- what waits for an answer to a mail ---------------------------------------------------


async def add_pending(
    connection: AsyncConnection,
    purpose: str,
    email: str,
    fresh: Fresh,
    now: float,
    *,
    decoy: bool,
    username: str = "",
    password_hash: str = "",
    language: str = "en",
) -> int:
    """Add a row; beyond `MAX_LIVE` of one address and purpose the oldest goes."""
    added = await connection.execute(
        insert(pending).values(
            purpose=purpose,
            email=email,
            decoy=decoy,
            username=username,
            password_hash=password_hash,
            language=language,
            created=now,
            **_values(fresh),
        )
    )
    of_address = (pending.c.purpose == purpose) & (pending.c.email == email)
    newest = select(pending.c.id).where(of_address).order_by(pending.c.id.desc()).limit(MAX_LIVE)
    await connection.execute(delete(pending).where(of_address, pending.c.id.not_in(newest)))
    key = added.inserted_primary_key
    assert key is not None
    return int(key[0])


async def find_pending(
    connection: AsyncConnection, purpose: str, email: str, since: float
) -> Sequence[Pending]:
    """Find what an address has waiting, newest first; `since` leaves out what is too old."""
    rows = await connection.execute(
        select(pending)
        .where(pending.c.purpose == purpose, pending.c.email == email, pending.c.created > since)
        .order_by(pending.c.id.desc())
    )
    return [_pending(row) for row in rows]


async def find_pending_by_link(
    connection: AsyncConnection, purpose: str, link_digest: bytes, since: float
) -> Pending | None:
    """Find what a link belongs to."""
    found = select(pending).where(
        pending.c.purpose == purpose, pending.c.link_digest == link_digest, pending.c.created > since
    )
    row = (await connection.execute(found)).one_or_none()
    return None if row is None else _pending(row)


async def renew_pending(connection: AsyncConnection, row: int, fresh: Fresh) -> None:
    """Give a row a new code and link; the old ones are worthless."""
    await connection.execute(update(pending).where(pending.c.id == row).values(**_values(fresh)))


async def count_wrong_code(connection: AsyncConnection, purpose: str, email: str) -> None:
    """Count a wrong code against everything that an address has waiting.

    The count over all addresses is written as well, so that the disk has as much to do
    for an address that has nothing waiting.
    """
    await connection.execute(
        update(pending)
        .where(pending.c.purpose == purpose, pending.c.email == email, pending.c.tries_left > 0)
        .values(tries_left=pending.c.tries_left - 1)
    )
    await connection.execute(
        update(marks).where(marks.c.name == "wrong_codes").values(value=marks.c.value + 1)
    )


async def has_pending(connection: AsyncConnection, row: Pending) -> bool:
    """Say whether a row is still there, with the same code and link."""
    found = select(pending.c.id).where(
        pending.c.id == row.id, pending.c.link_digest == row.onetime.link_digest
    )
    return (await connection.execute(found)).one_or_none() is not None


async def forget_pending(connection: AsyncConnection, purpose: str, email: str) -> None:
    """Forget all that an address has waiting."""
    await connection.execute(delete(pending).where(pending.c.purpose == purpose, pending.c.email == email))


# -- tokens -------------------------------------------------------------------------------


async def add_token(
    connection: AsyncConnection, account: int, digest: bytes, now: float, *, keep: int
) -> None:
    """Add a token; beyond `keep` of one account the one that was used longest ago goes."""
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
    """Find the account of a token that is still good, and when the token was last used."""
    found = (
        select(accounts, tokens.c.used)
        .join(tokens, tokens.c.account == accounts.c.id)
        .where(tokens.c.digest == digest, tokens.c.created > created_since, tokens.c.used > used_since)
    )
    row = (await connection.execute(found)).one_or_none()
    return None if row is None else (_account(row), row.used)


async def touch_token(connection: AsyncConnection, digest: bytes, now: float) -> None:
    """Note that a token was used."""
    await connection.execute(update(tokens).where(tokens.c.digest == digest).values(used=now))


async def has_token(connection: AsyncConnection, digest: bytes) -> bool:
    """Say whether a token has not been revoked."""
    found = select(tokens.c.digest).where(tokens.c.digest == digest)
    return (await connection.execute(found)).one_or_none() is not None


async def drop_token(connection: AsyncConnection, digest: bytes) -> None:
    """Revoke one token."""
    await connection.execute(delete(tokens).where(tokens.c.digest == digest))


async def drop_tokens(connection: AsyncConnection, account: int, *, but: bytes = b"") -> None:
    """Revoke the tokens of an account, all but one."""
    await connection.execute(delete(tokens).where(tokens.c.account == account, tokens.c.digest != but))


# -- housekeeping -------------------------------------------------------------------------


async def forget_old(
    connection: AsyncConnection,
    *,
    pending_since: float,
    tokens_created_since: float,
    tokens_used_since: float,
) -> None:
    """Delete what is over anyway."""
    await connection.execute(delete(pending).where(pending.c.created <= pending_since))
    await connection.execute(
        delete(tokens).where(
            (tokens.c.created <= tokens_created_since) | (tokens.c.used <= tokens_used_since)
        )
    )


async def is_right_secret(connection: AsyncConnection, mark: int) -> bool:
    """Say whether this database was made with this secret; the first that asks is right."""
    found = (await connection.execute(select(marks.c.value).where(marks.c.name == "secret"))).scalar()
    if found is None:
        await connection.execute(insert(marks).values(name="secret", value=mark))
        return True
    return bool(found == mark)


def _values(fresh: Fresh) -> dict[str, object]:
    return {
        "code_digest": fresh.code_digest,
        "link_digest": fresh.link_digest,
        "code_expires": fresh.code_expires,
        "link_expires": fresh.link_expires,
        "tries_left": fresh.tries_left,
    }


def _account(row: Row[tuple[object, ...]]) -> Account:
    return Account(row.id, row.email, row.username, row.password_hash, row.language)


def _pending(row: Row[tuple[object, ...]]) -> Pending:
    onetime = OneTime(
        row.id,
        row.code_digest,
        row.link_digest,
        row.code_expires,
        row.link_expires,
        row.tries_left,
        row.decoy,
    )
    return Pending(onetime, row.email, row.username, row.password_hash, row.language, row.created)
