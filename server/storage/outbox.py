"""The statements about mails that wait to be handed over. Each runs in its caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.tables import outbox


@dataclass(frozen=True, slots=True)
class WaitingMail:
    """A row of `outbox`. Times are UTC seconds."""

    id: int
    pending: int
    "The row of the code that the mail holds, 0 for none."
    sealed: bytes
    tries: int
    created: float


async def add_mail(connection: AsyncConnection, pending: int, sealed: bytes, now: float) -> None:
    """Add a mail, to be handed over at once."""
    await connection.execute(
        insert(outbox).values(pending=pending, sealed=sealed, tries=0, next_try=now, created=now)
    )


async def due_mails(connection: AsyncConnection, now: float, *, limit: int) -> Sequence[WaitingMail]:
    """Return the mails that are due, those with the fewest tries first."""
    due = select(outbox).where(outbox.c.next_try <= now).order_by(outbox.c.tries, outbox.c.id).limit(limit)
    rows = (await connection.execute(due)).all()
    return [WaitingMail(row.id, row.pending, row.sealed, row.tries, row.created) for row in rows]


async def next_try(connection: AsyncConnection) -> float | None:
    """Return when the next mail is due; None if none waits."""
    found: float | None = (await connection.execute(select(func.min(outbox.c.next_try)))).scalar()
    return found


async def put_off(connection: AsyncConnection, mail: int, until: float) -> None:
    """Count a try, and let a mail wait until then."""
    change = update(outbox).where(outbox.c.id == mail)
    await connection.execute(change.values(tries=outbox.c.tries + 1, next_try=until))


async def drop_mail(connection: AsyncConnection, mail: int) -> None:
    """Delete a mail."""
    await connection.execute(delete(outbox).where(outbox.c.id == mail))
