import asyncio
import hashlib
import os
import subprocess
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from floater.codes import Code
from floater.core.talk.transfer import (
    BLOCK,
    BlockRead,
    BlockWritten,
    CloseFile,
    CreateFile,
    DiscardFile,
    FileCreated,
    FileOrder,
    FileReport,
    FileStored,
    FinishFile,
    ReadBlock,
    ReadFailed,
    WriteBlock,
    WriteFailed,
)
from floater.errors import Refused
from floater.store.files import Files


class Store:
    """Files, and a way to wait for what they report."""

    def __init__(self, *, unnamed: bool = True) -> None:
        self.reports: asyncio.Queue[FileReport] = asyncio.Queue()
        self.files = Files(self.reports.put_nowait, unnamed=unnamed)

    async def ask(self, order: FileOrder) -> FileReport:
        self.files.perform(order)
        return await self.reports.get()

    async def receive(
        self, folder: Path, name: str, data: bytes, transfer: str = "1111111111111111.2"
    ) -> FileReport:
        """Everything that happens to a file on its way in."""
        created = await self.ask(CreateFile(transfer, str(folder), name, len(data)))
        if not isinstance(created, FileCreated):
            return created
        for first in range(0, len(data), BLOCK):
            self.files.perform(WriteBlock(transfer, data[first : first + BLOCK]))
        self.files.perform(FinishFile(transfer, hashlib.sha256(data).digest()))
        while True:
            report = await self.reports.get()
            if not isinstance(report, BlockWritten):
                return report


BOTH = pytest.mark.parametrize("unnamed", [True, False], ids=["unnamed", "part"])


