"""Commands and events of a talk: seek, greet, say, hang up."""

from enum import StrEnum

import msgspec

from floater.api.base import Command, Error, Event, OfTalk, Reply, TalkEvent
from floater.api.network import PathKind


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


class TalkKind(StrEnum):
    """Who a talk is with, and what brought it about."""

    STRANGER = "stranger"  # the server's match; one at a time
    LOBBY = "lobby"
    NEARBY = "nearby"
    CONTACT = "contact"
    GROUP = "group"


class Standing(StrEnum):
    """Where one talk stands."""

    APART = "apart"  # no link, and none is looked for
    CONNECTING = "connecting"
    GREETING = "greeting"
    OPEN = "open"
    OVER = "over"


class TalkInfo(msgspec.Struct, frozen=True):
    """One talk, as much as a list of talks shows."""

    talk: str
    kind: TalkKind
    name: str
    standing: Standing
    unread: int
    path: PathKind | None
    greeted: bool
    "Whether we have greeted."
    peer_greeted: bool
    mixed: bool = False
    "The name mixes scripts whose letters look alike, such as Latin and Cyrillic: it may pass for another."


class Seek(Command, frozen=True):
    """Press 聊一聊."""


class CancelSeek(Command, frozen=True):
    """Stop seeking."""


class Greet(OfTalk, frozen=True):
    """Say 你好, or the greeting of that language; of our own language if none is given."""

    language: str = ""


class SendText(OfTalk, frozen=True):
    """Say something. At most 65,536 bytes of UTF-8."""

    text: str


class Retry(OfTalk, frozen=True):
    """Try again, now, to bring what is not delivered to the peer."""

    message_id: str


class Typing(OfTalk, frozen=True):
    """Tell the peer whether we are writing; goes stale after 6 s."""

    typing: bool


class HangUp(OfTalk, frozen=True):
    """End the talk for both."""


class Talks(Command, frozen=True):
    """List the talks."""


class MarkRead(OfTalk, frozen=True):
    """Count everything that the peer said and offered, up to this message or offer, as read."""

    message_id: str


class History(OfTalk, frozen=True):
    """What has happened in the talk since `matched`, for a face that has just come."""


class TalksReply(Reply, frozen=True, omit_defaults=False):
    """All talks, the stranger's first."""

    talks: list[TalkInfo]


class TextReply(Reply, frozen=True):
    """The text is on its way."""

    message_id: str


class PeerName(msgspec.Struct, frozen=True, omit_defaults=True):
    """What we know of the stranger."""

    username: str
    mixed: bool = False
    "The name mixes scripts whose letters look alike, such as Latin and Cyrillic: it may pass for another."


class StateChanged(Event, frozen=True, tag="state"):
    """The person now stands here."""

    state: State


class TalkChanged(TalkEvent, frozen=True, tag="talk"):
    """A talk is there, or its name or standing has changed."""

    kind: TalkKind
    name: str
    standing: Standing
    mixed: bool = False
    "As in `talks`."


class Matched(TalkEvent, frozen=True):
    """A stranger was found."""

    match_id: str
    peer: PeerName


class PeerGreeted(TalkEvent, frozen=True):
    """The peer has said this greeting."""

    language: str
    greeting: str


class Greeted(TalkEvent, frozen=True):
    """We have said this greeting."""

    language: str
    greeting: str


class Said(TalkEvent, frozen=True):
    """We have said something; it is on its way."""

    message_id: str
    text: str


class TextReceived(TalkEvent, frozen=True, tag="text"):
    """The peer has said something."""

    message_id: str
    text: str


class Delivered(TalkEvent, frozen=True):
    """The peer has our text."""

    message_id: str


class Undelivered(TalkEvent, frozen=True):
    """No acknowledgement of our text has come. While the talk goes on, `retry` may still bring it there."""

    message_id: str
    error: Error


class PeerTyping(TalkEvent, frozen=True):
    """Whether the peer is writing."""

    typing: bool


class PeerAway(TalkEvent, frozen=True):
    """Nothing comes through; we wait and try again. `grace_s` is how long."""

    grace_s: float


class PeerBack(TalkEvent, frozen=True):
    """It comes through again."""


class TalkEnded(TalkEvent, frozen=True, tag="ended"):
    """The talk is over; what was open in it has been told. Only `talk` with standing `over` follows."""

    reason: Ended
    lasted_s: float
