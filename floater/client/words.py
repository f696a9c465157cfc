"""Give events their numbers, and codes their sentences, just before the face gets them."""

import time
from collections.abc import Callable

import msgspec

from floater import api
from floater.client.memory import Memory
from floater.codes import Code
from floater.errors import FloaterError
from floater.sentences import sentence


class Words:
    """Emits events to the face.

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
        """The language of the person, as a BCP 47 tag."""
        return self._language()

    def tell(self, event: api.Event) -> None:
        """Give an event its number and its sentence, keep it if it belongs to a talk, and emit it."""
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
        """Emit a notice of this code."""
        self.tell(api.Notice(code.value, ""))

    def error(self, code: str) -> api.Error:
        """Return a code and its sentence."""
        return api.Error(code, self.say(f"code.{code}"))

    def explain(self, error: FloaterError) -> api.Error:
        """Return the code of an error and its sentence."""
        return self.error(error.code.value)

    def say(self, key: str, **values: object) -> str:
        """Return a sentence in the person's language."""
        return sentence(key, self.language, **values)
