"""The first schema: its tables."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from server.storage.sqlite import SqliteEngine


@pytest.mark.asyncio
async def test_the_first_tables_are_made(tmp_path: Path) -> None:
    await (await SqliteEngine.open(tmp_path / "floater.db")).close()
    with closing(sqlite3.connect(tmp_path / "floater.db")) as plain:
        tables = {name for (name,) in plain.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert tables >= {"accounts", "pending", "tokens", "outbox", "marks", "alembic_version"}
        counts = dict(plain.execute("SELECT name, value FROM marks"))
    assert counts == {"wrong_codes": 0}
