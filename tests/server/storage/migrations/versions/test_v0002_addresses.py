"""The second schema: where mail goes, also in a database of the first."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from server.storage.migrations.versions import v0001_accounts, v0002_addresses
from server.storage.sqlite import SqliteEngine


def make_first(path: Path) -> None:
    """Make a database as the first version left it, with one account."""
    config = Config()
    config.set_main_option("script_location", "server.storage:migrations")
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, v0001_accounts.revision)
        connection.exec_driver_sql(
            "INSERT INTO accounts (email, username, password_hash, language, created)"
            " VALUES ('anna@example.org', 'Anna', 'hash', 'en', 1.0)"
        )
    engine.dispose()


@pytest.mark.asyncio
async def test_accounts_of_the_first_schema_get_the_only_address_that_is_known_of_them(
    tmp_path: Path,
) -> None:
    make_first(tmp_path / "floater.db")
    await (await SqliteEngine.open(tmp_path / "floater.db")).close()
    with closing(sqlite3.connect(tmp_path / "floater.db")) as plain:
        accounts = plain.execute("SELECT username, email, address FROM accounts").fetchall()
        found = plain.execute("SELECT version_num FROM alembic_version").fetchall()
    assert accounts == [("Anna", "anna@example.org", "anna@example.org")]
    assert found == [(v0002_addresses.revision,)]
