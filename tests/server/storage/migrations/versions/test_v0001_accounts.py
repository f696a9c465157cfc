"""The first schema: its tables, and a database that says which it has."""

import sqlite3
from pathlib import Path

import pytest

from server.storage.migrations.versions import v0001_accounts
from server.storage.sqlite import SqliteEngine


@pytest.mark.asyncio
async def test_the_first_tables_are_made_and_the_database_knows_its_schema(tmp_path: Path) -> None:
    await (await SqliteEngine.open(tmp_path / "floater.db")).close()
    with sqlite3.connect(tmp_path / "floater.db") as plain:
        tables = {name for (name,) in plain.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert tables >= {"accounts", "pending", "tokens", "outbox", "marks", "alembic_version"}
        found = plain.execute("SELECT version_num FROM alembic_version").fetchall()
        counts = dict(plain.execute("SELECT name, value FROM marks"))
    plain.close()
    assert found == [(v0001_accounts.revision,)]
    assert counts == {"wrong_codes": 0}
