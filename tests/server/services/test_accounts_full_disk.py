"""A disk that is really full: a small file system of its own."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from floater.codes import Code
from floater.errors import FloaterError, ServerRefused
from floater.wire import control
from tests.helpers.accounts import HOME, NO_LIMITS, Mailbox, a_log_in, a_sign_up, an_account, opened

pytestmark = pytest.mark.logs("a transaction failed: SQLITE_FULL")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only root may mount a small disk")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        for size in (65_536, 4_096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                pass
    return ballast


async def remount(disk: Path, how: str) -> None:
    """Mount it again, as soon as the last thread of a database has let go of its files."""
    async with asyncio.timeout(60):
        while await _tried(disk, how):
            await asyncio.sleep(0.05)


async def _tried(disk: Path, how: str) -> int:
    command = "mount", "-o", f"remount,{how}", str(disk)
    return await (await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)).wait()


@pytest.mark.asyncio
async def test_a_full_disk_refuses_by_name_stores_nothing_by_halves_and_recovers(small_disk: Path) -> None:
    async with opened(small_disk, **NO_LIMITS) as accounts:
        mailbox = Mailbox(small_disk)
        _, token = await an_account(accounts, mailbox)
        ballast = fill(small_disk)
        refused: list[Code] = []
        for number in range(200):  # the write-ahead log has room for a few more; then nothing goes
            try:
                await accounts.sign_up(a_sign_up(f"person{number}@example.org"), HOME)
            except ServerRefused as error:
                refused.append(error.code)
            if len(refused) == 3:
                break
        assert refused == [Code.STORAGE_FAILED] * 3
        session, _ = await accounts.restore(control.Restore(id=1, token=token), HOME)
        with pytest.raises(ServerRefused) as caught:
            await accounts.set_username(session, control.SetUsername(id=1, username="Zoe"))
        assert caught.value.code is Code.STORAGE_FAILED

        ballast.unlink()
        session, _ = await accounts.restore(control.Restore(id=1, token=token), HOME)
        assert session.username == "Anna"
        # A sign-up that was refused left nothing behind, and can simply be made again.
        with pytest.raises(ServerRefused) as caught:
            await a_log_in(accounts, f"person{number}@example.org")
        assert caught.value.code is Code.WRONG_LOG_IN
        await accounts.sign_up(a_sign_up(f"person{number}@example.org"), HOME)


@pytest.mark.asyncio
async def test_a_disk_that_is_full_at_the_start_says_so(small_disk: Path) -> None:
    ballast = fill(small_disk)
    with pytest.raises(FloaterError) as caught:
        async with opened(small_disk):
            pass
    assert caught.value.code is Code.STORAGE_FAILED
    ballast.unlink()
    async with opened(small_disk) as accounts:
        await an_account(accounts, Mailbox(small_disk))


@pytest.mark.asyncio
async def test_a_disk_that_cannot_be_written_to_says_so_at_the_start(small_disk: Path) -> None:
    async with opened(small_disk) as accounts:
        await an_account(accounts, Mailbox(small_disk))
    await remount(small_disk, "ro")
    with pytest.raises(FloaterError) as caught:
        async with opened(small_disk):
            pass
    assert caught.value.code is Code.STORAGE_FAILED
    await remount(small_disk, "rw")
    async with opened(small_disk) as accounts:
        await a_log_in(accounts)
