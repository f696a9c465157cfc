import asyncio
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from server.config import ServerConfig
from server.services import housekeeping
from server.services.housekeeping import forget_old_mails
from server.storage.pending import forget_old_pending
from tests.helpers.accounts import HOME, Clock, Mailbox, a_sign_up, an_account, opened

pytestmark = pytest.mark.logs("given up after", "put off (LookupError)")


def rows(folder: Path) -> dict[str, int]:
    with closing(sqlite3.connect(folder / "floater.db")) as plain:
        return {
            table: int(plain.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
            for table in ("accounts", "pending", "tokens")
        }


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


def test_mails_are_deleted_once_their_links_are_worthless(tmp_path: Path) -> None:
    for name, age in (("old.eml", 90.0), ("new.eml", 10.0), ("old.txt", 90.0)):
        (tmp_path / name).write_text("123456")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    (tmp_path / "folder.eml").mkdir()
    os.utime(tmp_path / "folder.eml", (0, 0))
    forget_old_mails(tmp_path, 60.0)
    assert {path.name for path in tmp_path.iterdir()} == {"new.eml", "old.txt", "folder.eml"}
    forget_old_mails(tmp_path / "nowhere", 60.0)


@pytest.mark.asyncio
async def test_the_outbox_is_cleared_at_the_start_of_a_server(tmp_path: Path) -> None:
    old = tmp_path / "outbox" / "1.eml"
    old.parent.mkdir()
    old.write_text("123456")
    os.utime(old, (0, 0))
    async with opened(tmp_path):
        async with asyncio.timeout(20):
            while old.exists():
                await asyncio.sleep(0.01)
