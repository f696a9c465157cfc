import asyncio
import gc
import sqlite3
import stat
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from floater.codes import Code
from floater.errors import FloaterError, ServerRefused
from server.storage import sqlite as module
from server.storage.sqlite import SqliteEngine
from server.storage.tables import marks

pytestmark = pytest.mark.logs("a transaction failed")


async def count(database: SqliteEngine) -> int:
    async with database.read() as connection:
        return int((await connection.execute(select(marks.c.value))).scalar_one())


@pytest.mark.asyncio
async def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    for expected in (0, 1, 2):
        database = await SqliteEngine.open(tmp_path / "floater.db")
        assert await count(database) == expected
        async with database.write() as connection:
            await connection.execute(update(marks).values(value=marks.c.value + 1))
        await database.close()


@pytest.mark.asyncio
async def test_the_database_is_safe_against_a_power_cut_and_for_one_user_only(tmp_path: Path) -> None:
    path = tmp_path / "floater.db"
    database = await SqliteEngine.open(path)
    async with database.write() as connection:
        pragmas = {
            name: (await connection.execute(text(f"PRAGMA {name}"))).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    await database.close()


@pytest.mark.asyncio
async def test_a_schema_of_a_later_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "floater.db"
    await (await SqliteEngine.open(path)).close()
    with closing(sqlite3.connect(path)) as plain, plain:
        plain.execute("UPDATE alembic_version SET version_num = '9999'")
    before = path.read_bytes()
    with pytest.raises(FloaterError, match=r"9999.*later version") as caught:
        await SqliteEngine.open(path)
    assert caught.value.code is Code.SCHEMA_TOO_NEW
    assert path.read_bytes() == before


@pytest.mark.asyncio
async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "floater.db"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(FloaterError) as caught:
        await SqliteEngine.open(path)
    assert caught.value.code is Code.STORAGE_FAILED
    assert path.read_bytes() == b"no database at all" * 100


@pytest.mark.asyncio
async def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FloaterError) as caught:
        await SqliteEngine.open(tmp_path / "nowhere" / "floater.db")
    assert caught.value.code is Code.STORAGE_FAILED


@pytest.mark.asyncio
async def test_a_block_that_raises_changes_nothing(tmp_path: Path) -> None:
    database = await SqliteEngine.open(tmp_path / "floater.db")

    async def fail() -> None:
        async with database.write() as connection:
            await connection.execute(update(marks).values(value=77))
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert await count(database) == 0
    await database.close()


@pytest.mark.asyncio
async def test_a_cancelled_writer_changes_nothing_and_lets_the_next_one_in(tmp_path: Path) -> None:
    database = await SqliteEngine.open(tmp_path / "floater.db")
    is_inside = asyncio.Event()

    async def hang() -> None:
        async with database.write() as connection:
            await connection.execute(update(marks).values(value=77))
            is_inside.set()
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(hang())
        await is_inside.wait()
        task.cancel()
    async with database.write() as connection:
        await connection.execute(update(marks).values(value=marks.c.value + 1))
    assert await count(database) == 1
    await database.close()


@pytest.mark.asyncio
async def test_writers_take_turns_and_none_is_lost(tmp_path: Path) -> None:
    database = await SqliteEngine.open(tmp_path / "floater.db")

    async def add() -> None:
        async with database.write() as connection:
            value = (await connection.execute(select(marks.c.value))).scalar_one()
            await connection.execute(update(marks).values(value=value + 1))

    await asyncio.gather(*(add() for _ in range(50)))
    assert await count(database) == 50
    await database.close()


@pytest.mark.asyncio
async def test_a_database_locked_by_another_program_is_a_named_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "floater.db"
    monkeypatch.setattr(module, "_PRAGMAS", (*module._PRAGMAS, "PRAGMA busy_timeout = 20"))
    database = await SqliteEngine.open(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ServerRefused) as caught:
            async with database.write():
                pass
        assert caught.value.code is Code.STORAGE_FAILED
        assert await count(database) == 0  # who only reads is not disturbed
        other.execute("ROLLBACK")
    async with database.write() as connection:
        await connection.execute(update(marks).values(value=1))
    await database.close()


@pytest.mark.asyncio
async def test_a_writer_that_waits_too_long_is_told_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await SqliteEngine.open(tmp_path / "floater.db")
    monkeypatch.setattr(module, "LOCK_TIMEOUT", 0.02)
    async with database.write():
        with pytest.raises(ServerRefused) as caught:
            async with database.write():
                pass
    assert caught.value.code is Code.BUSY
    assert caught.value.retry_after > 0
    await database.close()


@pytest.mark.asyncio
async def test_errors_hold_nothing_of_what_was_to_be_stored(tmp_path: Path) -> None:
    database = await SqliteEngine.open(tmp_path / "floater.db")
    with pytest.raises(ServerRefused) as caught:
        async with database.write() as connection:
            await connection.execute(
                text("INSERT INTO nowhere VALUES (:email)"), {"email": "anna@example.org"}
            )
    assert caught.value.code is Code.STORAGE_FAILED
    assert "anna" not in f"{caught.value!r} {caught.value.__cause__!r}"
    await database.close()


@pytest.mark.asyncio
async def test_a_connection_whose_opening_is_cancelled_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From Python 3.13 on, one that is forgotten while it is open is a warning, which no caller can catch."""
    forgotten: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", forgotten.append)
    database = await SqliteEngine.open(tmp_path / "floater.db")
    async with database.read():  # so that the next one has to be opened
        for passes in range(8):
            reading = asyncio.get_running_loop().create_task(count(database))
            for _ in range(passes):
                await asyncio.sleep(0)
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading
    await database.close()
    with pytest.raises(sqlite3.OperationalError):
        module._Connection(tmp_path / "nowhere" / "floater.db")
    gc.collect()
    assert forgotten == []
