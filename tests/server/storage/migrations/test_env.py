"""Migrations run in the transaction of the caller, as a whole or not at all."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.operations import Operations

from floater.errors import ServerRefused
from server.storage.sqlite import SqliteEngine


@pytest.mark.logs("a transaction failed")
@pytest.mark.asyncio
async def test_a_migration_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Operations.create_table

    def fail_at_the_last(self: Operations, name: str, *columns: object, **how: object) -> object:
        if name == "marks":
            raise OSError("the disk is full")
        return honest(self, name, *columns, **how)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(Operations, "create_table", fail_at_the_last)
    path = tmp_path / "floater.db"
    with pytest.raises(ServerRefused):
        await SqliteEngine.open(path)
    with closing(sqlite3.connect(path)) as plain:
        assert plain.execute("SELECT name FROM sqlite_master").fetchall() == []
