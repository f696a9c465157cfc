import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("PyQt6.QtNetwork")

from PyQt6.QtCore import QDir

from floater.desktop.single import MAX_PATH, SOCKET_FILE, Single
from tests.floater.desktop.conftest import Until

pytestmark = pytest.mark.usefixtures("qt")


def test_a_second_program_for_a_folder_brings_the_first_to_the_front(tmp_path: Path, until: Until) -> None:
    first, other = Single(tmp_path / "a"), Single(tmp_path / "b")
    came: list[str] = []
    assert not first.is_second()
    assert not other.is_second(), "another folder is another program"
    first.on_second(lambda: came.append("first"))
    other.on_second(lambda: came.append("other"))
    assert Single(tmp_path / "a").is_second()
    until(lambda: came)
    assert came == ["first"]
    for single in (first, other):
        single.close()
    again = Single(tmp_path / "a")
    assert not again.is_second()
    again.close()


def test_a_folder_whose_name_is_not_utf_8_has_a_name_of_its_own(tmp_path: Path) -> None:
    one, other = (Single(Path(os.fsdecode(os.fsencode(tmp_path) + name))) for name in (b"/\xe9", b"/\xe8"))
    assert one._name != other._name


_LISTEN = """
import os, socket, sys
sock = socket.socket(socket.AF_UNIX)
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[2]))
sock.bind(sys.argv[1])
sock.listen()
print("listening", flush=True)
sys.stdin.read()
"""


@contextmanager
def listener(path: Path, user: int) -> Iterator[None]:
    """Another program of a user listens at a path."""
    with subprocess.Popen(
        [sys.executable, "-c", _LISTEN, str(path), str(user)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"listening\n"
            yield
        finally:
            process.kill()
            path.unlink(missing_ok=True)


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such files")
def test_the_socket_lies_in_the_data_folder_for_this_person_alone(tmp_path: Path) -> None:
    single = Single(tmp_path / "new")
    assert not single.is_second()
    found = (tmp_path / "new" / SOCKET_FILE).lstat()
    assert stat.S_ISSOCK(found.st_mode)
    assert stat.S_IMODE(found.st_mode) & 0o077 == 0
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    single.close()


@pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="only root may be another person")
def test_a_program_of_another_person_keeps_no_window_from_opening(tmp_path: Path) -> None:
    single = Single(tmp_path)
    with listener(Path(QDir.tempPath()) / single._name, 65_534):
        assert not single.is_second()
        assert Single(tmp_path).is_second(), "our own is found beside it"
        single.close()


@pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="only root may be another person")
def test_where_the_folder_can_hold_no_socket_ours_is_told_from_another_s(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * MAX_PATH)
    single = Single(deep)
    place = Path(QDir.tempPath()) / single._name
    with listener(place, 65_534):
        assert not single.is_second()
        single.close()
    with listener(place, os.getuid()):
        assert Single(deep).is_second()


def test_a_folder_with_a_long_name_is_held_too(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * MAX_PATH)
    single = Single(deep)
    assert not single.is_second()
    assert Single(deep).is_second()
    single.close()
