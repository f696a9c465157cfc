"""Bytes reach the file in order, whether the system's memory lies between or not."""

import contextlib
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from floater.store.writer import DIRECT_FROM, STRIDE, Writer

DATA = random.Random(1).randbytes(DIRECT_FROM + 3 * STRIDE + 17)


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[int]:
    fd = os.open(folder / "file", os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0))
    try:
        yield fd
    finally:
        os.close(fd)


def goes_past_memory(fd: int) -> bool:
    if sys.platform != "linux":
        return False
    import fcntl

    return bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT)


@pytest.mark.parametrize("size", [0, 1, STRIDE, DIRECT_FROM - 1, DIRECT_FROM, DIRECT_FROM + 1, len(DATA)])
@pytest.mark.parametrize("piece", [100_003, STRIDE, STRIDE + 4_096, 5 * STRIDE + 1])
def test_what_is_written_is_what_was_given(tmp_path: Path, size: int, piece: int) -> None:
    with opened(tmp_path) as fd:
        writer = Writer(fd, size)
        for at in range(0, size, piece):
            writer.write(memoryview(DATA)[at : min(at + piece, size)])
        writer.flush()
        assert not goes_past_memory(fd)
    assert (tmp_path / "file").read_bytes() == DATA[:size]


def test_only_a_large_file_goes_past_memory(tmp_path: Path) -> None:
    with opened(tmp_path) as fd:
        Writer(fd, DIRECT_FROM - 1)
        assert not goes_past_memory(fd)
        writer = Writer(fd, DIRECT_FROM)
        if not goes_past_memory(fd):
            assert not writer._direct  # this file system does not know how
            return
        writer.write(DATA[: STRIDE - 1])
        assert os.fstat(fd).st_size == 0
        writer.write(DATA[STRIDE - 1 : STRIDE + 1])
        assert os.fstat(fd).st_size == STRIDE


def test_where_the_disk_takes_no_such_write_the_system_is_asked_to(tmp_path: Path) -> None:
    with opened(tmp_path) as fd:
        writer = Writer(fd, len(DATA))
        os.write(fd, b"x") if not writer._direct else os.lseek(fd, 1, os.SEEK_SET)  # no multiple of a block
        writer.write(DATA)
        assert not goes_past_memory(fd)
        writer.flush()
    assert (tmp_path / "file").read_bytes()[1:] == DATA


def test_a_full_disk_is_told() -> None:
    fd = os.open("/dev/full", os.O_RDWR)
    try:
        writer = Writer(fd, len(DATA))
        with pytest.raises(OSError, match="No space left"):
            writer.write(DATA)
    finally:
        os.close(fd)
