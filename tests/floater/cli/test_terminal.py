import asyncio
import os
import sys
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import pytest
import pytest_asyncio

from floater.cli import terminal
from floater.cli.played import NotAsPlanned
from floater.cli.stage import Stage
from floater.cli.terminal import Person, play_in_terminal
from floater.sentences import sentence

pytestmark = pytest.mark.asyncio

ODD = """
import json, sys
for event in (
    {"event": "hurried"},
    {"event": "failed", "error": {"code": "busy", "message": "it broke"}},
    {"event": "notice", "message": "a word from the server"},
):
    print(json.dumps(event), flush=True)
for line in sys.stdin:
    error = {"code": "busy", "message": "not now"}
    print(json.dumps({"reply": json.loads(line)["id"], "ok": False, "error": error}), flush=True)
"""
"Refuses everything; says what no play expects."


def in_place_of_python(monkeypatch: pytest.MonkeyPatch, program: Path, text: str) -> None:
    program.write_text(text)
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))


@pytest_asyncio.fixture
async def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Person]:
    """A person whose program is `ODD`."""
    in_place_of_python(monkeypatch, tmp_path / "odd", f"#!{sys.executable}\n{ODD}")
    person = Person(Stage("en", ("Ann", "Bob")), 0, "Ann", "ann@example.org", "floater://x", tmp_path)
    await person.program.start(os.environ)
    yield person
    await person.program.clean_up()


def mail(folder: Path, name: str, to: str, text: str) -> None:
    message = EmailMessage()
    message["To"] = to
    message.set_content(text)
    (folder / f"{name}.eml").write_bytes(bytes(message))


async def test_the_main_job_is_played_and_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, said = await play_in_terminal("en"), capsys.readouterr()
    assert code == 0, said.out + said.err
    for key in ("seeks", "delivered", "accepts", "sent", "hangs_up"):
        assert sentence(f"demo.{key}", "en") in said.out
    for told in ("ended.you_hung_up", "ended.peer_hung_up", "code.not_greeted", "state.talking"):
        assert sentence(told, "en")[:20] in said.out
    assert list(tmp_path.iterdir()) == []


async def test_a_program_that_ends_at_once_fails_the_play_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    in_place_of_python(monkeypatch, tmp_path / "program", "#!/bin/sh\necho the last words >&2\nexit 3\n")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    assert await play_in_terminal("en") == 1
    said = capsys.readouterr().err
    assert sentence("demo.failed", "en") in said
    assert "server: ended before event ready\n    the last words" in said
    assert list((tmp_path / "temporary").iterdir()) == []


async def test_a_refusal_that_was_not_planned_ends_the_play(
    odd: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NotAsPlanned, match="Ann: seek: not now"):
        await odd.do("seek")
    await odd.is_refused("seek", "busy")
    assert "✗ not now" in capsys.readouterr().out
    with pytest.raises(NotAsPlanned, match="seek should have been refused with not_greeted"):
        await odd.is_refused("seek", "not_greeted")


async def test_failures_and_notices_are_shown_and_what_has_no_words_is_not(
    odd: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    await odd.program.event("notice")
    shown = [line.split("│")[1].strip() for line in capsys.readouterr().out.splitlines()]
    assert shown == ["◂ it broke", "◂ a word from the server"]


async def test_what_arrived_as_something_else_ends_the_play() -> None:
    terminal._check(True, "the picture arrived as another one")
    with pytest.raises(NotAsPlanned, match="the picture arrived as another one"):
        terminal._check(False, "the picture arrived as another one")


async def test_the_code_is_that_of_the_mail_to_this_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail(tmp_path, "1", "bob@example.org", "Your code:\n\n111111\n")
    mail(tmp_path, "2", "ann@example.org", "Welcome.\n")
    waiting = asyncio.get_running_loop().create_task(terminal._mailed_code(tmp_path, "ann@example.org"))
    await asyncio.sleep(0)
    mail(tmp_path, "3", "ann@example.org", "Your code:\n\n222222\n")
    assert await waiting == "222222"
    monkeypatch.setattr(terminal, "PATIENCE", 0.05)
    with pytest.raises(NotAsPlanned, match="no mail for eve"):
        await terminal._mailed_code(tmp_path, "eve@example.org")
