import stat
from pathlib import Path

import pytest

from floater.whole import write_whole


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_is_replaced_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    path.chmod(0o644)
    write_whole(path, b"after")
    assert path.read_bytes() == b"after"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(tmp_path) == {"file"}


def test_a_part_that_was_left_behind_is_not_written_into(tmp_path: Path) -> None:
    part = tmp_path / ".file.part"
    part.write_bytes(b"a longer content, which others may read")
    with part.open("rb") as reader:
        write_whole(tmp_path / "file", b"secret")
        assert reader.read() == b"a longer content, which others may read"
    assert (tmp_path / "file").read_bytes() == b"secret"
    assert names(tmp_path) == {"file"}


def test_a_rehearsal_leaves_everything_as_it_was(tmp_path: Path) -> None:
    write_whole(tmp_path / "new", b"content", rehearse=True)
    assert names(tmp_path) == set()
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "no_folder" / "new", b"content", rehearse=True)


def test_where_the_file_cannot_be_put_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError, match="file"):
        write_whole(tmp_path / "file", b"content")
    assert names(tmp_path) == {"file"}
