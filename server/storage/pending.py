"""The statements about codes and links that wait for an answer. Each runs in its caller's transaction.

They must not tell one address from another, so the same statements run for
every address; where there is nothing to write, they write a value that means
nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server.core.onetime import MAX_LIVE, OneTime
from server.storage.tables import marks, pending


@dataclass(frozen=True, slots=True)
class Pending:
    """A row of `pending`."""

    onetime: OneTime
    email: str
    username: str
    password_hash: str
    language: str
    created: float
    address: str
    "Where its mail goes; `email` is the key of that."

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
    address: str = "",
) -> int:
    """Add a row and return its number; beyond `MAX_LIVE` of an address and purpose the oldest goes."""
    added = await connection.execute(
        insert(pending).values(
            purpose=purpose,
            email=email,
            decoy=decoy,
            username=username,
            password_hash=password_hash,
            language=language,
            address=address,
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
    """Return the rows of an address that were made after `since`, newest first."""
    rows = await connection.execute(
        select(pending)
        .where(pending.c.purpose == purpose, pending.c.email == email, pending.c.created > since)
        .order_by(pending.c.id.desc())
    )
    return [_pending(row) for row in rows]


async def find_pending_by_link(
    connection: AsyncConnection, purpose: str, link_digest: bytes, since: float
) -> Pending | None:
    """Return the row that a link belongs to, if it was made after `since`."""
    found = select(pending).where(
        pending.c.purpose == purpose, pending.c.link_digest == link_digest, pending.c.created > since
    )
    row = (await connection.execute(found)).one_or_none()
    return None if row is None else _pending(row)


async def renew_pending(connection: AsyncConnection, row: int, fresh: Fresh) -> None:
    """Give a row a new code and link in place of the old ones."""
    await connection.execute(update(pending).where(pending.c.id == row).values(**_values(fresh)))


async def count_wrong_code(connection: AsyncConnection, purpose: str, email: str) -> None:
    """Count a wrong code against every row of an address.

    The count over all addresses is written as well, so that an address
    without a row costs the disk as much as one that has some.
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
    """Return True if a row is still there, with the same code and link."""
    found = select(pending.c.id).where(
        pending.c.id == row.id, pending.c.link_digest == row.onetime.link_digest
    )
    return (await connection.execute(found)).one_or_none() is not None


async def forget_pending(connection: AsyncConnection, purpose: str, email: str) -> None:
    """Delete the rows of an address."""
    await connection.execute(delete(pending).where(pending.c.purpose == purpose, pending.c.email == email))


async def extend_pending(
    connection: AsyncConnection, row: int, code_expires: float, link_expires: float
) -> None:
    """Let the code and link of a row expire later, because their mail was late."""
    change = update(pending).where(pending.c.id == row)
    await connection.execute(change.values(code_expires=code_expires, link_expires=link_expires))


async def forget_old_pending(connection: AsyncConnection, since: float) -> None:
    """Delete the rows that were made at `since` or before."""
    await connection.execute(delete(pending).where(pending.c.created <= since))


def _values(fresh: Fresh) -> dict[str, object]:
    return {
        "code_digest": fresh.code_digest,
        "link_digest": fresh.link_digest,
        "code_expires": fresh.code_expires,
        "link_expires": fresh.link_expires,
        "tries_left": fresh.tries_left,
    }


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
    return Pending(
        onetime, row.email, row.username, row.password_hash, row.language, row.created, row.address
    )
