"""The play itself runs in tests/windows/test_demo.py."""

import io
from pathlib import Path
from typing import Any, cast

import pytest

pytest.importorskip("playwright")

from PIL import Image

from floater.cli.offscreen import Album, Seat
from floater.cli.playground import AN
from floater.cli.stage import Stage


class Shown:
    """A window whose page is of one colour."""

    def __init__(self, colour: tuple[int, int, int], size: tuple[int, int]) -> None:
        self.page = self
        self._picture = Image.new("RGB", size, colour)

    async def screenshot(self) -> bytes:
        file = io.BytesIO()
        self._picture.save(file, "PNG")
        return file.getvalue()


@pytest.mark.asyncio
async def test_pictures_are_numbered_and_show_both_windows_side_by_side(tmp_path: Path) -> None:
    windows: list[Any] = [Shown((255, 0, 0), (30, 40)), Shown((0, 0, 255), (20, 50))]
    album = Album(tmp_path, windows)
    await album.keep("welcome")
    await album.keep("end")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1-welcome.png", "2-end.png"]
    with Image.open(tmp_path / "1-welcome.png") as picture:
        assert picture.size == (30 + 12 + 20, 50)
        assert picture.getpixel((0, 0)) == (255, 0, 0)
        assert picture.getpixel((61, 49)) == (0, 0, 255)


def test_each_has_a_column_for_what_they_do_and_see(capsys: pytest.CaptureFixture[str]) -> None:
    seat = Seat(Stage("en", ("Ann", "Bob")), 1, AN, cast(Any, Shown((0, 0, 0), (1, 1))))
    seat.show("says", text="hi")
    seat.sees("reads", text="hi")
    did, saw = (line.split("│")[2].strip() for line in capsys.readouterr().out.splitlines())
    assert did.startswith("▸")
    assert saw.startswith("◂")
