"""Every message of the client-server leg, in spec order (spec §4).

A request carries an `id` that its client chose, at least 1 and not in use;
it gets exactly one answer with that `id`. What the server says unasked has none.
Times are UTC seconds since 1970.
"""

from enum import StrEnum
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from floater.codes import Code
from floater.wire.codec import Codec, Message
from floater.wire.endpoint import Candidate
from floater.wire.limits import (
    CODE_DIGITS,
    MAX_CANDIDATES,
    MAX_EMAIL,
    MAX_MATCHES,
    MAX_OPENINGS,
    MAX_PASSWORD,
)
from floater.wire.nat import UNKNOWN_NAT, Nat

RequestId: TypeAlias = Annotated[int, Meta(ge=1, le=2**53)]
Email: TypeAlias = Annotated[str, Meta(max_length=MAX_EMAIL)]
Password: TypeAlias = Annotated[str, Meta(max_length=4 * MAX_PASSWORD)]
Username: TypeAlias = Annotated[str, Meta(max_length=256)]
OneTimeCode: TypeAlias = Annotated[str, Meta(max_length=4 * CODE_DIGITS)]
Language: TypeAlias = Annotated[str, Meta(max_length=35)]
"A BCP 47 tag; what is not known is treated as `en`."
MatchId: TypeAlias = Annotated[str, Meta(min_length=1, max_length=32)]
Token: TypeAlias = Annotated[str, Meta(max_length=64)]
Candidates: TypeAlias = Annotated[tuple[Candidate, ...], Meta(max_length=MAX_CANDIDATES)]
PunchNumber: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_OPENINGS - 1)]
Certificate: TypeAlias = Annotated[bytes, Meta(min_length=64, max_length=2_048)]


class Role(StrEnum):
    """The two sides of a match. The leader is the TLS client and chooses the link."""

    LEADER = "leader"
    FOLLOWER = "follower"


class EndReason(StrEnum):
    """Why a match is over, as one side tells the server and the server the other side."""

    HUNG_UP = "hung_up"
    CANCELLED = "cancelled"  # before the two had met
    NO_SHOW = "no_show"  # the other side was never reached
    LOST = "lost"  # it was, and went away for longer than the grace period
    LEFT = "left"  # its log-in ended or was taken over (server only)
    REFUSED = "refused"  # it broke the protocol


# -- client to server ---------------------------------------------------------------------


class Hello(Message, frozen=True):
    """The first message of a client."""

    versions: Annotated[tuple[int, ...], Meta(min_length=1, max_length=16)]
    agent: Annotated[str, Meta(max_length=64)] = ""
    language: Language = "en"


class Request(Message, frozen=True):
    """What every request has."""

    id: RequestId


class SignUp(Request, frozen=True):
    """Ask for an account. Answered alike whether or not the address has one."""

    email: Email
    username: Username
    password: Password
    adult: bool
    language: Language = "en"


class Activate(Request, frozen=True):
    """Prove that the mail came."""

    email: Email
    code: OneTimeCode


class ResendCode(Request, frozen=True):
    """Ask for the activation mail again. Answered alike for every address."""

    email: Email


class LogIn(Request, frozen=True):
    """Log in; answered by `logged_in` with a fresh token, and the token of this device."""

    email: Email
    password: Password
    device: Token = ""
    "The device token of this account, if the device has one."


class Restore(Request, frozen=True):
    """Log in with the token of an earlier `logged_in`, and name the matches whose talks go on here."""

    token: Token
    matches: Annotated[tuple[MatchId, ...], Meta(max_length=MAX_MATCHES)] = ()
    stranger: bool = True
    "The first of `matches` is with a stranger; no other is."

    @property
    def match_with_stranger(self) -> str:
        """Which of `matches` is with a stranger; empty if there is none."""
        return self.matches[0] if self.matches and self.stranger else ""


class LogOut(Request, frozen=True):
    """End this log-in and make its token worthless."""


class ForgotPassword(Request, frozen=True):
    """Ask for a mail with a code to set a new password. Answered alike for every address."""

    email: Email
    language: Language = "en"
    device: Token = ""
    "As in `log_in`."


class ResetPassword(Request, frozen=True):
    """Set a new password by that code. All tokens of the account become worthless."""

    email: Email
    code: OneTimeCode
    password: Password
    device: Token = ""
    "As in `log_in`."


class SetUsername(Request, frozen=True):
    """Change the name that strangers see, from the next match on.

    Answered by `logged_in` with the cleaned name.
    """

    username: Username


class ChangePassword(Request, frozen=True):
    """Change the password. All other tokens of the account become worthless."""

    old: Password
    new: Password


class Seek(Request, frozen=True):
    """Press 聊一聊. `certificate` (DER) is for the next match only.

    `after` names a match that fell through without our fault; it buys the
    first place in line, once.
    """

    certificate: Certificate
    candidates: Candidates = ()
    nat: Nat = UNKNOWN_NAT
    hide_address: bool = False
    language: Language = "en"
    after: Annotated[str, Meta(max_length=32)] = ""


class CancelSeek(Request, frozen=True):
    """Stop seeking. Refused with ALREADY_MATCHED if a match came first."""


class EndMatch(Request, frozen=True):
    """The match is over for us. May be said again; only the first counts."""

    match_id: MatchId
    reason: EndReason


