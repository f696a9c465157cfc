import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floater import api
from floater.bridge.lines import MAX_LINE, LineCutter, Lines, LineSink, LineSource
from floater.codes import Code
from floater.errors import FloaterError, Refused


class Recorder:
    """Carries nothing out, but remembers what it was asked."""

    def __init__(self) -> None:
        self.done: list[api.Command] = []
        self.network = asyncio.Event()
        self.state = api.State.HOME

    async def do(self, command: api.Command) -> api.Reply:
        self.done.append(command)
        match command:
            case api.SendText("refuse me"):
                raise Refused(Code.NOT_GREETED)
            case api.SendText():
                return api.TextReply("1111111111111111.1")
            case api.Network():
                await self.network.wait()
            case api.HangUp():
                self.network.set()
            case api.SetUsername():
                await asyncio.Event().wait()
        return api.Empty()

    def explain(self, error: FloaterError) -> api.Error:
        return api.Error(error.code.value, f"about {error.code.value}")


async def lines_of(*lines: bytes | None) -> AsyncIterator[bytes | None]:
    for line in lines:
        yield line


async def replies_to(*lines: bytes | None) -> tuple[Recorder, list[dict[str, Any]]]:
    recorder = Recorder()
    written: list[bytes] = []
    await Lines(recorder, written.append).run(lines_of(*lines))
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in written)
    return recorder, [json.loads(line) for line in written]


def not_a_command(number: object = None) -> dict[str, Any]:
    return {
        "reply": number,
        "ok": False,
        "error": {"code": "bad_command", "message": "about bad_command"},
    }


@pytest.mark.asyncio
async def test_a_command_gets_one_reply_with_its_id() -> None:
    recorder, replies = await replies_to(
        b'{"command": "send_text", "id": 7, "text": "hi"}',
        b'{"id": "x", "command": "greet", "later": 1}\r',
    )
    assert replies == [
        {"reply": 7, "ok": True, "message_id": "1111111111111111.1"},
        {"reply": "x", "ok": True},
    ]
    assert recorder.done == [api.SendText("hi"), api.Greet()]


@pytest.mark.asyncio
async def test_a_refusal_has_code_and_sentence() -> None:
    _, replies = await replies_to(b'{"command": "send_text", "id": 1, "text": "refuse me"}')
    assert replies == [
        {"reply": 1, "ok": False, "error": {"code": "not_greeted", "message": "about not_greeted"}}
    ]


@pytest.mark.parametrize(
    ("line", "number"),
    [
        (b"hello", None),
        (b"[1, 2]", None),
        (b"{}", None),
        (b'{"command": "seek"}', None),
        (b'{"command": "seek", "id": null}', None),
        (b'{"command": "seek", "id": {"a": 1}}', None),
        (b'{"command": "fly", "id": 3}', 3),
        (b'{"id": 3}', 3),
        (b'{"command": "send_text", "id": 4}', 4),
        (b'{"command": "send_text", "id": 4, "text": 5}', 4),
        (b'{"command": "send_text", "id": 4, "text": "\xff"}', 4),
        (b"[" * 100_000, None),
        (None, None),
    ],
)
@pytest.mark.asyncio
async def test_a_line_that_is_no_command_gets_a_reply_all_the_same(
    line: bytes | None, number: object
) -> None:
    recorder, replies = await replies_to(line)
    assert replies == [not_a_command(number)]
    assert recorder.done == []


@given(st.binary(max_size=200))
def test_no_line_breaks_the_reader(line: bytes) -> None:
    _, replies = asyncio.run(replies_to(line.replace(b"\n", b" ")))
    assert len(replies) <= 1


@pytest.mark.asyncio
async def test_empty_lines_are_nothing() -> None:
    assert (await replies_to(b"", b"  \r"))[1] == []


@pytest.mark.asyncio
async def test_what_takes_long_does_not_hold_up_the_rest() -> None:
    _, replies = await replies_to(b'{"command": "network", "id": 1}', b'{"command": "hang_up", "id": 2}')
    assert [reply["reply"] for reply in replies] == [2, 1]


