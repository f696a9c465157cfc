"""What has happened in the talk, for a face that comes late. In memory only, and gone with the talk."""

import time
from collections import deque
from typing import Final, cast

from floater import api

MAX_EVENTS: Final = 20_000
MAX_TEXT: Final = 1 << 26
"Characters of all texts together."

_LEFT_OUT: Final = (api.Ready, api.StateChanged, api.Online, api.ServerChanged, api.PeerTyping)


class History:
    """The events from one `matched` to its `ended`."""

    def __init__(self) -> None:
        self._events: deque[api.Recorded] = deque()
        self._characters = 0
        self._recording = False

    @property
    def events(self) -> list[api.Recorded]:
        """Oldest first; of a transfer's progress only the newest."""
        return list(self._events)

    def record(self, event: api.Event) -> None:
        """Keep an event if it belongs to a talk."""
        if isinstance(event, api.Matched):
            self._clear()
            self._recording = True
        if isinstance(event, api.StateChanged):
            if event.state in (api.State.HOME, api.State.SEEKING, api.State.SIGNED_OUT):
                self._clear()
            return
        if not self._recording or isinstance(event, _LEFT_OUT):
            return
        if isinstance(event, api.Progress):
            self._forget_progress(event.transfer_id)
        self._events.append(api.Recorded(time.time() * 1_000.0, cast(api.AnyEvent, event)))
        self._characters += _length(event)
        while len(self._events) > MAX_EVENTS or self._characters > MAX_TEXT:
            self._characters -= _length(self._events.popleft().happened)

    def _forget_progress(self, transfer_id: str) -> None:
        for recorded in reversed(self._events):  # the last one is near the end
            happened = recorded.happened
            if isinstance(happened, api.Progress) and happened.transfer_id == transfer_id:
                self._events.remove(recorded)
                return
            if getattr(happened, "transfer_id", None) == transfer_id:
                return

    def _clear(self) -> None:
        self._events.clear()
        self._characters = 0
        self._recording = False


def _length(event: object) -> int:
    return len(event.text) if isinstance(event, api.TextReceived | api.Said) else 0
