import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from floater.cli import played as module
from floater.cli.played import Line, NotAsPlanned, Played

pytestmark = pytest.mark.asyncio

PROGRAM = """
import json, sys
print(json.dumps({"event": "ready", "url": "x"}), flush=True)
for line in sys.stdin:
    command = json.loads(line)
    if command["command"] == "end":
        print("the last words", file=sys.stderr)
        sys.exit(3)
    print(json.dumps({"event": "heard", "what": command["command"]}), flush=True)
    print(json.dumps({"reply": command["id"], "ok": True}), flush=True)
"""


class Watched(Played):
    seen: list[Line]


@pytest_asyncio.fixture
async def program(tmp_path: Path) -> AsyncIterator[Watched]:
    seen: list[Line] = []
    played = Watched("ann", [sys.executable, "-c", PROGRAM], tmp_path, seen.append)
    played.seen = seen
    await played.start(os.environ)
    yield played
    await played.clean_up()


async def test_commands_get_their_replies_and_events_are_found_by_their_fields(program: Watched) -> None:
    assert (await program.event("ready"))["url"] == "x"
    assert (await program.do("a"))["ok"]
    assert (await program.do("b", more=1))["reply"] == 2
    assert await program.event("heard", what="b") == {"event": "heard", "what": "b"}
    assert [event["event"] for event in program.seen] == ["ready", "heard", "heard"]


async def test_a_program_that_ends_too_early_is_told_with_its_last_words(program: Watched) -> None:
    with pytest.raises(NotAsPlanned, match="ended before reply to end\n    the last words"):
        await program.do("end")


async def test_it_ends_when_asked(program: Watched) -> None:
    await program.event("ready")
    assert await program.end() == -15


DEAF = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    + """
print('{"event": "ready"}', flush=True)
signal.pause()
"""
)


async def test_a_program_that_has_ended_gives_its_exit_code(program: Watched) -> None:
    for _ in range(2):
        with pytest.raises(NotAsPlanned, match="ended before reply"):
            await program.do("end")
    assert await program.end() == 3


async def test_a_program_that_says_nothing_or_does_not_end_is_not_waited_for_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = Played("deaf", [sys.executable, "-c", DEAF], tmp_path, lambda event: None)
    await deaf.start(os.environ)
    await deaf.event("ready")
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    with pytest.raises(NotAsPlanned, match="deaf: no event never within 0 s"):
        await deaf.event("never")
    with pytest.raises(NotAsPlanned, match="deaf: does not end"):
        await deaf.end()
    await deaf.clean_up()
    assert deaf.log_tail() == ""


async def test_a_program_that_never_began_has_nothing_to_clean_up(tmp_path: Path) -> None:
    never = Played("never", ["/nowhere"], tmp_path, lambda event: None)
    await never.clean_up()
    assert never.log_tail() == ""
    assert list(tmp_path.iterdir()) == []
