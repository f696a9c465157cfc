import io
import sys

import pytest

from floater.cli.console import can_show, forgive, speakable


@pytest.fixture
def console(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    written = io.BytesIO()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(written, encoding=request.param, write_through=True))
    return written


@pytest.mark.parametrize("console", ["ascii", "cp1252", "cp437", "gbk"], indirect=True)
def test_no_character_ends_the_program(console: io.BytesIO) -> None:
    forgive()
    for stream in (sys.stdout, sys.stderr):
        print("a 漂 ▀ \udce9 b", file=stream)
    assert console.getvalue().startswith(b"a ")
    assert b"?" in console.getvalue()


@pytest.mark.parametrize(
    ("console", "language"),
    [("ascii", "en"), ("cp1252", "en"), ("cp437", "en"), ("gbk", "zh-CN"), ("utf-8", "zh-CN")],
    indirect=["console"],
)
def test_a_language_that_cannot_be_shown_gives_way_to_english(console: io.BytesIO, language: str) -> None:
    assert speakable("zh-CN") == language
    assert speakable("en") == "en"


def test_without_a_console_all_can_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    forgive()
    assert can_show("漂")
