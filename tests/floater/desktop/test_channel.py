import json
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("PyQt6.QtCore")

from floater import api
from floater.bridge.turns import Answer
from floater.desktop import watchdog
from floater.desktop.api import Keep, Kept, KeptReply, ShowFile
from floater.desktop.channel import GATHER, MAX_LINE, Channel
from floater.desktop.page_queue import MAX_EVENTS, MAX_NOTICES
from tests.floater.desktop.conftest import Until

pytestmark = pytest.mark.usefixtures("qt")


class Ends:
    """Both who carry out the page's commands, and what the page hears."""

    def __init__(self) -> None:
        self.core: list[api.Command] = []
        self.shell: list[api.Command] = []
        self.answers: list[Callable[[Answer], None]] = []
        self.heard: list[dict[str, Any]] = []
        self.calls = 0
        self.takes = True
        self.channel = Channel(self._core, self._shell)
        self.channel.lines.connect(self._hear)

    def send(self, **fields: object) -> None:
        self.channel.send(json.dumps(fields))

    def _core(self, command: api.Command, answer: Callable[[Answer], None]) -> None:
        self.core.append(command)
        self.answers.append(answer)

    def _shell(self, command: api.Command, answer: Callable[[Answer], None]) -> None:
        self.shell.append(command)
        self.answers.append(answer)

    def _hear(self, lines: str) -> None:
        self.calls += 1
        self.heard += [json.loads(line) for line in lines.split("\n") if lines]
        if self.takes:
            self.channel.taken()


def test_a_command_goes_to_whom_it_is_for_and_its_answer_comes_back(until: Until) -> None:
    ends = Ends()
    ends.send(id=1, command="send_text", text="hi", talk="t")
    ends.send(id=2, command="show_file", transfer_id="F1", talk="t")
    ends.send(id=3, command="kept")
    assert (ends.core, ends.shell) == ([api.SendText("hi", talk="t")], [ShowFile("F1", talk="t"), Kept()])
    ends.answers[2](KeptReply("here"))
    ends.answers[0](api.TextReply("L1"))
    ends.answers[1](api.Error("no_talk", "There is no talk."))
    until(lambda: ends.heard)
    assert ends.heard == [
        {"reply": 3, "ok": True, "page": "here"},
        {"reply": 1, "ok": True, "message_id": "L1"},
        {"reply": 2, "ok": False, "error": {"code": "no_talk", "message": "There is no talk."}},
    ]
    assert ends.calls == 1, f"what comes within {GATHER} ms is one call"


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ('{"id": 1, "command": "send_file", "path": "/etc/passwd"}', 1),
        ('{"id": 1, "command": "quit"}', 1),
        ('{"id": 1, "command": "accept", "transfer_id": "x", "to": "/"}', 1),
        ('{"id": 1, "command": "set", "downloads": "/"}', 1),
        ('{"id": 1, "command": "send_upload", "upload": "7"}', 1),
        ('{"id": 1, "command": "fly"}', 1),
        ('{"command": "seek"}', None),
        ("[" * 5_000, None),
        ("no line", None),
        ('{"id": 1, "command": "keep", "page": "' + "x" * MAX_LINE + '"}', None),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_the_page_may_not_say_reaches_nobody(line: str, number: int | None, until: Until) -> None:
    ends = Ends()
    ends.channel.send(line)
    until(lambda: ends.heard)
    assert ends.heard == [{"reply": number, "ok": False, "error": {"code": "bad_command", "message": ""}}]
    assert (ends.core, ends.shell) == ([], [])


def test_it_may_say_the_same_without_a_path() -> None:
    ends = Ends()
    ends.send(id=1, command="accept", transfer_id="x")
    ends.send(id=2, command="set", language="en")
    assert ends.core == [api.Accept("x"), api.Set(language="en")]


