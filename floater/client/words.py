"""What the client says to its person: every code gets its sentence here, at the very end."""

import time
from collections.abc import Callable

import msgspec

from floater import api
from floater.client.history import History
from floater.codes import Code
from floater.core.meet.receipt import Ways
from floater.errors import FloaterError
from floater.sentences import sentence


class Words:
    """Passes events on to the face.

    Args:
        emit: called with every event, in order.
        language: gives the person's language.
    """

    def __init__(self, emit: Callable[[api.Event], None], language: Callable[[], str]) -> None:
        self.history = History()
        self.ways = Ways()
        self._emit = emit
        self._language = language
        self._talk = ""
        self.n = 0
        "The number of the last event."

    @property
    def language(self) -> str:
        """The language to speak with the person."""
        return self._language()

    def tell(self, event: api.Event) -> None:
        """Give an event its sentence, remember it if it belongs to a talk, and pass it on."""
        match event:
            case api.Notice(code):
                event = api.Notice(code, self.error(code).message)
            case api.Undelivered(_, error) | api.Failed(_, error):
                event = msgspec.structs.replace(event, error=self.error(error.code))
        self.n += 1
        event = msgspec.structs.replace(event, n=self.n)
        if isinstance(event, api.Matched):
            self._talk = event.match_id
        if isinstance(event, api.TalkEvent):
            event = msgspec.structs.replace(event, talk=self._talk)
        self.history.record(event)
        self.ways.feed(event, now=time.monotonic())
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
