"""Keep the events of each talk for a face that starts late. In memory only, deleted with the talk.

The events of a talk are kept until it ends; how it was connected is kept until
the next search, or the log-out.
"""

import time
from collections import deque
from typing import Final, cast

from floater import api
from floater.codes import Code
from floater.core.meet.receipt import Ways
from floater.errors import Refused

MAX_EVENTS: Final = 20_000
"Events kept of one talk; the oldest are dropped, but for the match and the greetings."
MAX_TEXT: Final = 1 << 23
"Characters kept in all texts and previews of one talk, likewise."

_SAID: Final = (api.TextReceived, api.Said, api.Offer, api.Offered)
"What a person sees as a message."
_ONCE: Final = (api.Matched, api.Greeted, api.PeerGreeted)
"What happens once in a talk; a face cannot do without it."


class Memory:
    """The talks that go on, and those that ended since the last search."""

    def __init__(self) -> None:
        self._talks: dict[str, _Record] = {}
        self._state = api.State.SIGNED_OUT
        self._pressed = 0.0

    def record(self, event: api.Event, *, now: float) -> None:
        """Keep one event when it is emitted; `now` is monotonic seconds."""
        if isinstance(event, api.StateChanged):
            self._enter(event.state, now)
        elif isinstance(event, api.TalkEvent):
            self._of_talk(event, now)

    def events(self, talk: str) -> list[api.Recorded]:
        """Return the events of a talk, oldest first; of a transfer's progress only the newest.

        Raises:
            Refused: WHICH_TALK: none is named, and there are two.
        """
        record = self._find(talk)
        return [] if record is None else [*record.beginning, *record.events]

    def earlier(self, talk: str) -> int:
        """Return how many texts and offers of a talk were dropped, because the talk is so long.

        Raises:
            Refused: WHICH_TALK: none is named, and there are two.
        """
        record = self._find(talk)
        return 0 if record is None else record.earlier

    def ways(self, talk: str) -> Ways | None:
        """Return how a talk is or was connected; None if the talk is unknown.

        Raises:
            Refused: WHICH_TALK: none is named, and there are two.
        """
        record = self._find(talk)
        return None if record is None else record.ways

    def unread(self, talk: str) -> int:
        """Return how many texts and offers of the peer the person has not read in a talk."""
        record = self._talks.get(talk)
        return 0 if record is None else len(record.unread)

    def mark_read(self, talk: str, message_id: str) -> None:
        """Mark everything up to this message or offer as read.

        Raises:
            Refused: WHICH_TALK; NO_SUCH_MESSAGE: the talk has no unread message of this id.
        """
        record = self._find(talk)
        if record is None or message_id not in record.unread:
            raise Refused(Code.NO_SUCH_MESSAGE)
        while record.unread.popleft() != message_id:
            pass

    # -- inside ---------------------------------------------------------------------------

    def _find(self, talk: str) -> "_Record | None":
        if talk:
            return self._talks.get(talk)
        strangers = [record for record in self._talks.values() if record.kind is api.TalkKind.STRANGER]
        if strangers:
            return strangers[-1]
        if len(self._talks) > 1:
            raise Refused(Code.WHICH_TALK)
        return next(iter(self._talks.values()), None)

    def _enter(self, state: api.State, now: float) -> None:
        if state is api.State.SEEKING and self._state is not api.State.CONNECTING:
            self._pressed = now  # otherwise the peer was never reached, and the same search goes on
        self._state = state
        if state in (api.State.SEEKING, api.State.SIGNED_OUT):
            self._talks = {talk: record for talk, record in self._talks.items() if not record.ways.over}

    def _of_talk(self, event: api.TalkEvent, now: float) -> None:
        record = self._talks.get(event.talk)
        if record is None:
            is_strangers = isinstance(event, api.Matched)
            kind = api.TalkKind.STRANGER if is_strangers else api.TalkKind.CONTACT
            record = self._talks[event.talk] = _Record(kind, self._pressed if is_strangers else now)
        record.ways.feed(event, now=now)
        if isinstance(event, api.TalkChanged):
            record.kind = event.kind
            if event.standing is api.Standing.OVER:
                record.forget()
                if self._state in (api.State.SEEKING, api.State.SIGNED_OUT):
                    del self._talks[event.talk]
                return
        record.add(event)


class _Record:
    """What is kept of one talk."""

    def __init__(self, kind: api.TalkKind, began: float) -> None:
        self.kind = kind
        self.ways = Ways(began)
        self.beginning: list[api.Recorded] = []
        "Of the oldest events, those that are not dropped."
        self.earlier = 0
        self.events: deque[api.Recorded] = deque()
        self.unread: deque[str] = deque(maxlen=MAX_EVENTS)
        self._characters = 0

    def add(self, event: api.TalkEvent) -> None:
        match event:
            case api.PeerTyping():
                return  # out of date in seconds
            case api.Progress(transfer_id):
                self._forget_progress(transfer_id)
            case api.TextReceived(said) | api.Offer(said):
                self.unread.append(said)
        self.events.append(api.Recorded(time.time() * 1_000.0, cast(api.AnyEvent, event)))
        self._characters += _length(event)
        while len(self.events) > MAX_EVENTS or self._characters > MAX_TEXT:
            self._drop(self.events.popleft())

    def forget(self) -> None:
        self.beginning.clear()
        self.events.clear()
        self.unread.clear()
        self._characters = 0

    def _drop(self, recorded: api.Recorded) -> None:
        self._characters -= _length(recorded.happened)
        self.earlier += isinstance(recorded.happened, _SAID)
        if isinstance(recorded.happened, _ONCE):
            self.beginning.append(recorded)

    def _forget_progress(self, transfer_id: str) -> None:
        for recorded in reversed(self.events):  # the last one is near the end
            happened = recorded.happened
            if isinstance(happened, api.Progress) and happened.transfer_id == transfer_id:
                self.events.remove(recorded)
                return
            if getattr(happened, "transfer_id", None) == transfer_id:
                return


def _length(event: object) -> int:
    match event:
        case api.TextReceived(text=text) | api.Said(text=text):
            return len(text)
        case api.Offer(preview=api.Preview(pixels=pixels)) | api.Offered(preview=api.Preview(pixels=pixels)):
            return len(pixels)
        case _:
            return 0
