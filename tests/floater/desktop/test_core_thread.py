import threading
from pathlib import Path

import pytest

pytest.importorskip("PyQt6.QtCore")

from floater import api
from floater.bridge.turns import Answer
from floater.codes import Code
from floater.config import ClientConfig
from floater.desktop.core_thread import CoreThread
from floater.lock import FolderLock
from floater.store.settings import FILE
from tests.floater.desktop.conftest import Until


class Core:
    """A core, and what came of it into Qt's thread."""

    def __init__(self, folder: Path, server: str = "") -> None:
        self.thread = CoreThread(ClientConfig(data_dir=folder, server=server, proxy="none"))
        self.events: list[api.Event] = []
        self.answers: list[Answer] = []
        self.refusals: list[api.Error] = []
        self.failures: list[Code] = []
        self.ended = False
        self.thread.happened.connect(self.events.append)
        self.thread.refused.connect(self.refusals.append)
        self.thread.failed.connect(self.failures.append)
        self.thread.ended.connect(self._end)

    def ask(self, command: api.Command) -> None:
        self.thread.do(command, self._hear)

    def _hear(self, answer: Answer) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.answers.append(answer)

    def has_ended(self) -> bool:
        return self.ended

    def _end(self) -> None:
        self.ended = True


def test_commands_are_answered_and_events_told_in_the_thread_of_qt(tmp_path: Path, until: Until) -> None:
    core = Core(tmp_path)
    core.thread.start()
    core.ask(api.Status())
    core.ask(api.Greet())
    until(lambda: len(core.answers) == 2)
    status, refusal = core.answers
    assert isinstance(status, api.StatusReply)
    assert isinstance(refusal, api.Error)
    assert (status.state, refusal.code) == (api.State.SIGNED_OUT, "no_talk")
    assert [type(event) for event in core.events[:2]] == [api.Ready, api.StateChanged]
    assert status.n == core.events[-1].n
    core.thread.stop()
    until(lambda: core.ended)
    assert core.thread.join(10)
    core.ask(api.Status())
    assert len(core.answers) == 2, "there is nobody to answer"


@pytest.mark.logs("settings")
def test_a_broken_file_of_settings_is_told_of(tmp_path: Path, until: Until) -> None:
    (tmp_path / FILE).write_text("{broken")
    core = Core(tmp_path)
    core.thread.start()
    until(lambda: [event for event in core.events if isinstance(event, api.Notice)])
    assert [event.code for event in core.events if isinstance(event, api.Notice)] == ["settings_reset"]
    core.thread.stop()
    until(lambda: core.ended)


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_a_client_that_cannot_start_says_why_in_the_language_of_the_person(
    language: str, tmp_path: Path, until: Until
) -> None:
    (tmp_path / FILE).write_text(f'{{"language": "{language}"}}')
    lock = FolderLock(tmp_path)
    lock.take()
    in_use, nowhere = Core(tmp_path), Core(tmp_path, server="no address")
    for core, code in ((in_use, "data_dir_in_use"), (nowhere, "server_url_invalid")):
        core.thread.start()
        until(core.has_ended)
        assert [refusal.code for refusal in core.refusals] == [code]
        assert core.refusals[0].message.isascii() == (language == "en")
    lock.give_back()


@pytest.mark.logs("the loop met")
def test_what_leaves_a_callback_of_the_loop_is_told_and_the_client_goes_on(
    tmp_path: Path, until: Until
) -> None:
    core = Core(tmp_path)
    core.thread.start()

    def fail() -> None:
        raise ValueError("words")

    assert core.thread._loop is not None
    core.thread._loop.call_soon_threadsafe(fail)
    until(lambda: core.failures)
    core.ask(api.Status())
    until(lambda: core.answers)
    assert core.failures == [Code.INTERNAL]
    assert isinstance(core.answers[0], api.StatusReply)
    core.thread.stop()
    until(core.has_ended)


@pytest.mark.logs("the client failed")
def test_a_client_that_fails_in_an_unknown_way_says_so(
    tmp_path: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **_more: object) -> None:
        raise RuntimeError("words")

    monkeypatch.setattr("floater.client.client.remove_leftovers", fail)
    core = Core(tmp_path)
    core.thread.start()
    until(core.has_ended)
    assert [refusal.code for refusal in core.refusals] == ["internal"]
    assert "words" not in core.refusals[0].message
