import io
import sys

import pytest

from floater.cli.console import can_show, forgive, speakable


def set_console(monkeypatch: pytest.MonkeyPatch, encoding: str) -> io.BytesIO:
    """Replace both streams, in the test itself: before it begins, pytest puts its own there."""
    written = io.BytesIO()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(written, encoding=encoding, write_through=True))
    return written


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "gbk"])
def test_no_character_ends_the_program(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    console = set_console(monkeypatch, encoding)
    forgive()
    for stream in (sys.stdout, sys.stderr):
        print("a 漂 ▀ \udce9 b", file=stream)
    assert console.getvalue().startswith(b"a ")
    assert b"?" in console.getvalue()


@pytest.mark.parametrize(
    ("encoding", "language"),
    [("ascii", "en"), ("cp1252", "en"), ("cp437", "en"), ("gbk", "zh-CN"), ("utf-8", "zh-CN")],
)
def test_a_language_that_cannot_be_shown_gives_way_to_english(
    monkeypatch: pytest.MonkeyPatch, encoding: str, language: str
) -> None:
    set_console(monkeypatch, encoding)
    assert speakable("zh-CN") == language
    assert speakable("en") == "en"


def test_without_a_console_all_can_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    forgive()
    assert can_show("漂")
