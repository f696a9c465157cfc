from typing import Any

import pytest

pytest.importorskip("PyQt6.QtWidgets")

from PyQt6.QtGui import QAction, QIcon
from PyQt6.QtWidgets import QMenu, QSystemTrayIcon, QWidget

from floater import api
from floater.desktop.tray import TELLING, Tray
from floater.sentences import sentence


class Desk:
    """A tray, its window, and what was done by it."""

    def __init__(self) -> None:
        self.language = "en"
        self.done: list[str] = []
        self.window = QWidget()
        self.hang_up = QAction("hang up", self.window)
        self.hang_up.triggered.connect(lambda: self.done.append("hang up"))
        self.tray = Tray(
            QIcon(),
            self.window,
            lambda key: sentence(key, self.language),
            lambda: self.done.append("show"),
            self.hang_up,
            lambda: self.done.append("quit"),
        )

    def entries(self) -> list[QAction]:
        (menu,) = self.window.findChildren(QMenu)
        return menu.actions()

    def icon(self) -> QSystemTrayIcon:
        (icon,) = self.window.findChildren(QSystemTrayIcon)
        return icon


@pytest.fixture
def desk(qt: Any) -> Desk:
    return Desk()


def test_the_menu_shows_hangs_up_and_quits(desk: Desk) -> None:
    for entry in desk.entries():
        entry.trigger()
    assert desk.done == ["show", "hang up", "quit"]


def test_a_click_on_the_icon_or_a_notification_opens_the_window(desk: Desk) -> None:
    desk.icon().activated.emit(QSystemTrayIcon.ActivationReason.Trigger)
    desk.icon().messageClicked.emit()
    assert desk.done == ["show", "show"]


def test_the_menu_follows_the_language(desk: Desk) -> None:
    words = [sentence("tray.show", "en"), "hang up", sentence("tray.quit", "en")]
    assert [entry.text() for entry in desk.entries()] == words
    desk.language = "zh-CN"
    desk.tray.translate()
    words = [sentence("tray.show", "zh-CN"), "hang up", sentence("tray.quit", "zh-CN")]
    assert [entry.text() for entry in desk.entries()] == words


def test_a_notification_says_what_came_and_nothing_of_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(QSystemTrayIcon, "isVisible", lambda self: True)
    monkeypatch.setattr(QSystemTrayIcon, "showMessage", lambda self, title, text, icon: shown.append(text))
    assert desk.tray.tell(api.TextReceived("F1", "a secret", talk="t"))
    assert not desk.tray.tell(api.Delivered("L1", talk="t"))
    assert shown == [sentence("notify.text", "en")]


def test_it_counts_also_where_there_is_no_tray(desk: Desk) -> None:
    assert not desk.icon().isVisible()
    assert desk.tray.tell(api.PeerGreeted("en", "Hello", talk="t"))


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_each_notification_has_words_without_blanks(language: str) -> None:
    for key in TELLING.values():
        assert sentence(key, language) != sentence("code.internal", language)
        assert "{" not in sentence(key, language)
