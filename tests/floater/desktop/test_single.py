import os
from pathlib import Path

import pytest

pytest.importorskip("PyQt6.QtNetwork")

from floater.desktop.single import Single
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
