import os
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import pytest

from floater.core.talk.transfer import FileCreated
from floater.store.target import LEFT_FOR, Target, remove_leftovers

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
