import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from blake3 import blake3

from floater.codes import Code
from floater.core.talk.transfer import BlockRead, OfferFile, ReadFailed
from floater.errors import Refused
from floater.store import source as source_module
from floater.store.source import Source, make_preview
from floater.wire.digest import Digest


def opened(path: Path, content: bytes = b"0123456789") -> Source:
    path.write_bytes(content)
    return Source(7, str(path))


def refusal(path: Path | str) -> Code:
    with pytest.raises(Refused) as refused:
        Source(1, str(path))
    return refused.value.code


def test_a_file_is_read_in_blocks_and_hashed_once_it_was_read_whole(tmp_path: Path) -> None:
    source = opened(tmp_path / "a.txt")
    assert source.offer() == OfferFile(7, "a.txt", "text/plain", 10, None)
    assert source.read(0, 6) == BlockRead(7, 0, b"012345", b"")
    assert source.read(2, 2) == BlockRead(7, 2, b"23", b"")  # again, after a link was lost
    digest = hashlib.sha256(b"0123456789").digest()
    assert source.read(4, 6) == BlockRead(7, 4, b"456789", digest)
    source.close()


def test_the_first_read_chooses_the_digest(tmp_path: Path) -> None:
    source = opened(tmp_path / "a.txt")
    assert source.read(0, 6, Digest.BLAKE3) == BlockRead(7, 0, b"012345", b"")
    digest = blake3(b"0123456789").digest()
    assert source.read(6, 4, Digest.BLAKE3) == BlockRead(7, 6, b"6789", digest)
    source.close()


def test_what_is_no_regular_file_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "nowhere", tmp_path / "file" / "x", "a\0b"):
        assert refusal(path) is Code.NO_SUCH_FILE


def test_what_turns_into_a_pipe_between_two_looks_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    status = os.stat(tmp_path / "file")
    monkeypatch.setattr(os, "stat", lambda path: status)
    assert refusal(tmp_path / "pipe") is Code.NO_SUCH_FILE


def test_a_file_that_may_not_be_read_is_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert refusal(loop) is Code.FILE_UNREADABLE
    (tmp_path / "file").write_bytes(b"content")

    def fail(fd: int, size: int) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "read", fail)
    assert refusal(tmp_path / "file") is Code.FILE_UNREADABLE


def test_a_file_that_is_larger_than_the_protocol_counts_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_module, "MAX_FILE", 9)
    (tmp_path / "file").write_bytes(b"0123456789")
    assert refusal(tmp_path / "file") is Code.FILE_TOO_LARGE


def test_a_file_that_changes_while_it_is_sent_is_not_sent_on(tmp_path: Path) -> None:
    shorter = opened(tmp_path / "shorter")
    (tmp_path / "shorter").write_bytes(b"01")
    assert shorter.read(0, 10) == ReadFailed(7, Code.FILE_CHANGED)
    other = opened(tmp_path / "other")
    os.utime(tmp_path / "other", (1, 1))
    assert other.read(0, 10) == ReadFailed(7, Code.FILE_CHANGED)
    shorter.close()
    assert shorter.read(0, 1) == ReadFailed(7, Code.FILE_UNREADABLE)
    other.close()


@pytest.mark.parametrize("most", [3, 4])
def test_a_short_read_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    source, whole_read = opened(tmp_path / "file"), os.read
    monkeypatch.setattr(os, "read", lambda fd, size: whole_read(fd, min(size, most)))
    assert source.read(0, 10) == BlockRead(7, 0, b"0123456789", hashlib.sha256(b"0123456789").digest())
    source.close()


def test_the_name_says_the_type_only_where_the_bytes_do_not(tmp_path: Path) -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(32)
    for name, content, kind in (
        ("a.txt", png, "image/png"),
        ("a.png", b"no picture", "application/octet-stream"),
        ("a.pdf", b"no picture", "application/pdf"),
        ("a", b"", "application/octet-stream"),
    ):
        source = opened(tmp_path / name, content)
        assert source.content_type == kind, name
        source.close()


@pytest.mark.parametrize("output", [b"", b"\x02\x01", b"\x00\x01", b"\x11\x01" + bytes(51)])
def test_a_picture_that_is_none_is_left_out(monkeypatch: pytest.MonkeyPatch, output: bytes) -> None:
    def say(argv: list[str], **options: object) -> subprocess.CompletedProcess[bytes]:
        assert argv[0] == sys.executable
        return subprocess.CompletedProcess(argv, 0, output)

    monkeypatch.setattr(subprocess, "run", say)
    assert make_preview("x") is None