@pytest.mark.asyncio
async def test_nothing_after_quit_is_carried_out() -> None:
    recorder = Recorder()
    written: list[bytes] = []
    lines = lines_of(b'{"command": "quit", "id": 1}', b'{"command": "greet", "id": 2}')
    assert await Lines(recorder, written.append).run(lines)
    assert recorder.done == [api.Quit()]


@pytest.mark.asyncio
async def test_the_talk_goes_on_beside_a_server_that_does_not_answer_and_quit_gives_that_up() -> None:
    recorder = Recorder()
    recorder.state = api.State.TALKING
    written: list[bytes] = []
    lines = lines_of(
        b'{"command": "set_username", "id": 1, "username": "Ann"}',
        b'{"command": "set_username", "id": 2, "username": "Eve"}',
        b'{"command": "send_text", "id": 3, "text": "hi"}',
        b'{"command": "hang_up", "id": 4}',
        b'{"command": "quit", "id": 5}',
    )
    async with asyncio.timeout(30):
        assert await Lines(recorder, written.append).run(lines)
    replies = [json.loads(line) for line in written]
    assert [reply["reply"] for reply in replies] == [3, 4, 5, 1, 2]
    assert [reply["ok"] for reply in replies] == [True] * 3 + [False] * 2
    assert {reply["error"]["code"] for reply in replies[3:]} == {"program_ended"}
    assert api.SetUsername("Eve") not in recorder.done


@given(st.lists(st.binary(max_size=30).filter(lambda b: b"\n" not in b), max_size=8), st.data())
def test_how_the_bytes_were_split_never_matters(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    cutter = LineCutter()
    came: list[bytes | None] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        came += cutter.feed(stream[start:end])
    assert came == lines
    assert cutter.rest() is None


def test_a_line_that_is_too_long_is_skipped_and_the_next_is_read() -> None:
    cutter = LineCutter()
    came: list[bytes | None] = []
    for _ in range(3):
        came += cutter.feed(b"x" * (MAX_LINE // 2))
    came += cutter.feed(b"\nnext\nrest")
    assert came == [None, b"next"]
    assert cutter.rest() == b"rest"
    exact = b"y" * MAX_LINE
    assert LineCutter().feed(exact + b"\n") == [exact]


@pytest.mark.asyncio
async def test_lines_come_from_files_and_pipes_alike(tmp_path: Path) -> None:
    path = tmp_path / "script"
    path.write_bytes(b"one\ntwo")
    descriptor = os.open(path, os.O_RDONLY)
    assert [line async for line in LineSource(descriptor)] == [b"one", b"two"]
    os.close(descriptor)
    reading, writing = os.pipe()
    source = LineSource(reading)
    os.write(writing, b"one\ntw")
    os.write(writing, b"o\n")
    os.close(writing)
    assert [line async for line in source] == [b"one", b"two"]
    os.close(reading)


@pytest.mark.asyncio
async def test_many_lines_all_arrive(tmp_path: Path) -> None:
    path = tmp_path / "script"
    path.write_bytes(b"".join(b"%d\n" % number for number in range(1_000)))
    descriptor = os.open(path, os.O_RDONLY)
    assert [line async for line in LineSource(descriptor)] == [b"%d" % number for number in range(1_000)]
    os.close(descriptor)


@pytest.mark.asyncio
async def test_what_is_written_is_whole_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "out"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    sink = LineSink(descriptor, gone=lambda: None)
    lines = [b"%d\n" % number for number in range(1_000)]
    for line in lines:
        sink.write(line)
    await sink.close()
    os.close(descriptor)
    assert path.read_bytes() == b"".join(lines)


@pytest.mark.asyncio
async def test_a_reader_who_went_away_is_noticed_once() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    gone = asyncio.Event()
    sink = LineSink(writing, gone.set)
    sink.write(b"hello\n")
    async with asyncio.timeout(30):
        await gone.wait()
    sink.write(b"again\n")
    await sink.close()
    os.close(writing)