def test_a_page_that_begins_hears_the_notices_that_came_before_and_no_other_event(until: Until) -> None:
    ends = Ends()
    ends.channel.tell(api.Notice("settings_reset", "Broken.", n=3))
    ends.channel.tell(api.StateChanged(api.State.HOME, n=4))
    ends.send(id=1, command="keep", page="")
    ends.channel.tell(api.StateChanged(api.State.SEEKING, n=5))
    until(lambda: ends.heard)
    assert [(line["event"], line["n"]) for line in ends.heard] == [("notice", 3), ("state", 5)]
    assert ends.shell == [Keep("")]


def test_so_does_one_that_is_loaded_again(until: Until) -> None:
    ends = Ends()
    ends.send(id=1, command="kept")
    ends.channel.page_gone()
    for number in range(MAX_NOTICES + 5):
        ends.channel.tell(api.Notice("busy", "", n=number))
    ends.send(id=1, command="kept")
    until(lambda: ends.heard)
    assert [line["n"] for line in ends.heard] == list(range(5, MAX_NOTICES + 5))


def test_a_page_that_takes_nothing_gets_no_more_and_then_the_newest(until: Until) -> None:
    ends = Ends()
    ends.takes = False
    ends.send(id=1, command="kept")
    ends.channel.tell(api.StateChanged(api.State.HOME, n=1))
    until(lambda: ends.calls)
    for number in range(2, MAX_EVENTS + 3):
        ends.channel.tell(api.StateChanged(api.State.HOME, n=number))
    until(lambda: not ends.channel._timer.isActive())
    assert [line["n"] for line in ends.heard] == [1]
    ends.channel.taken()
    assert [line["n"] for line in ends.heard] == [1, MAX_EVENTS + 2], "at once: it has waited long enough"


def test_a_page_that_was_loaded_again_gets_nothing_of_the_one_before(until: Until) -> None:
    ends = Ends()
    ends.takes = False
    ends.send(id=1, command="kept")
    ends.channel.tell(api.StateChanged(api.State.HOME, n=1))
    until(lambda: ends.calls)
    ends.channel.tell(api.StateChanged(api.State.SEEKING, n=2))
    ends.send(id=1, command="kept")
    ends.answers[1](KeptReply("here"))
    until(lambda: ends.calls == 2)
    assert ends.heard[1:] == [{"reply": 1, "ok": True, "page": "here"}]


def test_a_page_that_does_not_answer_hangs_unless_a_command_of_its_own_holds_it_up(
    until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "INTERVAL", 1)
    ends = Ends()
    hung: list[bool] = []
    ends.channel.hangs.connect(lambda: hung.append(True))
    ends.takes = False
    asked: list[bool] = []

    def dialog(command: api.Command, answer: Callable[[Answer], None]) -> None:
        ask = ends.channel._watchdog._ask
        monkeypatch.setattr(ends.channel._watchdog, "_ask", lambda: asked.append(ask()))
        until(lambda: len(asked) > 2 * watchdog.LIMIT)  # a dialog runs a loop of its own
        monkeypatch.setattr(ends.channel._watchdog, "_ask", ask)

    monkeypatch.setattr(ends.channel, "_shell", dialog)
    ends.send(id=1, command="kept")
    assert not any(asked)
    assert hung == []
    until(lambda: hung)
    assert ends.calls == 1, "one question is enough"
    ends.channel.page_gone()
    ends.takes = True
    ends.send(id=1, command="seek")
    until(lambda: ends.calls > 3)
    assert hung == [True]


@pytest.mark.logs("in the window")
@pytest.mark.parametrize("error", [ValueError("words"), RuntimeError("words"), OSError(28, "words")])
def test_a_command_that_fails_in_any_way_is_answered_and_the_next_one_is_carried_out(
    error: Exception, until: Until
) -> None:
    ends = Ends()

    def fail(command: api.Command, answer: Callable[[Answer], None]) -> None:
        raise error

    broken = Channel(fail, fail)
    broken.lines.connect(ends._hear)
    for number, command in enumerate(("kept", "seek")):
        broken.send(json.dumps({"id": number, "command": command}))
    until(lambda: len(ends.heard) == 2)
    failure = {"ok": False, "error": {"code": "internal", "message": ""}}
    assert ends.heard == [{"reply": 0, **failure}, {"reply": 1, **failure}]
