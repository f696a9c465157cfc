"""A database of its own for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from server.storage.engine import Engine
from server.storage.sqlite import SqliteEngine


@pytest_asyncio.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    """The one engine there is, by its face."""
    opened: Engine = await SqliteEngine.open(tmp_path / "floater.db")
    yield opened
    await opened.close()
