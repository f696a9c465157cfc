from collections.abc import Callable

import pytest

pytest.importorskip("PyQt6.QtCore")

from floater import api
from floater.bridge.turns import Answer
from floater.desktop.speech import FIRST, Speech
from floater.sentences import sentence

pytestmark = pytest.mark.usefixtures("qt")


def status(language: str) -> api.StatusReply:
    settings = api.Settings(hide_address=False, language=language, downloads="")
    return api.StatusReply(api.State.HOME, None, None, False, "", settings)


class Core:
    def __init__(self) -> None:
        self.language = "en"
        self.asked: list[api.Command] = []

    def do(self, command: api.Command, answer: Callable[[Answer], None]) -> None:
        self.asked.append(command)
        if isinstance(command, api.Set) and command.language is not None:
            self.language = command.language
        answer(status(self.language) if isinstance(command, api.Status) else api.Empty())


def test_it_speaks_as_the_client_does_from_the_start_and_after_a_change() -> None:
    core, changes = Core(), list[str]()
    speech = Speech(core.do)
    speech.changed.connect(lambda: changes.append(speech.language))
    assert speech.say("tray.quit") == sentence("tray.quit", FIRST)
    speech.ask()
    assert speech.say("tray.quit") == sentence("tray.quit", "en")
    answers: list[Answer] = []
    speech.do(api.Set(language="zh-CN"), answers.append)
    assert speech.say("tray.quit") == sentence("tray.quit", "zh-CN")
    assert answers == [api.Empty()]
    speech.do(api.Set(hide_address=True), answers.append)
    assert changes == ["en", "zh-CN"], "it is told when it changes, and then only"


def test_nothing_else_makes_it_ask() -> None:
    core = Core()
    Speech(core.do).do(api.Seek(), lambda answer: None)
    assert core.asked == [api.Seek()]


def test_a_client_that_cannot_answer_changes_nothing() -> None:
    speech = Speech(lambda command, answer: answer(api.Error("program_ended", "")))
    speech.ask()
    assert speech.language == FIRST
