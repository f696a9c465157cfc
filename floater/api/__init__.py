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

from typing import Final, TypeAlias

import msgspec

from floater.api.account import (
    Activate,
    ChangePassword,
    ForgotPassword,
    LoggedInReply,
    LogIn,
    LogOut,
    Mailed,
    Noticed,
    ResendCode,
    ResetPassword,
    SetUsername,
    SignUp,
)
from floater.api.base import (
    Command,
    Empty,
    Error,
    Event,
    Notice,
    OfTalk,
    Ready,
    Reply,
    TalkEvent,
)
from floater.api.computer import (
    HostHere,
    HostReply,
    Online,
    Practise,
    Quit,
    ServerChanged,
    ServerReply,
    Set,
    Settings,
    Status,
    StatusReply,
    UseServer,
)
from floater.api.files import (
    Accept,
    Accepted,
    Cancel,
    Decline,
    Failed,
    FileReply,
    Offer,
    Offered,
    Pause,
    Paused,
    Preview,
    Progress,
    Received,
    Resume,
    SendFile,
    Sent,
)
from floater.api.network import (
    GetReceipt,
    NatWords,
    Network,
    NetworkReply,
    Path,
    PathChange,
    PathKind,
    Receipt,
    ReceiptChanged,
    ReceiptReply,
    RelayReason,
    Trying,
)
from floater.api.talk import (
    CancelSeek,
    Delivered,
    Ended,
    Greet,
    Greeted,
    HangUp,
    History,
    MarkRead,
    Matched,
    PeerAway,
    PeerBack,
    PeerGreeted,
    PeerName,
    PeerTyping,
    Retry,
    Said,
    Seek,
    SendText,
    Standing,
    State,
    StateChanged,
    TalkChanged,
    TalkEnded,
    TalkInfo,
    TalkKind,
    Talks,
    TalksReply,
    TextReceived,
    TextReply,
    Typing,
    Undelivered,
)

__all__ = [
    "REPLIES",
    "Accept",
    "Accepted",
    "Activate",
    "AnyCommand",
    "AnyEvent",
    "AnyReply",
    "Cancel",
    "CancelSeek",
    "ChangePassword",
    "Command",
    "Decline",
    "Delivered",
    "Empty",
    "Ended",
    "Error",
    "Event",
    "Failed",
    "FileReply",
    "ForgotPassword",
    "GetReceipt",
    "Greet",
    "Greeted",
    "HangUp",
    "History",
    "HistoryReply",
    "HostHere",
    "HostReply",
    "LogIn",
    "LogOut",
    "LoggedInReply",
    "Mailed",
    "MarkRead",
    "Matched",
    "NatWords",
    "Network",
    "NetworkReply",
    "Notice",
    "Noticed",
    "OfTalk",
    "Offer",
    "Offered",
    "Online",
    "Path",
    "PathChange",
    "PathKind",
    "Pause",
    "Paused",
    "PeerAway",
    "PeerBack",
    "PeerGreeted",
    "PeerName",
    "PeerTyping",
    "Practise",
    "Preview",
    "Progress",
    "Quit",
    "Ready",
    "Receipt",
    "ReceiptChanged",
    "ReceiptReply",
    "Received",
    "Recorded",
    "RelayReason",
    "Reply",
    "ResendCode",
    "ResetPassword",
    "Resume",
    "Retry",
    "Said",
    "Seek",
    "SendFile",
    "SendText",
    "Sent",
    "ServerChanged",
    "ServerReply",
    "Set",
    "SetUsername",
    "Settings",
    "SignUp",
    "Standing",
    "State",
    "StateChanged",
    "Status",
    "StatusReply",
    "TalkChanged",
    "TalkEnded",
    "TalkEvent",
    "TalkInfo",
    "TalkKind",
    "Talks",
    "TalksReply",
    "TextReceived",
    "TextReply",
    "Trying",
    "Typing",
    "Undelivered",
    "UseServer",
]

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
    | Talks
    | MarkRead
    | History
    | Network
    | GetReceipt
)

AnyEvent: TypeAlias = (
    Ready
    | StateChanged
    | Online
    | ServerChanged
    | TalkChanged
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


class Recorded(msgspec.Struct, frozen=True):
    """An event and when it happened: UTC milliseconds since 1970."""

    at: float
    happened: AnyEvent


class HistoryReply(Reply, frozen=True, omit_defaults=False):
    """The events of the talk, oldest first; of a transfer's progress only the newest. Empty outside.

    Of a very long talk the oldest are not kept, but for the match and the greetings.
    """

    events: list[Recorded]
    n: int = 0
    "The number of the last event that this reply tells of."
    earlier: int = 0
    "How many texts and offers before these are not kept."


REPLIES: Final[dict[type[Command], type[Reply]]] = {
    SignUp: Noticed,
    ResendCode: Noticed,
    ForgotPassword: Noticed,
    LogIn: LoggedInReply,
    SetUsername: LoggedInReply,
    SendText: TextReply,
    SendFile: FileReply,
    Status: StatusReply,
    Talks: TalksReply,
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
    | TalksReply
    | NetworkReply
    | ReceiptReply
    | HistoryReply
    | ServerReply
    | HostReply
)
