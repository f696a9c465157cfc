import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floater import api
from floater.bridge.lines import Lines, NoCommand, event_line, read_command, reply_line
from floater.codes import Code
from floater.errors import FloaterError, Refused


class Recorder:
    """Carries nothing out, but remembers what it was asked."""

    def __init__(self) -> None:
        self.done: list[api.Command] = []
        self.network = asyncio.Event()

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


class Written(list[bytes]):
    """The lines that a sink let go of; `together` counts them by what left at once."""

    def __init__(self) -> None:
        super().__init__()
        self.together: list[int] = []
        self._held: list[bytes] = []
        self._holds = False

    def write(self, line: bytes) -> None:
        self._held.append(line)
        if not self._holds:
            self.flush()

    def hold(self) -> None:
        self._holds = True

    def flush(self) -> None:
        if self._held:
            self.together.append(len(self._held))
        self += self._held
        self._held.clear()
        self._holds = False


async def lines_of(*lines: bytes | None) -> AsyncIterator[bytes | None]:
    for line in lines:
        yield line


async def replies_to(*lines: bytes | None) -> tuple[Recorder, list[dict[str, Any]]]:
    recorder = Recorder()
    written = Written()
    await Lines(recorder, written).run(lines_of(*lines))
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
    written = Written()
    lines = lines_of(b'{"command": "quit", "id": 1}', b'{"command": "greet", "id": 2}')
    assert await Lines(recorder, written).run(lines)
    assert recorder.done == [api.Quit()]


@pytest.mark.asyncio
async def test_the_talk_goes_on_beside_a_server_that_does_not_answer_and_quit_gives_that_up() -> None:
    recorder = Recorder()
    written = Written()
    face = Lines(recorder, written)
    face.emit(api.Matched("m", api.PeerName("Bob"), talk="t"))
    written.clear()
    lines = lines_of(
        b'{"command": "set_username", "id": 1, "username": "Ann"}',
        b'{"command": "set_username", "id": 2, "username": "Eve"}',
        b'{"command": "send_text", "id": 3, "text": "hi"}',
        b'{"command": "hang_up", "id": 4}',
        b'{"command": "quit", "id": 5}',
    )
    async with asyncio.timeout(30):
        assert await face.run(lines)
    replies = [json.loads(line) for line in written]
    assert [reply["reply"] for reply in replies] == [3, 4, 5, 1, 2]
    assert [reply["ok"] for reply in replies] == [True] * 3 + [False] * 2
    assert {reply["error"]["code"] for reply in replies[3:]} == {"program_ended"}
    assert api.SetUsername("Eve") not in recorder.done


@pytest.mark.asyncio
async def test_an_event_is_a_line_of_its_own() -> None:
    written = Written()
    Lines(Recorder(), written).emit(api.Delivered("L1", n=7, talk="t"))
    assert [json.loads(line) for line in written] == [
        {"event": "delivered", "message_id": "L1", "n": 7, "talk": "t"}
    ]
    assert written == [event_line(api.Delivered("L1", n=7, talk="t"))]


@pytest.mark.asyncio
async def test_a_reply_leaves_together_with_the_events_that_led_to_it_and_an_event_alone_at_once() -> None:
    written = Written()

    class Echoing(Recorder):
        async def do(self, command: api.Command) -> api.Reply:
            face.emit(api.Said("1111111111111111.1", "hi", talk="t"))
            return await super().do(command)

    face = Lines(Echoing(), written)
    await face.run(lines_of(b'{"command": "send_text", "id": 1, "text": "hi"}'))
    face.emit(api.Delivered("1111111111111111.1", talk="t"))
    assert written.together == [2, 1]


def test_a_command_is_read_once_with_its_id_from_any_union() -> None:
    line = '{"id": "a", "command": "greet", "talk": "t"}'
    assert read_command(line, api.AnyCommand) == ("a", api.Greet(talk="t"))
    assert read_command(line.encode(), api.Greet | api.HangUp) == ("a", api.Greet(talk="t"))
    with pytest.raises(NoCommand) as refused:
        read_command(line, api.HangUp | api.Quit)
    assert refused.value.id == "a"


def test_an_answer_is_a_reply_or_an_error() -> None:
    assert json.loads(reply_line(3, api.TextReply("L1"))) == {"reply": 3, "ok": True, "message_id": "L1"}
    assert json.loads(reply_line(None, api.Error("busy", "Busy."))) == {
        "reply": None,
        "ok": False,
        "error": {"code": "busy", "message": "Busy."},
    }


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (rb'{"id":1,"command":"send_file","path":"/x/caf\udce9"}', api.SendFile("/x/caf\udce9")),
        (rb'{"id":1,"command":"accept","transfer_id":"a.1","to":"\uDCe9"}', api.Accept("a.1", "\udce9")),
        (rb'{"id":1,"command":"set","downloads":"\udce9"}', api.Set(downloads="\udce9")),
    ],
)
def test_a_path_that_is_not_utf_8_can_be_named(line: bytes, command: api.Command) -> None:
    assert read_command(line, api.AnyCommand) == (1, command)
    assert read_command(line.decode(), api.AnyCommand) == (1, command)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (rb'{"id":1,"command":"status","path":["\udce9"]}', api.Status()),
        (rb'{"id":1,"command":"status","path":"\udce9"}', api.Status()),
        (rb'{"id":1,"command":"send_file","path":"\udce9","to":7}', api.SendFile("\udce9")),
    ],
)
def test_a_field_that_a_command_does_not_have_is_ignored_whatever_is_in_it(
    line: bytes, command: api.Command
) -> None:
    assert read_command(line, api.AnyCommand) == (1, command)


@pytest.mark.parametrize(
    "line",
    [
        rb'{"id":"x","command":"send_text","text":"\udce9"}',
        rb'{"id":"x","command":"send_file","path":"\ud800"}',
        rb'{"id":"x","command":"send_file","path":"\udce9","talk":"\udce9"}',
        rb'{"id":"x","command":"set","language":"\udfff"}',
        rb'{"id":"x","command":"set","downloads":["\udce9"]}',
        rb'{"id":"x","command":"\udce9"}',
        rb'{"id":"x","\udce9":1,"command":"seek"}',
        rb'{"id":"x","command":"send_file","path":["\udce9"]}',
    ],
)
def test_half_a_pair_elsewhere_is_refused_under_its_id(line: bytes) -> None:
    with pytest.raises(NoCommand) as refused:
        read_command(line, api.AnyCommand)
    assert refused.value.id == "x"


@pytest.mark.parametrize("line", [rb'{"id":"\udce9","command":"seek"}', rb'["\udce9"]', rb'{"\udce9"'])
def test_without_an_id_that_can_be_written_it_is_refused(line: bytes) -> None:
    with pytest.raises(NoCommand) as refused:
        read_command(line, api.AnyCommand)
    assert refused.value.id is None


def test_a_path_that_is_not_utf_8_is_told_as_it_is_read() -> None:
    told = event_line(api.Received("a.1", "/x/caf\udce9", "sha256:0", talk="t", n=1))
    assert told.isascii()
    fields = {"transfer_id": "a.1", "path": "/x/caf\udce9", "digest": "sha256:0", "talk": "t", "n": 1}
    assert json.loads(told) == {"event": "received", **fields}
    assert json.loads(reply_line(1, api.Error("busy", "\udce9")))["error"]["message"] == "\udce9"
