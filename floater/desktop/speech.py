"""The sentences of the window's frame, in the language that the client speaks."""

from collections.abc import Callable
from typing import Final

from PyQt6.QtCore import QObject, pyqtSignal

from floater import api
from floater.bridge.turns import Answer
from floater.desktop.channel import Do
from floater.languages import LANGUAGES, choose_language
from floater.sentences import sentence

FIRST: Final = LANGUAGES[0]
"The language until the client has told its own, a moment after the start."


class Speech(QObject):
    """Follows the client's language: it is asked at the start and whenever settings have been changed.

    Args:
        core: carries out commands of `floater.api`.
    """

    changed = pyqtSignal()
    "The language is another one now."

    def __init__(self, core: Do) -> None:
        super().__init__()
        self.language = FIRST
        self._core = core

    def say(self, key: str) -> str:
        """Return the sentence of a key."""
        return sentence(key, self.language)

    def ask(self) -> None:
        """Ask the client which language it speaks."""
        self._core(api.Status(), self._hear)

    def do(self, command: api.Command, answer: Callable[[Answer], None]) -> None:
        """Have the client carry out a command, and follow if it changes settings."""
        self._core(command, answer)
        if isinstance(command, api.Set):
            self.ask()  # carried out behind the command

    def _hear(self, answer: Answer) -> None:
        if isinstance(answer, api.StatusReply):
            language = choose_language(answer.settings.language)
            if language != self.language:
                self.language = language
                self.changed.emit()
