"""Commands and events of a talk: seek, greet, say, hang up."""

from enum import StrEnum

import msgspec

from floater.api.base import Command, Error, Event, Reply


class State(StrEnum):
    """Where the person stands. Every state has one primary action and one way out."""

    SIGNED_OUT = "signed_out"
    HOME = "home"
    SEEKING = "seeking"
    CONNECTING = "connecting"
    GREETING = "greeting"
    TALKING = "talking"


class Ended(StrEnum):
    """Why a talk ended."""

    YOU_HUNG_UP = "you_hung_up"
    PEER_HUNG_UP = "peer_hung_up"
    PEER_LOST = "peer_lost"
    PEER_MISBEHAVED = "peer_misbehaved"
    LOGGED_IN_ELSEWHERE = "logged_in_elsewhere"
    LOGGED_OUT = "logged_out"
    SERVER_CLOSED = "server_closed"


class Seek(Command, frozen=True):
    """Press 聊一聊."""


class CancelSeek(Command, frozen=True):
    """Stop seeking."""


class Greet(Command, frozen=True):
    """Say 你好, or the greeting of that language; of our own language if none is given."""

    language: str = ""


class SendText(Command, frozen=True):
    """Say something. At most 65,536 bytes of UTF-8."""

    text: str


class Retry(Command, frozen=True):
    """Try again, now, to bring what is not delivered to the peer."""

    message_id: str


class Typing(Command, frozen=True):
    """Tell the peer whether we are writing; goes stale after 6 s."""

    typing: bool


class HangUp(Command, frozen=True):
    """End the talk for both."""


class History(Command, frozen=True):
    """What has happened in the talk since `matched`, for a face that has just come."""


class TextReply(Reply, frozen=True):
    """The text is on its way."""

    message_id: str


class PeerName(msgspec.Struct, frozen=True):
    """What we know of the stranger."""

    username: str


class StateChanged(Event, frozen=True, tag="state"):
    """The person now stands here."""

    state: State


class Matched(Event, frozen=True):
    """A stranger was found."""

    match_id: str
    peer: PeerName


class PeerGreeted(Event, frozen=True):
    """The peer has said this greeting."""

    language: str
    greeting: str


class Greeted(Event, frozen=True):
    """We have said this greeting."""

    language: str
    greeting: str


class Said(Event, frozen=True):
    """We have said something; it is on its way."""

    message_id: str
    text: str


class TextReceived(Event, frozen=True, tag="text"):
    """The peer has said something."""

    message_id: str
    text: str


class Delivered(Event, frozen=True):
    """The peer has our text."""

    message_id: str


class Undelivered(Event, frozen=True):
    """No acknowledgement of our text has come. While the talk goes on, `retry` may still bring it there."""

    message_id: str
    error: Error


class PeerTyping(Event, frozen=True):
    """Whether the peer is writing."""

    typing: bool


class PeerAway(Event, frozen=True):
    """Nothing comes through; we wait and try again. `grace_s` is how long."""

    grace_s: float


class PeerBack(Event, frozen=True):
    """It comes through again."""


class TalkEnded(Event, frozen=True, tag="ended"):
    """The talk is over. Nothing follows of it: what was open before has been told."""

    reason: Ended
    lasted_s: float
