import asyncio
import os
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from floater.cli.stage import PLAIN_WIDTH, Stage, moon
from floater.sentences import sentence


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """Make stdout a terminal of 70 cells that knows colours; gives what reads its other end."""
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as file, monkeypatch.context() as change:
        change.setenv("COLUMNS", "70")
        change.delenv("NO_COLOR", raising=False)
        change.setattr(sys, "stdout", file)

        def read() -> str:
            print("<end>", file=file, flush=True)
            came = b""
            while not came.endswith(b"<end>\r\n"):  # a terminal passes on what is written piece by piece
                came += os.read(ours, 65_536)
            return came.decode()

        yield read
    os.close(ours)


def test_two_columns_stand_beside_the_time(capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage("en", ("Ann", "Bob"))
    stage.heads()
    stage.show(0, "left")
    stage.show(1, "right")
    heads, _, left, right = capsys.readouterr().out.splitlines()
    assert [cell.strip() for cell in heads.split("│")] == ["", "Ann", "Bob"]
    assert [cell.strip() for cell in left.split("│")][1:] == ["left", ""]
    assert [cell.strip() for cell in right.split("│")][1:] == ["", "right"]
    assert len(heads) <= PLAIN_WIDTH
    assert "\x1b" not in heads


def test_a_failure_goes_to_the_errors(capsys: pytest.CaptureFixture[str]) -> None:
    Stage("en", ("Ann", "Bob")).fail("it broke")
    out, error = capsys.readouterr()
    assert (out, error) == ("", f"\n{sentence('demo.failed', 'en')}\nit broke\n")


@pytest.mark.asyncio
async def test_a_reader_who_is_no_terminal_needs_no_breath() -> None:
    await Stage("en", ("Ann", "Bob")).breathe()


def test_a_terminal_gets_colours_and_columns_as_wide_as_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as read:
        stage = Stage("en", ("Ann", "Bob"))
        stage.title("The play")
        stage.heads()
        said = read()
    assert "\x1b[1mThe play\x1b[0m" in said
    assert "─" * 29 + " │ " in said
    assert "─" * 30 not in said


def test_a_person_who_wants_no_colours_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as read:
        monkeypatch.setenv("NO_COLOR", "1")
        Stage("en", ("Ann", "Bob")).title("The play")
        said = read()
    assert "The play" in said
    assert "\x1b" not in said


@pytest.mark.asyncio
async def test_a_person_who_watches_has_time_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch):
        breath = asyncio.get_running_loop().create_task(Stage("en", ("Ann", "Bob")).breathe())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not breath.done()
    breath.cancel()


def test_the_moon_is_a_whole_picture() -> None:
    picture = moon(16)
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack("!II", picture[16:24]) == (16, 16)
    at, kinds, data = 8, [], b""
    while at < len(picture):
        size = int.from_bytes(picture[at : at + 4], "big")
        kind, body = picture[at + 4 : at + 8], picture[at + 8 : at + 8 + size]
        crc = int.from_bytes(picture[at + 8 + size : at + 12 + size], "big")
        assert crc == zlib.crc32(kind + body)
        kinds.append(kind)
        data += body if kind == b"IDAT" else b""
        at += 12 + size
    assert kinds == [b"IHDR", b"IDAT", b"IEND"]
    assert len(zlib.decompress(data)) == 16 * (1 + 3 * 16)
