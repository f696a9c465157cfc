import errno
import os
from pathlib import Path

import pytest

from floater.codes import Code
from floater.failures import write_failure


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, Code.DISK_FULL),
        (errno.EDQUOT, Code.DISK_FULL),
        (errno.EROFS, Code.NOT_WRITABLE),
        (errno.EACCES, Code.NOT_WRITABLE),
        (errno.EPERM, Code.NOT_WRITABLE),
        (errno.ENOENT, Code.NO_SUCH_FILE),
        (errno.ENOTDIR, Code.NO_SUCH_FILE),
        (errno.EIO, Code.STORAGE_FAILED),
        (errno.ESTALE, Code.STORAGE_FAILED),
    ],
)
def test_each_kind_of_error_has_a_code_of_its_own(number: int, code: Code) -> None:
    assert write_failure(OSError(number, os.strerror(number))) is code


def test_what_is_no_path_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="null") as raised:
        os.stat(f"{tmp_path}/a\0b")
    assert write_failure(raised.value) is Code.NO_SUCH_FILE
    assert write_failure(UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogate")) is Code.NO_SUCH_FILE
