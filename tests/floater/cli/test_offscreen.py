import asyncio
import io
import sys
from pathlib import Path
from typing import Any, cast

import pytest

pytest.importorskip("playwright")

from PIL import Image

from floater.cli.offscreen import Album, Seat, play_offscreen
from floater.cli.playground import AN, NoWindows, Playground
from floater.cli.stage import Stage
from floater.sentences import sentence
from hatch_build import PAGE

ROOT = Path(__file__).parents[3]


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


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the play keeps what it deletes."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    return tmp_path / "temporary"


@pytest.mark.asyncio
async def test_two_real_windows_are_played_and_pictured(
    temporary: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not (ROOT / PAGE / "index.html").is_file():
        pytest.skip("the page is not built: python hatch_build.py")
    code, said = await play_offscreen("en", tmp_path / "pictures"), capsys.readouterr()
    assert code == 0, said.out + said.err
    assert "All as planned" in said.out
    assert sentence("demo.pictures", "en", folder=tmp_path / "pictures") in said.out
    shots = sorted((tmp_path / "pictures").iterdir())
    assert [path.name[2:] for path in shots] == [
        f"{name}.png" for name in ("welcome", "mail", "home", "greeting", "talk", "end")
    ]
    for shot in shots:
        with Image.open(shot) as picture:
            assert picture.size == (460 + 12 + 460, 760)
            assert len(picture.getcolors(1 << 20) or ()) > 50, f"{shot.name} is blank"
    assert list(temporary.iterdir()) == []


@pytest.mark.asyncio
async def test_windows_that_end_at_once_do_not_work_here(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_start = Playground.start

    async def start(
        self: Playground, argv: list[str], log: Path, extra: dict[str, str]
    ) -> asyncio.subprocess.Process:
        return await really_start(self, [sys.executable, "-c", "print('no engine')"], log, extra)

    monkeypatch.setattr(Playground, "start", start)
    with pytest.raises(NoWindows, match="no engine"):
        await play_offscreen("en", None)
    assert list(temporary.iterdir()) == []
