import asyncio
import io
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from floater.cli.console import speakable
from floater.cli.host import CANNOT_START, host, invitation, qr_code
from floater.sentences import sentence

URL = "floater://127.0.0.1:7443#abc"


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_an_invitation_says_where_how_to_join_and_how_to_end(
    language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    lines = invitation(URL, "/mails", language).splitlines()
    assert f"    {URL}" in lines
    assert qr_code(URL).splitlines()[0] in lines
    assert lines[-3:] == [
        sentence("host.join", language),
        sentence("host.mails", language, folder="/mails"),
        sentence("host.end", language),
    ]


def test_without_an_outbox_it_says_nothing_of_mails_and_a_code_too_wide_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    text = invitation(URL, "", "en")
    assert "█" not in text
    assert "▀" not in text
    assert sentence("host.mails", "en").partition("{")[0].strip() not in text


def test_the_code_is_made_of_half_blocks() -> None:
    rows = qr_code(URL).splitlines()
    assert len({len(row) for row in rows}) == 1
    assert set("".join(rows)) <= set(" █▀▄")


@pytest.mark.asyncio
async def test_a_server_runs_until_a_signal_and_says_goodbye(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hosting = asyncio.get_running_loop().create_task(host(tmp_path / "server", "127.0.0.1:0", "en", {}))
    said = ""
    async with asyncio.timeout(60):
        while sentence("host.end", "en") not in said:
            await asyncio.sleep(0.01)  # there is no event for a line that is printed
            assert not hosting.done()
            said += capsys.readouterr().out
        assert "    floater://127.0.0.1:" in said
        assert sentence("host.mails", "en", folder=str(tmp_path / "server" / "outbox")) in said
        os.kill(os.getpid(), signal.SIGTERM)
        assert await hosting == 0
    assert capsys.readouterr().out == f"{sentence('host.closing', 'en')}\n"


@pytest.mark.asyncio
async def test_a_server_that_cannot_start_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        assert await host(tmp_path, place, "en", {}) == CANNOT_START
    assert capsys.readouterr().err.startswith("floater: ")


@pytest.mark.asyncio
async def test_without_the_server_part_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "server.app", None)
    assert await host(tmp_path, "127.0.0.1:0", "en", {}) == 1
    assert capsys.readouterr().err == sentence("host.no_server", "en", name="server.app") + "\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("encoding", ["gbk", "cp1252", "ascii"])
def test_a_console_without_half_blocks_gets_no_code(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    text = invitation(URL, "/mails", speakable("zh-CN"))
    assert f"    {URL}" in text.splitlines()
    text.encode(encoding)
