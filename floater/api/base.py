"""What every command, reply and event has, and the few that belong to no noun."""

import msgspec

from floater.wire.codec import snake_case


class Command(msgspec.Struct, frozen=True, tag_field="command", tag=snake_case):
    """Base of all commands."""


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of all replies; its fields stand beside `"ok": true`."""


class Event(msgspec.Struct, frozen=True, tag_field="event", tag=snake_case):
    """Base of all events."""


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
