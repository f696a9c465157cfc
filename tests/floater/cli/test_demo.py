import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from floater.cli import demo as module
from floater.cli.demo import Way, demo, has_screen
from floater.cli.playground import NoWindows
from floater.codes import Code
from floater.errors import Refused
from floater.sentences import sentence

pytestmark = pytest.mark.asyncio


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ways that were played; none is really."""
    ways: list[str] = []

    async def terminal(language: str) -> int:
        ways.append("terminal")
        return 0

    async def windows(language: str) -> int:
        ways.append("windows")
        raise NoWindows("no display")

    async def nothing(way: Way) -> str:
        return ""

    monkeypatch.setattr(module, "play_in_terminal", terminal)
    monkeypatch.setattr(module, "show_windows", windows)
    monkeypatch.setattr(module, "_missing", nothing)
    return ways


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page for the windows to show, whether that of this checkout is built or not."""
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").touch()
    monkeypatch.setattr(module, "resources", SimpleNamespace(files=lambda name: tmp_path))
    return tmp_path / "page" / "index.html"


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="there is always a screen")
async def test_a_screen_is_known_by_its_name() -> None:
    assert has_screen({"DISPLAY": ":0"})
    assert has_screen({"WAYLAND_DISPLAY": "wayland-0"})
    assert not has_screen({"DISPLAY": ""})


async def test_the_terminal_stands_in_for_windows_that_do_not_come(
    played: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert await demo(Way.BEST, "en", None, {"DISPLAY": ":9"}) == 0
    assert played == ["windows", "terminal"]
    assert sentence("demo.no_windows", "en", name="no display") in capsys.readouterr().out


async def test_windows_that_were_asked_for_and_do_not_come_are_a_failure(
    played: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert await demo(Way.WINDOWS, "en", None, {}) == 1
    assert (played, "no display" in capsys.readouterr().err) == (["windows"], True)


async def test_what_windows_lack_is_named(
    played: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def missing(way: Way) -> str:
        return "libEGL"

    monkeypatch.setattr(module, "_missing", missing)
    assert await demo(Way.WINDOWS, "en", None, {}) == 1
    assert "libEGL" in capsys.readouterr().err
    assert await demo(Way.BEST, "zh", None, {"DISPLAY": ":9"}) == 0
    assert (played, "libEGL" in capsys.readouterr().out) == (["terminal"], True)


async def test_a_refusal_is_said_in_the_language_of_the_person(
    played: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def refused(language: str) -> int:
        raise Refused(Code.STORAGE_FAILED)

    monkeypatch.setattr(module, "play_in_terminal", refused)
    assert await demo(Way.TERMINAL, "zh", Path(), {}) == 1
    assert capsys.readouterr().err == f"floater: {sentence('code.storage_failed', 'zh-CN')}\n"


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="there is always a screen")
@pytest.mark.parametrize("has_playwright", [True, False])
async def test_without_a_screen_windows_are_played_where_something_can_play_them(
    has_playwright: bool,
    played: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def offscreen(language: str, pictures: Path | None) -> int:
        played.append(f"offscreen {language} {pictures}")
        return 0

    if has_playwright:
        pytest.importorskip("playwright")
        monkeypatch.setattr("floater.cli.offscreen.play_offscreen", offscreen)
    else:
        monkeypatch.setitem(sys.modules, "playwright", None)
    assert await demo(Way.BEST, "en", Path("here"), {}) == 0
    assert played == (["offscreen en here"] if has_playwright else ["terminal"])
    key = "demo.no_screen" if has_playwright else "demo.no_screen_here"
    assert capsys.readouterr().out == sentence(key, "en") + "\n"


async def test_what_windows_need_is_looked_for(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("PyQt6.QtWebEngineWidgets")
    assert await module._missing(Way.WINDOWS) == ""
    monkeypatch.setitem(sys.modules, "playwright", None)
    assert await module._missing(Way.OFFSCREEN) == "playwright"
    page.unlink()
    assert await module._missing(Way.WINDOWS) == "floater/desktop/page"


@pytest.mark.parametrize(
    ("broken", "missing"),
    [
        ("raise ImportError('libEGL.so.1 is not there')", "libEGL.so.1 is not there"),
        ("import os; os._exit(1)", "PyQt6"),
    ],
)
async def test_an_engine_that_cannot_be_loaded_is_missing(
    broken: str, missing: str, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "PyQt6").mkdir()
    (tmp_path / "PyQt6" / "__init__.py").write_text(broken)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    assert await module._missing(Way.BEST) == missing
