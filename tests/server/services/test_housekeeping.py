import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from server.config import ServerConfig
from server.services import housekeeping
from server.storage.pending import forget_old_pending
from tests.helpers.accounts import HOME, Clock, Mailbox, a_sign_up, an_account, opened

pytestmark = pytest.mark.logs("given up after", "put off (LookupError)")


def rows(folder: Path) -> dict[str, int]:
    with sqlite3.connect(folder / "floater.db") as plain:
        counts = {
            table: int(plain.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
            for table in ("accounts", "pending", "tokens")
        }
    plain.close()
    return counts


@pytest.mark.asyncio
async def test_what_is_over_is_deleted_and_accounts_stay(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as accounts:
        await an_account(accounts, Mailbox(tmp_path))
        await accounts.sign_up(a_sign_up("bert@example.org"), HOME)
        assert rows(tmp_path) == {"accounts": 1, "pending": 1, "tokens": 1}
    clock.now += ServerConfig(data_dir=tmp_path).token_idle
    async with opened(tmp_path, clock):
        async with asyncio.timeout(30):
            while rows(tmp_path) != {"accounts": 1, "pending": 0, "tokens": 0}:
                await asyncio.sleep(0.01)


@pytest.mark.asyncio
async def test_no_fault_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as accounts:
        await accounts.sign_up(a_sign_up(), HOME)
    clock.now += ServerConfig(data_dir=tmp_path).mail_lifetime + 1.0
    real, faults = forget_old_pending, [LookupError("unforeseen")]

    async def forget_old(*given: Any, **named: Any) -> None:
        if faults:
            raise faults.pop()
        await real(*given, **named)

    monkeypatch.setattr(housekeeping, "forget_old_pending", forget_old)
    monkeypatch.setattr(housekeeping, "INTERVAL", 0.01)
    async with opened(tmp_path, clock):
        async with asyncio.timeout(30):
            while rows(tmp_path)["pending"]:
                await asyncio.sleep(0.01)
    assert faults == []
