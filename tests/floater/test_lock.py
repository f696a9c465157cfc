import errno
from pathlib import Path

import pytest

from floater.codes import Code
from floater.errors import Refused
from floater.lock import FILE, FolderLock


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    first, second = FolderLock(folder), FolderLock(folder)
    first.take()
    with pytest.raises(Refused) as refused:
        second.take()
    assert refused.value.code is Code.DATA_DIR_IN_USE
    first.give_back()
    second.take()
    first.give_back()
    with pytest.raises(Refused):
        first.take()
    second.give_back()
    assert [path.name for path in folder.iterdir()] == [FILE]


def test_a_folder_that_cannot_be_made_is_unusable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Refused) as refused:
        FolderLock(tmp_path / "file" / "folder").take()
    assert refused.value.code is Code.DATA_DIR_UNUSABLE


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EROFS, Code.DATA_DIR_UNUSABLE),
        (errno.EACCES, Code.DATA_DIR_UNUSABLE),
        (errno.ENOSPC, Code.STORAGE_FAILED),
    ],
)
def test_only_a_full_disk_is_called_full(
    number: int, code: Code, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, "")

    monkeypatch.setattr("os.open", fail)
    with pytest.raises(Refused) as refused:
        FolderLock(tmp_path).take()
    assert refused.value.code is code


@pytest.mark.logs("has no locks")
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_folder_without_locks_can_be_used(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_number: int) -> None:
        raise OSError(number, "no locks here")

    monkeypatch.setattr("floater.lock._lock", fail)
    lock = FolderLock(tmp_path)
    lock.take()
    lock.give_back()
