"""The one API of the client: every command, reply and event (see `ARCHITECTURE.md`, *Faces*).

The page speaks it over a web channel, `floater headless` as JSON lines, tests
in process; TypeScript types are generated from it. A command is
`{"command": name, "id": …, fields}` and gets exactly one reply
`{"reply": id, "ok": true, fields}` or
`{"reply": id, "ok": false, "error": {"code", "message"}}`. An event is
`{"event": name, fields}`.

As lines, commands may be written all at once: each waits for those before it,
but beside a talk nothing waits for the server, the ways out wait for nothing
longer than 2 s, and nothing waits for `network` (`floater.bridge.turns`).

Seconds are floats unless a field's name ends in `_ms`; sizes are bytes.
"""

from enum import StrEnum
from typing import Any, Final, TypeAlias

import msgspec

from floater.wire.codec import snake_case


class State(StrEnum):
    """Where the person stands. Every state has one primary action and one way out."""

    SIGNED_OUT = "signed_out"
    HOME = "home"
    SEEKING = "seeking"
    CONNECTING = "connecting"
    GREETING = "greeting"
    TALKING = "talking"


class PathKind(StrEnum):
    """The kind of way a talk takes, best first."""

    LAN = "lan"
    DIRECT = "direct"
    RELAY = "relay"


class Ended(StrEnum):
    """Why a talk ended."""

    YOU_HUNG_UP = "you_hung_up"
    PEER_HUNG_UP = "peer_hung_up"
    PEER_LOST = "peer_lost"
    PEER_MISBEHAVED = "peer_misbehaved"
    LOGGED_IN_ELSEWHERE = "logged_in_elsewhere"
    LOGGED_OUT = "logged_out"
    SERVER_CLOSED = "server_closed"


