import errno
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Never

import pytest
from blake3 import blake3

from floater.codes import Code
from floater.core.talk.transfer import FileCreated, FileStored, WriteFailed
from floater.store.target import LEFT_FOR, Target, remove_leftovers
from floater.wire.digest import Digest

LATER = 2 * LEFT_FOR
OURS = ".floater-0123456789abcdef.part"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def hasher() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def test_what_a_killed_program_left_is_removed(tmp_path: Path, hasher: Executor) -> None:
    target = Target("1111111111111111.1", str(tmp_path), "a.txt", 5, hasher, unnamed=False)
    assert target.create([]) == FileCreated("1111111111111111.1")
    target.write(b"abc")
    (part,) = names(tmp_path)
    os.close(target._fd)  # as the end of the program does
    remove_leftovers(tmp_path, now=time.time())
    assert names(tmp_path) == {part}
    remove_leftovers(tmp_path, now=time.time() + LATER)
    assert names(tmp_path) == set()


def test_a_file_that_another_client_is_receiving_stays(tmp_path: Path, hasher: Executor) -> None:
    target = Target("1111111111111111.1", str(tmp_path), "a.txt", 5, hasher, unnamed=False)
    target.create([])
    (part,) = names(tmp_path)
    remove_leftovers(tmp_path, now=time.time() + LATER)
    assert names(tmp_path) == {part}
    target.discard()
    assert names(tmp_path) == set()


def test_nothing_else_is_removed(tmp_path: Path) -> None:
    others = {"a.part", ".floater-.part", ".floater-0123.part", OURS.upper(), OURS + "x", "x" + OURS}
    for name in others:
        (tmp_path / name).write_text("theirs")
    (tmp_path / OURS).mkdir()
    (tmp_path / OURS.replace("0", "1")).symlink_to(tmp_path / "a.part")
    os.mkfifo(tmp_path / OURS.replace("0", "2"))
    (tmp_path / "kept").write_text("has two names")
    os.link(tmp_path / "kept", tmp_path / OURS.replace("0", "3"))
    before = names(tmp_path)
    remove_leftovers(tmp_path, now=time.time() + LATER)
    assert names(tmp_path) == before


def test_a_folder_that_is_not_there_is_no_fault(tmp_path: Path) -> None:
    remove_leftovers(tmp_path / "none", now=0.0)
    assert names(tmp_path) == set()


def test_a_number_stands_before_both_endings_of_a_packed_archive(tmp_path: Path, hasher: Executor) -> None:
    for name, second in (("a.tar.gz", "a (2).tar.gz"), ("b.c.gz", "b.c (2).gz"), ("d", "d (2)")):
        target = Target("1111111111111111.1", str(tmp_path), name, 5, hasher, unnamed=False)
        assert Path(target._names()[1]).name == second


ID = "1111111111111111.1"
ABC = hashlib.sha256(b"abc").digest()


def failing(number: int) -> Callable[..., Never]:
    def fail(*_: object, **_more: object) -> Never:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.EXDEV, errno.ENOSYS])
def test_a_file_is_kept_where_there_are_no_hard_links(
    number: int, tmp_path: Path, hasher: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.link", failing(number))
    target = Target(ID, str(tmp_path), "a.txt", 3, hasher)
    assert target.create([]) == FileCreated(ID)
    target.write(b"abc")
    assert target.finish(ABC) == FileStored(ID, str(tmp_path / "a.txt"))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.txt": b"abc"}


def test_the_trial_of_a_name_leaves_nothing(tmp_path: Path, hasher: Executor) -> None:
    target = Target(ID, str(tmp_path), "a.txt", 3, hasher)
    assert target.create([]) == FileCreated(ID)
    assert len(names(tmp_path)) == (target._part is not None)
    target.discard()
    assert names(tmp_path) == set()


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EROFS, Code.NOT_WRITABLE),
        (errno.EACCES, Code.NOT_WRITABLE),
        (errno.ENOSPC, Code.DISK_FULL),
        (errno.EIO, Code.STORAGE_FAILED),
    ],
)
def test_each_failure_to_make_a_file_has_its_own_code(
    number: int, code: Code, tmp_path: Path, hasher: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Target(ID, str(tmp_path), "a.txt", 3, hasher)
    monkeypatch.setattr("os.open", failing(number))
    assert target.create([]) == WriteFailed(ID, code)


def test_what_fails_after_the_file_was_made_leaves_nothing(
    tmp_path: Path, hasher: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("floater.store.target.Writer", failing(errno.ENOMEM))
    target = Target(ID, str(tmp_path), "a.txt", 3, hasher, unnamed=False)
    assert target.create([]) == WriteFailed(ID, Code.STORAGE_FAILED)
    assert names(tmp_path) == set()


@pytest.mark.parametrize("unnamed", [True, False])
def test_a_folder_that_goes_away_on_the_way_is_no_full_disk(
    unnamed: bool, tmp_path: Path, hasher: Executor
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    target = Target(ID, str(folder), "a.txt", 3, hasher, unnamed=unnamed)
    assert target.create([]) == FileCreated(ID)
    target.write(b"abc")
    shutil.rmtree(folder)
    assert target.finish(ABC) == WriteFailed(ID, Code.NO_SUCH_FILE)


def test_a_disk_that_breaks_on_the_way_is_no_full_disk(tmp_path: Path, hasher: Executor) -> None:
    target = Target(ID, str(tmp_path), "a.txt", 3, hasher)
    target.create([])
    target._writer.write = failing(errno.EIO)  # type: ignore[method-assign]
    assert target.write(b"abc") == WriteFailed(ID, Code.STORAGE_FAILED)


def test_a_disk_that_does_not_tell_its_room_is_tried(
    tmp_path: Path, hasher: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        total = free = 0

    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage)
    assert Target(ID, str(tmp_path), "a.txt", 3, hasher).create([]) == FileCreated(ID)


@pytest.mark.parametrize("folder", ["a\0b", "\ud800"])
def test_leftovers_in_what_is_no_path_are_none(folder: str, tmp_path: Path) -> None:
    remove_leftovers(tmp_path / folder, now=0.0)
    assert names(tmp_path) == set()


@pytest.mark.parametrize(
    ("digest", "outcome"),
    [(blake3(b"abc").digest(), FileStored), (ABC, WriteFailed)],
)
def test_a_file_is_checked_by_the_digest_that_was_chosen(
    digest: bytes, outcome: type, tmp_path: Path, hasher: Executor
) -> None:
    target = Target(ID, str(tmp_path), "a.txt", 3, hasher, digest=Digest.BLAKE3)
    assert target.create([]) == FileCreated(ID)
    target.write(b"abc")
    assert isinstance(target.finish(digest), outcome)
