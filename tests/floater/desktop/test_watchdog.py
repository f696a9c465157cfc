import pytest

pytest.importorskip("PyQt6.QtCore")

from floater.desktop import watchdog
from floater.desktop.watchdog import LIMIT, Watchdog
from tests.floater.desktop.conftest import Until

pytestmark = pytest.mark.usefixtures("qt")


class Watched:
    """A watchdog, and what it did."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(watchdog, "INTERVAL", 1)
        self.asked = 0
        self.hung = 0
        self.can_answer = True
        self.answers = False
        self.dog = Watchdog(self._ask)
        self.dog.hangs.connect(self._hang)

    def _ask(self) -> bool:
        self.asked += 1
        if self.answers:
            self.dog.heard()
        return self.can_answer

    def _hang(self) -> None:
        self.hung += 1


def test_a_page_that_does_not_answer_hangs_and_is_asked_no_more(
    monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    watched = Watched(monkeypatch)
    watched.dog.heard()
    until(lambda: watched.hung)
    assert watched.asked == LIMIT
    assert not watched.dog._timer.isActive()
    watched.dog.heard()  # the next page
    until(lambda: watched.hung == 2)


def test_one_that_answers_or_cannot_just_now_does_not_hang(
    monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    watched = Watched(monkeypatch)
    watched.answers = True
    watched.dog.heard()
    until(lambda: watched.asked > 3 * LIMIT)
    watched.answers = watched.can_answer = False
    until(lambda: watched.asked > 6 * LIMIT)
    assert watched.hung == 0


def test_a_page_that_is_not_there_is_not_asked() -> None:
    dog = Watchdog(lambda: True)
    assert not dog._timer.isActive()
    dog.heard()
    dog.end()
    assert not dog._timer.isActive()