class Command(msgspec.Struct, frozen=True, tag_field="command", tag=snake_case):
    """Base of all commands."""


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of all replies; its fields stand beside `"ok": true`."""


class Event(msgspec.Struct, frozen=True, tag_field="event", tag=snake_case):
    """Base of all events."""


# -- commands: account --------------------------------------------------------------------


class SignUp(Command, frozen=True):
    """Make an account. `adult` states "I am 18 or older". A mail with a code follows."""

    email: str
    username: str
    password: str
    adult: bool


class Activate(Command, frozen=True):
    """Enter the six digits of the mail."""

    email: str
    code: str


class ResendCode(Command, frozen=True):
    """Ask for that mail again."""

    email: str


class LogIn(Command, frozen=True):
    """Log in, and stay so until `log_out`, also over restarts."""

    email: str
    password: str


class LogOut(Command, frozen=True):
    """End the log-in here; ends a talk too."""


class ForgotPassword(Command, frozen=True):
    """Ask for a mail with a code to set a new password."""

    email: str


class ResetPassword(Command, frozen=True):
    """Set a new password by that code."""

    email: str
    code: str
    password: str


class SetUsername(Command, frozen=True):
    """Change the name that strangers see, from the next talk on."""

    username: str


class ChangePassword(Command, frozen=True):
    """Change the password."""

    old: str
    new: str


class Quit(Command, frozen=True):
    """Say goodbye and exit. The log-in is kept for the next start."""


# -- commands: stranger -------------------------------------------------------------------


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


class SendFile(Command, frozen=True):
    """Offer a file. An image is a file whose type is an image; the type is read from its bytes."""

    path: str


class Accept(Command, frozen=True):
    """Have an offered file. `to` is the folder to keep it in, the downloads folder if empty."""

    transfer_id: str
    to: str = ""


class Decline(Command, frozen=True):
    """Refuse an offered file."""

    transfer_id: str


class Pause(Command, frozen=True):
    """Let a transfer rest, either side."""

    transfer_id: str


class Resume(Command, frozen=True):
    """Go on with it."""

    transfer_id: str


class Cancel(Command, frozen=True):
    """Give a transfer up, either side."""

    transfer_id: str


class HangUp(Command, frozen=True):
    """End the talk for both."""


# -- commands: this computer --------------------------------------------------------------


class Set(Command, frozen=True):
    """Change settings; a field left out stays as it is."""

    hide_address: bool | None = None
    map_port: bool | None = None
    "Whether the router is asked to let others in (spec §5.2)."
    language: str | None = None
    downloads: str | None = None
    appearance: str | None = None
    "`auto`, `light`, `dark` or `contrast`."
    address_asked: bool | None = None
    "Whether the person has answered if strangers may see their address."


class UseServer(Command, frozen=True):
    """Use another server from now on. It is tried first; if it cannot be had, all stays as it was."""

    url: str


class HostHere(Command, frozen=True):
    """Run a server on this computer, for the people around, and use it. It ends with the program."""


class Practise(Command, frozen=True):
    """Try everything with a practice partner, on a server in this program that nobody else can reach.

    Logs in by itself, under a name of its own; `log_out` ends it and goes back to the server before.
    """


class History(Command, frozen=True):
    """What has happened in the talk since `matched`, for a face that has just come."""


class Status(Command, frozen=True):
    """Where things stand: enough to draw the whole screen after a reload."""


class Network(Command, frozen=True):
    """Say what the network allows. Takes up to 5 s."""


class GetReceipt(Command, frozen=True, tag="receipt"):
    """Say how the talk, or the last one, is connected, why so, and what would make it direct."""


AnyCommand: TypeAlias = (
    SignUp
    | Activate
    | ResendCode
    | LogIn
    | LogOut
    | ForgotPassword
    | ResetPassword
    | SetUsername
    | ChangePassword
    | Quit
    | Seek
    | CancelSeek
    | Greet
    | SendText
    | Retry
    | Typing
    | SendFile
    | Accept
    | Decline
    | Pause
    | Resume
    | Cancel
    | HangUp
    | Set
    | UseServer
    | HostHere
    | Practise
    | Status
    | History
    | Network
    | GetReceipt
)


# -- replies ------------------------------------------------------------------------------


class Empty(Reply, frozen=True):
    """Done."""


class Noticed(Reply, frozen=True):
    """Done, with something to know: a code and its sentence."""

    notice: str = ""
    message: str = ""


class LoggedInReply(Reply, frozen=True):
    """Logged in under this name."""

    username: str


class TextReply(Reply, frozen=True):
    """The text is on its way."""

    message_id: str


class FileReply(Reply, frozen=True):
    """The offer is on its way."""

    transfer_id: str


class Settings(msgspec.Struct, frozen=True):
    """The settings of this computer."""

    hide_address: bool
    language: str
    downloads: str
    appearance: str = "auto"
    address_asked: bool = False
    map_port: bool = True


class StatusReply(Reply, frozen=True, omit_defaults=False):
    """Where things stand. `path` is None outside a talk; `online` is whether the server is reached."""

    state: State
    username: str | None
    path: PathKind | None
    online: bool
    server: str
    peer: "PeerName | None"
    greeted: bool
    peer_greeted: bool
    settings: Settings
    version: str = ""
    practising: bool = False


class ServerReply(Reply, frozen=True):
    """The server that is used now."""

    server: str


class HostReply(Reply, frozen=True):
    """The server that runs here: its address, and the same as a QR code in an SVG picture.

    `outbox` is the folder of its mails, as long as it has no mail server.
    """

    server: str
    qr: str
    outbox: str


class NetworkReply(Reply, frozen=True, omit_defaults=False):
    """What the network allows.

    `nat` (its mapping), `filtering`, `allocation` and `stray` are words of spec
    §4.5; `public` are the endpoints that observers saw,
    `mapped` those that the router opened;
    `reachability` is `open`, `punch`, `relay` or `offline`; `words` says it in
    plain sentences.
    """

    nat: str
    filtering: str
    allocation: str
    stray: str
    public: list[str]
    private: list[str]
    reachability: str
    words: list[str]
    server_ms: float | None
    mapped: list[str]


# -- events -------------------------------------------------------------------------------


class Error(msgspec.Struct, frozen=True):
    """A code of spec §9 and its sentence in the person's language."""

    code: str
    message: str


