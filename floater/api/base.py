"""What every command, reply and event has, and the few that belong to no noun."""

import msgspec

from floater.wire.codec import snake_case


class Command(msgspec.Struct, frozen=True, tag_field="command", tag=snake_case):
    """Base of all commands."""


class OfTalk(Command, frozen=True, kw_only=True):
    """Base of all commands about a talk."""

    talk: str = ""
    "Its id; empty for the stranger's talk, or the only one. Two and none named: refused, `which_talk`."


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of all replies; its fields stand beside `"ok": true`."""


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag=snake_case):
    """Base of all events."""

    n: int = 0
    "A running number, from 1 on; `status` and `history` say up to which number they tell."


class TalkEvent(Event, frozen=True, kw_only=True):
    """Base of all events about a talk."""

    talk: str = ""
    "Its id, always there. Opaque, and this client's own."


class Empty(Reply, frozen=True):
    """Done."""


class Error(msgspec.Struct, frozen=True):
    """A code of spec §9 and its sentence in the person's language."""

    code: str
    message: str


class Ready(Event, frozen=True):
    """The client has started; `state` follows at once."""

    version: str


class Notice(Event, frozen=True):
    """Something to know."""

    code: str
    message: str
