"""The statements about accounts. Each takes a connection and runs in its caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server.core.onetime import SIGN_UP
from server.storage.pending import Pending
from server.storage.tables import accounts, marks, pending

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
    address: str
    "Where its mail goes; `email` is the key of that."
    created: float


async def find_account(connection: AsyncConnection, email: str) -> Account | None:
    """Find the account of an address in its normal form."""
    row = (await connection.execute(select(accounts).where(accounts.c.email == email))).one_or_none()
    return None if row is None else account_of(row)


async def load_account(connection: AsyncConnection, account: int) -> Account | None:
    """Find an account by its number."""
    row = (await connection.execute(select(accounts).where(accounts.c.id == account))).one_or_none()
    return None if row is None else account_of(row)


async def make_account(connection: AsyncConnection, sign_up: Pending, now: float) -> int | None:
    """Make the account of a sign-up and return its number; None if its address has one already.

    The other sign-ups of the address become decoys and stay their time: if
    they were deleted, their makers could tell that there is an account now.
    """
    if await find_account(connection, sign_up.email) is not None:
        return None
    made = await connection.execute(
        insert(accounts).values(
            email=sign_up.email,
            username=sign_up.username,
            password_hash=sign_up.password_hash,
            language=sign_up.language,
            address=sign_up.address,
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
    """Change a password's hash; return False if it is not `old_hash` any more."""
    changed = await connection.execute(
        update(accounts)
        .where(accounts.c.id == account, accounts.c.password_hash == old_hash)
        .values(password_hash=new_hash)
    )
    return changed.rowcount == 1


async def hash_of_each_cost(connection: AsyncConnection) -> Sequence[str]:
    """Return one stored hash of each set of argon2 parameters, of accounts and of sign-ups that wait."""
    found: list[str] = []
    for column in (accounts.c.password_hash, pending.c.password_hash):
        parameters = func.substr(column, 1, func.length(column) - _SALT_AND_HASH)
        hashes = select(func.min(column)).where(column.like("$argon2id$%")).group_by(parameters)
        found += (await connection.execute(hashes)).scalars()
    return found


async def is_right_secret(connection: AsyncConnection, mark: int) -> bool:
    """Return True if this database was made with this secret; the first one it is asked about is right."""
    found = (await connection.execute(select(marks.c.value).where(marks.c.name == "secret"))).scalar()
    if found is None:
        await connection.execute(insert(marks).values(name="secret", value=mark))
        return True
    return bool(found == mark)


def account_of(row: Row[tuple[object, ...]]) -> Account:
    """Read a row that has all columns of `accounts`."""
    return Account(row.id, row.email, row.username, row.password_hash, row.language, row.address, row.created)
