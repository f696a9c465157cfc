"""The database in one SQLite file: opened, brought up to date, read and written in transactions.

WAL mode with synchronous=FULL: what was answered survives a power cut.
"""

import asyncio
import logging
import os
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self
from weakref import WeakSet

import aiosqlite
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import AsyncAdaptedQueuePool, Connection, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from floater.codes import Code
from floater.errors import FloaterError, ServerRefused

log = logging.getLogger("server.storage")

LOCK_TIMEOUT: Final = 5.0
"Seconds to wait for another writer, in this process or another, before giving up."

_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    f"PRAGMA busy_timeout = {round(LOCK_TIMEOUT * 1000)}",
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",
)


class _Connection(sqlite3.Connection):
    """One that closes itself when it is forgotten, as aiosqlite does if its opening is cancelled."""

    def __del__(self) -> None:
        with suppress(sqlite3.ProgrammingError):  # it could not be opened
            self.close()


class SqliteEngine:
    """An `Engine`: `open` it, then `read` and `write`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = create_async_engine(
            "sqlite+aiosqlite://",
            poolclass=AsyncAdaptedQueuePool,
            async_creator=self._connect,
            hide_parameters=True,
        )
        self._writer = asyncio.Lock()
        self._connections: WeakSet[aiosqlite.Connection] = WeakSet()
        self._threads: list[Future[threading.Thread]] = []

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open a database, create it if there is none, and bring its schema up to date.

        Raises:
            FloaterError: SCHEMA_TOO_NEW, and nothing was touched; or
                STORAGE_FAILED (no database, a full or broken disk).
        """
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise FloaterError(Code.STORAGE_FAILED, f"cannot open the database: {error.strerror}") from error
        database = cls(path)
        event.listen(database._engine.sync_engine, "connect", _prepare)
        event.listen(database._engine.sync_engine, "begin", _begin)
        try:
            async with database.write() as connection:
                await connection.run_sync(_upgrade)
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        """Close all connections, folding the write-ahead log into the database.

        Each connection works in a thread of its own, which outlives a
        cancelled query. Its end is awaited, because it reports to our loop.
        """
        await self._engine.dispose()
        for connection in list(self._connections):
            connection.stop()
        for thread in self._threads:
            await asyncio.to_thread(_join, thread)

    def _connect(self) -> aiosqlite.Connection:
        thread: Future[threading.Thread] = Future()

        def connect() -> sqlite3.Connection:  # called by the thread that aiosqlite starts
            thread.set_result(threading.current_thread())
            return sqlite3.connect(self._path, check_same_thread=False, factory=_Connection)

        connection = aiosqlite.Connection(connect, iter_chunk_size=64)
        self._connections.add(connection)
        self._threads = [one for one in self._threads if not one.done() or one.result().is_alive()]
        self._threads.append(thread)
        return connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """See one state of the database (`Engine.read`)."""
        with _named():
            async with self._engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Read and change it (`Engine.write`)."""
        try:
            async with asyncio.timeout(LOCK_TIMEOUT):
                await self._writer.acquire()
        except TimeoutError:
            raise ServerRefused(Code.BUSY, "writers wait", retry_after=LOCK_TIMEOUT) from None
        try:
            with _named():
                async with self._engine.connect() as connection:
                    await connection.execution_options(floater_write=True)
                    async with connection.begin():
                        yield connection
        finally:
            self._writer.release()


def _join(thread: "Future[threading.Thread]") -> None:
    """Wait until a connection's thread has begun, and has ended."""
    thread.result(LOCK_TIMEOUT).join(LOCK_TIMEOUT)


@contextmanager
def _named() -> Iterator[None]:
    """Turn the database's own errors into ServerRefused."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        cause = getattr(error, "orig", None) or error
        name = getattr(cause, "sqlite_errorname", None) or type(cause).__name__
        log.error("= a transaction failed: %s", name)
        raise ServerRefused(Code.STORAGE_FAILED, name) from error


def _prepare(connection: Any, _: object) -> None:
    """Set a new connection up. `_begin` begins transactions, so Python's own handling of them is off."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Connection) -> None:
    # A writer takes its lock at once: a transaction that began as a reader cannot wait for it later.
    is_write = connection.get_execution_options().get("floater_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", "server.storage:migrations")
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    found = set(MigrationContext.configure(connection).get_current_heads())
    if not found <= known:
        raise FloaterError(
            Code.SCHEMA_TOO_NEW,
            f"the database has schema {', '.join(sorted(found))}, which this program does not know: it was"
            " written by a later version. Start that version; nothing was changed",
        )
    if found != set(scripts.get_heads()):
        log.info("= bringing the schema from %s to %s", sorted(found) or "nothing", scripts.get_heads())
        command.upgrade(config, "head")