class UpdateCandidates(Request, frozen=True):
    """Our places have changed during a match."""

    match_id: MatchId
    candidates: Candidates
    nat: Nat = UNKNOWN_NAT


class Opened(Request, frozen=True):
    """Our NAT is open for the peer: its SYNs may come now (§6.2). `punch` counts ours in this match."""

    match_id: MatchId
    punch: PunchNumber


class Ping(Request, frozen=True):
    """Are you there? Answered by `done`."""


# -- server to client: answers ------------------------------------------------------------


class Welcome(Message, frozen=True):
    """The answer to `hello`.

    `observers` are `host:port`, or `:port` for the host the client already
    uses. `observer_key` is the USERNAME of every STUN request, by which the
    server knows the client. `ticket_key` is a raw Ed25519 public key.
    """

    version: int
    time: float
    observers: Annotated[tuple[Annotated[str, Meta(max_length=128)], ...], Meta(max_length=8)]
    observer_key: Annotated[str, Meta(max_length=64)]
    ticket_key: Annotated[bytes, Meta(min_length=32, max_length=32)]
    agent: Annotated[str, Meta(max_length=64)] = ""


class Done(Message, frozen=True):
    """The request has been carried out. `notice` is something to know all the same.

    `time` is the server's clock, UTC seconds since 1970, in the answer to `ping`; 0 where it is not told.
    """

    id: RequestId
    notice: Annotated[str, Meta(max_length=64)] = ""
    time: Annotated[float, Meta(ge=0.0)] = 0.0


class LoggedIn(Message, frozen=True):
    """We are logged in under this name. The tokens are empty where the old ones stay good."""

    id: RequestId
    username: str
    token: Token = ""
    device: Token = ""
    "It outlives this log-in, and is sent with the requests that try to get into the account."


class Refused(Message, frozen=True):
    """The request (or with id 0: the stream, which then ends) is refused, and nothing was changed."""

    code: Annotated[str, Meta(max_length=64)]
    id: Annotated[int, Meta(ge=0, le=2**53)] = 0
    retry_after: Annotated[float, Meta(ge=0.0, le=86_400.0)] = 0.0


# -- server to client: news ---------------------------------------------------------------


class Peer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one stranger is told of the other."""

    username: Annotated[str, Meta(max_length=256)]
    language: Language = "en"


class Matched(Message, frozen=True):
    """A stranger was found.

    `certificate` is the peer's and the only one to be trusted in this match;
    `ticket` and `signature` are §4.6; `relay_token` admits us to the relay as
    long as the ticket is good; `relay` is where, `host:port` of the node that
    joins the two, empty for the server that says this. With `relay_only` one
    side hides its address: there are no candidates and none may be sought.
    """

    match_id: MatchId
    role: Role
    peer: Peer
    certificate: Certificate
    ticket: Annotated[bytes, Meta(max_length=1_024)]
    signature: Annotated[bytes, Meta(min_length=64, max_length=64)]
    relay_token: Annotated[bytes, Meta(max_length=512)]
    candidates: Candidates = ()
    nat: Nat = UNKNOWN_NAT
    relay_only: bool = False
    relay: Annotated[str, Meta(max_length=128)] = ""
    time: Annotated[float, Meta(ge=0.0)] = 0.0
    "UTC seconds: the server's clock, by which the ticket is judged; 0 where it is not told."


class PeerCandidates(Message, frozen=True):
    """The peer's places have changed."""

    match_id: MatchId
    candidates: Candidates
    nat: Nat = UNKNOWN_NAT


class PeerOpened(Message, frozen=True):
    """The peer's NAT is open for us: dial it now."""

    match_id: MatchId
    punch: PunchNumber


class MatchEnded(Message, frozen=True):
    """The match is over for the other side."""

    match_id: MatchId
    reason: EndReason


class Notice(Message, frozen=True):
    """Something to tell the person."""

    code: Annotated[str, Meta(max_length=64)]


class Closing(Message, frozen=True):
    """This stream ends now. `retry_after` is when to come again; 0 means not by itself."""

    code: Annotated[str, Meta(max_length=64)]
    retry_after: Annotated[float, Meta(ge=0.0, le=86_400.0)] = 0.0


ClientMessage: TypeAlias = (
    Hello
    | SignUp
    | Activate
    | ResendCode
    | LogIn
    | Restore
    | LogOut
    | ForgotPassword
    | ResetPassword
    | SetUsername
    | ChangePassword
    | Seek
    | CancelSeek
    | EndMatch
    | UpdateCandidates
    | Opened
    | Ping
)
Answer: TypeAlias = Done | LoggedIn | Refused
News: TypeAlias = Matched | PeerCandidates | PeerOpened | MatchEnded | Notice | Closing
ServerMessage: TypeAlias = Welcome | Answer | News

CLIENT_MESSAGES: Codec[ClientMessage] = Codec(ClientMessage, ClientMessage.__args__)
SERVER_MESSAGES: Codec[ServerMessage] = Codec(ServerMessage, ServerMessage.__args__)


def code_of(word: str) -> Code:
    """Read a code that came over the wire; one of a later version is `internal`."""
    try:
        return Code(word)
    except ValueError:
        return Code.INTERNAL