def stored(report: FileReport) -> Path:
    assert isinstance(report, FileStored), report
    return Path(report.path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "floater-test", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


# -- on the way in ------------------------------------------------------------------------


@BOTH
@pytest.mark.asyncio
async def test_a_whole_file_stands_under_its_name_and_only_we_may_read_it(
    tmp_path: Path, unnamed: bool
) -> None:
    store = Store(unnamed=unnamed)
    data = os.urandom(3 * BLOCK + 17)
    path = stored(await store.receive(tmp_path, "cat.png", data))
    assert path == tmp_path / "cat.png"
    assert path.read_bytes() == data
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["cat.png"]
    await store.files.close()
    assert path.read_bytes() == data


@BOTH
@pytest.mark.asyncio
async def test_an_empty_file_is_a_file(tmp_path: Path, unnamed: bool) -> None:
    store = Store(unnamed=unnamed)
    assert stored(await store.receive(tmp_path, "empty", b"")).read_bytes() == b""
    await store.files.close()


@BOTH
@pytest.mark.asyncio
async def test_nothing_is_ever_overwritten(tmp_path: Path, unnamed: bool) -> None:
    store = Store(unnamed=unnamed)
    (tmp_path / "a.txt").write_text("mine")
    (tmp_path / "a (2).txt").symlink_to(tmp_path / "nowhere")
    for number, name in enumerate(["a (3).txt", "a (4).txt"]):
        path = stored(await store.receive(tmp_path, "a.txt", b"theirs", f"L{number + 1}"))
        assert path == tmp_path / name
    assert (tmp_path / "a.txt").read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()
    await store.files.close()


@pytest.mark.parametrize(
    "name",
    [
        "../../evil",
        "/etc/passwd",
        "..",
        "",
        "a/b\\c",
        ".bashrc",
        "CON",
        "x\x00y",
        "\u202egnp.exe",
        "n" * 4_000,
    ],
)
@BOTH
@pytest.mark.asyncio
async def test_a_hostile_name_stays_in_the_folder(tmp_path: Path, name: str, unnamed: bool) -> None:
    store = Store(unnamed=unnamed)
    folder = tmp_path / "in"
    folder.mkdir()
    path = stored(await store.receive(folder, name, b"x"))
    assert path.parent == folder
    assert not path.name.startswith(".")
    assert [entry.name for entry in tmp_path.iterdir()] == ["in"]
    await store.files.close()


@BOTH
@pytest.mark.asyncio
async def test_damage_leaves_nothing(tmp_path: Path, unnamed: bool) -> None:
    store = Store(unnamed=unnamed)
    await store.ask(CreateFile("1111111111111111.2", str(tmp_path), "a", 3))
    await store.ask(WriteBlock("1111111111111111.2", b"abc"))
    failed = await store.ask(FinishFile("1111111111111111.2", hashlib.sha256(b"abd").digest()))
    assert failed == WriteFailed("1111111111111111.2", Code.FILE_DAMAGED)
    assert list(tmp_path.iterdir()) == []
    await store.files.close()


@BOTH
@pytest.mark.asyncio
async def test_a_file_that_is_too_short_is_damaged(tmp_path: Path, unnamed: bool) -> None:
    store = Store(unnamed=unnamed)
    await store.ask(CreateFile("1111111111111111.2", str(tmp_path), "a", 4))
    store.files.perform(WriteBlock("1111111111111111.2", b"abc"))
    failed = await store.ask(FinishFile("1111111111111111.2", hashlib.sha256(b"abc").digest()))
    assert failed == WriteFailed("1111111111111111.2", Code.FILE_DAMAGED)
    assert list(tmp_path.iterdir()) == []
    await store.files.close()


async def discard(store: Store) -> None:
    store.files.perform(DiscardFile("1111111111111111.2"))
    await store.files.close()


async def close(store: Store) -> None:
    await store.files.close()


@pytest.mark.parametrize("end", [discard, close])
@pytest.mark.parametrize("finished", [False, True])
@BOTH
@pytest.mark.asyncio
async def test_what_is_given_up_leaves_nothing_even_if_it_was_just_finished(
    tmp_path: Path, end: Callable[[Store], Awaitable[None]], unnamed: bool, finished: bool
) -> None:
    store = Store(unnamed=unnamed)
    await store.ask(CreateFile("1111111111111111.2", str(tmp_path), "a", 3))
    store.files.perform(WriteBlock("1111111111111111.2", b"abc"))
    if finished:
        store.files.perform(FinishFile("1111111111111111.2", hashlib.sha256(b"abc").digest()))
    await end(store)
    assert list(tmp_path.iterdir()) == []
    assert store.reports.empty()


@BOTH
@pytest.mark.asyncio
async def test_a_folder_that_is_none_is_refused(tmp_path: Path, unnamed: bool) -> None:
    store = Store(unnamed=unnamed)
    (tmp_path / "file").write_text("")
    for folder in ("nowhere", "file", "x\x00y"):
        failed = await store.ask(CreateFile("1111111111111111.2", str(tmp_path / folder), "a", 3))
        assert failed == WriteFailed("1111111111111111.2", Code.NO_SUCH_FILE)
    await store.files.close()


@BOTH
@pytest.mark.asyncio
async def test_a_file_larger_than_the_disk_is_refused_before_a_byte(small_disk: Path, unnamed: bool) -> None:
    store = Store(unnamed=unnamed)
    failed = await store.ask(CreateFile("1111111111111111.2", str(small_disk), "a", 3_000_000))
    assert failed == WriteFailed("1111111111111111.2", Code.DISK_FULL)
    assert list(small_disk.iterdir()) == []
    await store.files.close()


@BOTH
@pytest.mark.asyncio
async def test_files_on_their_way_count_as_if_they_were_there(small_disk: Path, unnamed: bool) -> None:
    store = Store(unnamed=unnamed)
    assert await store.ask(CreateFile("1111111111111111.2", str(small_disk), "a", 1_500_000)) == FileCreated(
        "1111111111111111.2"
    )
    failed = await store.ask(CreateFile("1111111111111111.3", str(small_disk), "b", 1_000_000))
    assert failed == WriteFailed("1111111111111111.3", Code.DISK_FULL)
    await store.files.close()


@BOTH
@pytest.mark.asyncio
async def test_a_disk_that_fills_up_on_the_way_leaves_nothing(small_disk: Path, unnamed: bool) -> None:
    store = Store(unnamed=unnamed)
    data = os.urandom(1_500_000)
    assert await store.ask(CreateFile("1111111111111111.2", str(small_disk), "a", len(data))) == FileCreated(
        "1111111111111111.2"
    )
    assert await store.ask(WriteBlock("1111111111111111.2", data[:BLOCK])) == BlockWritten(
        "1111111111111111.2", BLOCK
    )
    (small_disk / "other").write_bytes(bytes(1_000_000))
    failed = await store.ask(WriteBlock("1111111111111111.2", data[BLOCK:]))
    assert failed == WriteFailed("1111111111111111.2", Code.DISK_FULL)
    assert [entry.name for entry in small_disk.iterdir()] == ["other"]
    free = os.statvfs(small_disk)
    assert free.f_bavail * free.f_frsize > 1_000_000
    await store.files.close()


# -- on the way out -----------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_file_is_read_in_blocks_and_its_hash_comes_with_the_last(tmp_path: Path) -> None:
    store = Store()
    data = os.urandom(BLOCK + 100)
    (tmp_path / "a.bin").write_bytes(data)
    offer = await store.files.open_outgoing(str(tmp_path / "a.bin"))
    assert (offer.name, offer.size, offer.preview) == ("a.bin", len(data), None)
    assert await store.ask(ReadBlock(offer.file, 0, BLOCK)) == BlockRead(offer.file, 0, data[:BLOCK])
    sha256 = hashlib.sha256(data).digest()
    last = BlockRead(offer.file, BLOCK, data[BLOCK:], sha256)
    assert await store.ask(ReadBlock(offer.file, BLOCK, 100)) == last
    # Going back does not spoil the hash.
    back = await store.ask(ReadBlock(offer.file, 7, BLOCK))
    assert back == BlockRead(offer.file, 7, data[7 : BLOCK + 7])
    assert await store.ask(ReadBlock(offer.file, BLOCK, 100)) == last
    store.files.perform(CloseFile(offer.file))
    await store.files.close()


@pytest.mark.asyncio
async def test_an_empty_file_has_a_hash_too(tmp_path: Path) -> None:
    store = Store()
    (tmp_path / "empty").touch()
    offer = await store.files.open_outgoing(str(tmp_path / "empty"))
    read = await store.ask(ReadBlock(offer.file, 0, 0))
    assert read == BlockRead(offer.file, 0, b"", hashlib.sha256().digest())
    await store.files.close()


@pytest.mark.parametrize(
    "change", [lambda p: p.write_bytes(b"other"), lambda p: p.write_bytes(bytes(2 * BLOCK))]
)
@pytest.mark.asyncio
async def test_a_file_that_changes_while_it_is_sent_is_not_sent(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    store = Store()
    path = tmp_path / "a"
    path.write_bytes(os.urandom(2 * BLOCK))
    os.utime(path, ns=(0, 0))
    offer = await store.files.open_outgoing(str(path))
    await store.ask(ReadBlock(offer.file, 0, BLOCK))
    change(path)
    assert await store.ask(ReadBlock(offer.file, BLOCK, BLOCK)) == ReadFailed(offer.file, Code.FILE_CHANGED)
    await store.files.close()


@pytest.mark.asyncio
async def test_only_regular_files_are_offered(tmp_path: Path) -> None:
    store = Store()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "to-pipe").symlink_to(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path, code in [
        ("nowhere", Code.NO_SUCH_FILE),
        ("", Code.NO_SUCH_FILE),
        ("pipe", Code.NO_SUCH_FILE),
        ("to-pipe", Code.NO_SUCH_FILE),
        ("x\x00y", Code.NO_SUCH_FILE),
        ("loop", Code.FILE_UNREADABLE),
        ("/dev/zero", Code.NO_SUCH_FILE),
        ("/proc/self/mem", Code.FILE_UNREADABLE),
    ]:
        with pytest.raises(Refused) as refused:
            await store.files.open_outgoing(os.path.join(tmp_path, path))
        assert refused.value.code is code, path
    await store.files.close()


@pytest.mark.asyncio
async def test_the_type_is_read_from_the_bytes(tmp_path: Path) -> None:
    store = Store()
    for name, data, content_type in [
        ("really.txt", b"\x89PNG\r\n\x1a\n" + bytes(20), "image/png"),
        ("fake.png", b"hello", "application/octet-stream"),
        ("page.svg", b"<svg onload='alert(1)'/>", "application/octet-stream"),
        ("a.txt", b"hello", "text/plain"),
        ("nothing", b"", "application/octet-stream"),
    ]:
        (tmp_path / name).write_bytes(data)
        offer = await store.files.open_outgoing(str(tmp_path / name))
        assert offer.content_type == content_type, name
        assert offer.preview is None, name
    await store.files.close()


@pytest.mark.asyncio
async def test_after_the_end_nothing_is_opened_and_nothing_done(tmp_path: Path) -> None:
    store = Store()
    (tmp_path / "a").write_text("x")
    opening = asyncio.gather(store.files.open_outgoing(str(tmp_path / "a")), return_exceptions=True)
    await asyncio.sleep(0)
    await store.files.close()
    (refused,) = await opening
    assert isinstance(refused, Refused)
    assert refused.code is Code.NO_TALK
    threads = threading.active_count()
    store.files.perform(CreateFile("1111111111111111.2", str(tmp_path), "b", 1))
    store.files.perform(CloseFile(1))
    assert threading.active_count() == threads
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]
