from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("PyQt6.QtWidgets")

from PyQt6.QtWidgets import QMessageBox, QWidget

from floater import api
from floater.bridge.turns import Answer
from floater.desktop.hang_up import HangUp
from floater.sentences import sentence

LANGUAGES = ["en", "zh-CN"]
MATCHED = api.Matched("m1", api.PeerName("Bob"), talk="m1")
ENDED = api.TalkEnded(api.Ended.PEER_HUNG_UP, 1.0, talk="m1")


def talk(standing: api.Standing) -> api.TalkChanged:
    return api.TalkChanged(api.TalkKind.STRANGER, "Bob", standing, talk="m1")


class Desk:
    """The window's own way to hang up, and what came of it."""

    def __init__(self) -> None:
        self.language = "en"
        self.commands: list[api.Command] = []
        self.window = QWidget()
        self.hang_up = HangUp(self.window, lambda key: sentence(key, self.language), self._do)

    def _do(self, command: api.Command, answer: Callable[[Answer], None]) -> None:
        self.commands.append(command)
        answer(api.Empty())

    def boxes(self) -> list[QMessageBox]:
        return [box for box in self.window.findChildren(QMessageBox) if box.isVisible()]

    def press(self, key: str) -> None:
        (box,) = self.boxes()
        (button,) = [button for button in box.buttons() if button.text() == sentence(key, self.language)]
        button.click()


@pytest.fixture
def desk(qt: Any) -> Desk:
    return Desk()


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_asks_once_and_ends_the_talk_that_is_on(desk: Desk, language: str) -> None:
    desk.language = language
    desk.hang_up.translate()
    assert desk.hang_up.action.text() == sentence("tray.hang_up", language)
    desk.hang_up.note(MATCHED)
    desk.hang_up.action.trigger()
    desk.hang_up.action.trigger()
    (box,) = desk.boxes()
    assert box.text() == sentence("dialog.hang_up", language)
    desk.press("dialog.stay")
    assert (desk.commands, desk.boxes()) == ([], [])
    desk.hang_up.action.trigger()
    desk.press("tray.hang_up")
    assert (desk.commands, desk.boxes()) == ([api.HangUp(talk="m1")], [])


@pytest.mark.parametrize(
    "over",
    [ENDED, talk(api.Standing.OVER), talk(api.Standing.APART), api.StateChanged(api.State.SEEKING)],
    ids=lambda event: type(event).__name__,
)
def test_it_can_be_used_while_a_talk_is_on(desk: Desk, over: api.Event) -> None:
    assert not desk.hang_up.action.isEnabled()
    for event in (MATCHED, talk(api.Standing.GREETING), talk(api.Standing.OPEN)):
        desk.hang_up.note(event)
        assert desk.hang_up.action.isEnabled()
    desk.hang_up.note(over)
    assert not desk.hang_up.action.isEnabled()
    desk.hang_up.ask()
    assert desk.boxes() == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_that_failed_is_told_of_once_with_a_way_to_hang_up(desk: Desk, language: str) -> None:
    desk.language = language
    desk.hang_up.note(MATCHED)
    desk.hang_up.page_failed()
    desk.hang_up.page_failed()
    (box,) = desk.boxes()
    assert box.text() == sentence("dialog.page_failed", language)
    assert not box.isModal(), "the page comes back behind it"
    desk.press("tray.hang_up")
    assert desk.commands == [api.HangUp(talk="m1")]


def test_without_a_talk_there_is_nothing_to_hang_up(desk: Desk) -> None:
    desk.hang_up.page_failed()
    (box,) = desk.boxes()
    assert [button.text() for button in box.buttons()] == [sentence("dialog.go_on", "en")]
    desk.press("dialog.go_on")
    assert desk.boxes() == []


def test_a_question_takes_the_place_of_the_news(desk: Desk) -> None:
    desk.hang_up.page_failed()
    desk.hang_up.note(MATCHED)
    desk.hang_up.ask()
    (box,) = desk.boxes()
    assert box.text() == sentence("dialog.hang_up", "en")
