"""The tables that the program knows are those that the migrations make."""

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from server.storage.engine import Engine
from server.storage.tables import metadata


def differences(connection: Connection) -> list[Any]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


@pytest.mark.asyncio
async def test_an_empty_folder_gets_the_schema_that_the_program_knows(engine: Engine) -> None:
    async with engine.read() as connection:
        assert await connection.run_sync(differences) == []


def test_every_constraint_has_a_name_by_which_a_migration_can_change_it() -> None:
    for table in metadata.tables.values():
        for constraint in table.constraints:
            assert constraint.name, (table.name, constraint)
