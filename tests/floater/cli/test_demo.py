import sys
from pathlib import Path

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