class PeerName(msgspec.Struct, frozen=True):
    """What we know of the stranger."""

    username: str


class Ready(Event, frozen=True):
    """The client has started; `state` follows at once."""

    version: str


class StateChanged(Event, frozen=True, tag="state"):
    """The person now stands here."""

    state: State


class Online(Event, frozen=True):
    """Whether the server is reached; `error` says why not, `retry_s` when we try again."""

    online: bool
    error: Error | None = None
    retry_s: float | None = None


class ServerChanged(Event, frozen=True, tag="server"):
    """Another server is used from now on; `practising` is whether it is that of a practice. Empty: none."""

    server: str
    practising: bool = False


class Matched(Event, frozen=True):
    """A stranger was found."""

    match_id: str
    peer: PeerName


class NatWords(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of a NAT, in the words of spec §4.5."""

    mapping: str
    filtering: str
    allocation: str
    stray: str


class RelayReason(StrEnum):
    """Why a way leads over the relay."""

    HIDDEN = "hidden"  # one of the two hides their address
    NO_PLACES = "no_places"  # neither side's place is known to the other
    UNPREDICTABLE = "unpredictable"  # there is no technique for these two NATs
    UNDER_WAY = "under_way"  # other ways are still being tried
    FAILED = "failed"  # they were tried in vain; they will be again


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a way came about, without an address. Times are milliseconds from `matched`."""

    stood_ms: float
    "TCP stood, or both were at the relay."
    proved_ms: float
    "Both had proved who they are."
    technique: str
    "What was tried beyond dialling what is known: spec §6.2."
    syns: int
    "Connections that we began."
    our_nat: NatWords | None = None
    peer_nat: NatWords | None = None
    why_relay: RelayReason | None = None
    "Of the relay, as things stood when this was told."


class Path(Event, frozen=True):
    """The way the talk now takes. `how` is what found it; `took_ms` counts from `matched`.

    `rtt_ms`: only the leader of a match can time it.

    `how`: `private`, `public` or `mapped` for a place that was dialled, `incoming` for one that nobody named
    (within one network always `private`), `opener`, `prediction`, `block_scan` or `birthday` for a technique,
    `relay` or `relay-tls`.
    """

    kind: PathKind
    took_ms: float
    rtt_ms: float | None
    how: str
    receipt: Receipt | None = None


class Trying(Event, frozen=True):
    """Which kinds of way are being tried now, all at once, while there is none; `technique` as in `Receipt`.

    The kinds are none for a moment where nobody can be called yet.
    """

    kinds: list[PathKind]
    technique: str


class ReceiptChanged(Event, frozen=True, tag="receipt"):
    """What is known of the way in use, as in `path`, is another now: direct ways are being tried, or were."""

    receipt: Receipt


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


class Preview(msgspec.Struct, frozen=True):
    """A tiny picture: width × height sRGB pixels, 3 bytes each, base64."""

    width: int
    height: int
    pixels: bytes


class Offer(Event, frozen=True):
    """The peer offers a file. Nothing of it is sent before `accept`."""

    transfer_id: str
    name: str
    content_type: str
    size: int
    preview: Preview | None = None


class Offered(Event, frozen=True):
    """We have offered a file."""

    transfer_id: str
    name: str
    content_type: str
    size: int
    preview: Preview | None = None


class Progress(Event, frozen=True):
    """How far a transfer is."""

    transfer_id: str
    bytes: int
    size: int


class Accepted(Event, frozen=True):
    """The peer wants our file."""

    transfer_id: str


class Paused(Event, frozen=True):
    """Who lets the transfer rest now; neither means it goes on."""

    transfer_id: str
    by_you: bool
    by_peer: bool


class Received(Event, frozen=True):
    """The file is whole, verified and on disk."""

    transfer_id: str
    path: str
    sha256: str


class Sent(Event, frozen=True):
    """The peer has our file, whole and verified."""

    transfer_id: str


class Failed(Event, frozen=True):
    """A transfer is over without success."""

    transfer_id: str
    error: Error


class PeerAway(Event, frozen=True):
    """Nothing comes through; we wait and try again. `grace_s` is how long."""

    grace_s: float


class PeerBack(Event, frozen=True):
    """It comes through again."""


class TalkEnded(Event, frozen=True, tag="ended"):
    """The talk is over. Nothing follows of it: what was open before has been told."""

    reason: Ended
    lasted_s: float


class Mailed(Event, frozen=True):
    """A mail of a server on this computer that has no mail server, for the address just typed."""

    to: str
    subject: str
    code: str
    "The six digits in it."
    text: str


class Notice(Event, frozen=True):
    """Something to know."""

    code: str
    message: str


AnyEvent: TypeAlias = (
    Ready
    | StateChanged
    | Online
    | ServerChanged
    | Matched
    | Trying
    | Path
    | ReceiptChanged
    | Greeted
    | PeerGreeted
    | Said
    | TextReceived
    | Delivered
    | Undelivered
    | PeerTyping
    | Offer
    | Offered
    | Progress
    | Accepted
    | Paused
    | Received
    | Sent
    | Failed
    | PeerAway
    | PeerBack
    | TalkEnded
    | Mailed
    | Notice
)


class PathChange(msgspec.Struct, frozen=True):
    """A way that was taken, or None while nothing came through. Milliseconds from the press of 聊一聊."""

    at_ms: float
    kind: PathKind | None
    how: str


class ReceiptReply(Reply, frozen=True, omit_defaults=False):
    """How the talk is connected, without an address, a name or a word of it.

    The times count from the press of 聊一聊; None for what has not been:
    `matched`, then `stood` and `proved` of the first way (as in `Receipt`),
    and `greeted` by both. `receipt` is of the way that is, or was at the end.
    `changes` are the newest 64. `words` say all of it in plain sentences, and
    `text` is these under a heading.
    """

    path: PathKind | None
    how: str
    rtt_ms: float | None
    over: bool
    matched_ms: float | None
    stood_ms: float | None
    proved_ms: float | None
    greeted_ms: float | None
    changes: list[PathChange]
    receipt: Receipt | None
    words: list[str]
    text: str


class Recorded(msgspec.Struct, frozen=True):
    """An event and when it happened: UTC milliseconds since 1970."""

    at: float
    happened: AnyEvent


class HistoryReply(Reply, frozen=True, omit_defaults=False):
    """The events of the talk, oldest first; of a transfer's progress only the newest. Empty outside."""

    events: list[Recorded]


REPLIES: Final[dict[type[Command], type[Reply]]] = {
    SignUp: Noticed,
    ResendCode: Noticed,
    ForgotPassword: Noticed,
    LogIn: LoggedInReply,
    SetUsername: LoggedInReply,
    SendText: TextReply,
    SendFile: FileReply,
    Status: StatusReply,
    Network: NetworkReply,
    GetReceipt: ReceiptReply,
    History: HistoryReply,
    UseServer: ServerReply,
    HostHere: HostReply,
}
"What a command that succeeds is replied with; `Empty` for all that are not named."

AnyReply: TypeAlias = (
    Empty
    | Noticed
    | LoggedInReply
    | TextReply
    | FileReply
    | StatusReply
    | NetworkReply
    | ReceiptReply
    | HistoryReply
    | ServerReply
    | HostReply
)

COMMANDS: msgspec.json.Decoder[Any] = msgspec.json.Decoder(AnyCommand)
