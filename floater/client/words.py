"""What the client tells its person: events get their numbers, and codes their sentences, at the very end."""

import time
from collections.abc import Callable

import msgspec

from floater import api
from floater.client.memory import Memory
from floater.codes import Code
from floater.errors import FloaterError
from floater.sentences import sentence


class Words:
    """Passes events on to the face.

    Args:
        emit: called with every event, in order.
        language: gives the person's language.
    """

    def __init__(self, emit: Callable[[api.Event], None], language: Callable[[], str]) -> None:
        self.memory = Memory()
        self.told = 0
        "The number of the last event."
        self._emit = emit
        self._language = language

    @property
    def language(self) -> str:
        """The language to speak with the person."""
        return self._language()

    def tell(self, event: api.Event) -> None:
        """Give an event its number and its sentence, remember it if it belongs to a talk, and pass it on."""
        self.told += 1
        error = getattr(event, "error", None)
        if isinstance(event, api.Notice):
            event = msgspec.structs.replace(event, n=self.told, message=self.error(event.code).message)
        elif isinstance(error, api.Error):
            event = msgspec.structs.replace(event, n=self.told, error=self.error(error.code))
        else:
            event = msgspec.structs.replace(event, n=self.told)
        self.memory.record(event, now=time.monotonic())
        self._emit(event)

    def notice(self, code: Code) -> None:
        """Tell of something to know."""
        self.tell(api.Notice(code.value, ""))

    def error(self, code: str) -> api.Error:
        """A code and its sentence."""
        return api.Error(code, self.say(f"code.{code}"))

    def explain(self, error: FloaterError) -> api.Error:
        """The code of an error and its sentence."""
        return self.error(error.code.value)

    def say(self, key: str, **values: object) -> str:
        """A sentence in the person's language."""
        return sentence(key, self.language, **values)
