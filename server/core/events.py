"""What a node is told by clients and other nodes, and what it wants done (spec §4.3, §4.4)."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from floater.codes import Code
from floater.wire.control import EndReason, Role
from floater.wire.endpoint import Candidate, Endpoint
from floater.wire.nat import Nat
from server.core import proposal
from server.core.matches import Ended
from server.core.matching import Waiting
from server.core.pool import NodeId, UserId
from server.core.side import Side


class Request(NamedTuple):
    """A request of a client, so that the answer finds its way back."""

    account: UserId
    device: int
    "Names the stream among those of the account."
    id: int


# -- events -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Returned:
    """An account has logged in, and says which of its matches still go on. All others are over.

    A match that no node remembers was made before this server started: it is believed.
    """

    user: UserId
    match_ids: tuple[str, ...]
    host: str
    "The address that its control connection comes from now."
    stranger: str = ""
    "Which of its matches is with a stranger; empty if there is none."


@dataclass(frozen=True, slots=True)
class Dropped:
    """The connection of an account is gone without a word."""

    user: UserId


@dataclass(frozen=True, slots=True)
class Left:
    """The log-in of an account has ended."""

    user: UserId


@dataclass(frozen=True, slots=True)
class Moved:
    """The account has logged in at another node."""

    user: UserId


@dataclass(frozen=True, slots=True)
class Renamed:
    """The account has another name, from its next match on."""

    user: UserId
    username: str


@dataclass(frozen=True, slots=True)
class Seek:
    """A client wants its person to meet a stranger."""

    request: Request
    side: Side
    pick: float
    "Random, uniform in [0, 1)."
    match_id: str
    "Random and new: the match, if one comes of this."
    after: str = ""
    "The match that fell through, for a place in the front line."
    time: float = 0.0
    "UTC seconds."
    notice: str = ""
    "A code to tell with the answer."


@dataclass(frozen=True, slots=True)
class CancelSeek:
    """A client does not want that any more."""

    request: Request


@dataclass(frozen=True, slots=True)
class EndMatch:
    """A match is over for one side. Only the first time counts."""

    request: Request
    match_id: str
    reason: EndReason


@dataclass(frozen=True, slots=True)
class UpdateCandidates:
    """A client has new candidates during a match."""

    request: Request
    match_id: str
    candidates: tuple[Candidate, ...]
    "As the client names them."
    nat: Nat
    host: str
    "The address that its control connection comes from."
    seen: Collection[Endpoint]
    "The endpoints at which our observers saw it."


@dataclass(frozen=True, slots=True)
class Opened:
    """A client's NAT is open for the peer."""

    request: Request
    match_id: str
    punch: int


# -- messages between nodes, beside those of `proposal`, `matching` and `matches` ----------


@dataclass(frozen=True, slots=True)
class SideChanged:
    """To the node of the peer: the side of an account is this now."""

    match_id: str
    of: UserId
    side: Side
    tell: bool
    "The peer has to hear of it."


@dataclass(frozen=True, slots=True)
class HasOpened:
    """To the node of the peer: the account's NAT is open for the peer."""

    match_id: str
    of: UserId
    punch: int


Message: TypeAlias = proposal.Message | Waiting | Ended | SideChanged | HasOpened
Event: TypeAlias = (
    Returned
    | Dropped
    | Left
    | Moved
    | Renamed
    | Seek
    | CancelSeek
    | EndMatch
    | UpdateCandidates
    | Opened
    | Message
)


# -- effects ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Send:
    """Bring a message to a node, or to every node if `to` is None."""

    to: NodeId | None
    message: Message


@dataclass(frozen=True, slots=True)
class Agreed:
    """Answer a request: it has been carried out. Comes before everything that follows from it."""

    request: Request
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """Answer a request: it is refused, and nothing has changed."""

    request: Request
    code: Code


@dataclass(frozen=True, slots=True)
class Matched:
    """Introduce the peer to an account of this node."""

    match_id: str
    user: UserId
    role: Role
    own: Side
    peer: Side
    candidates: tuple[Candidate, ...]
    "The peer's, as far as the account may know them."
    nat: Nat
    "The peer's, likewise."
    relay_only: bool
    issued: float
    "UTC seconds: from when the ticket is good, the same for both."


@dataclass(frozen=True, slots=True)
class PeerCandidates:
    """Tell an account the peer's candidates as they are now."""

    match_id: str
    user: UserId
    candidates: tuple[Candidate, ...]
    nat: Nat


@dataclass(frozen=True, slots=True)
class PeerOpened:
    """Tell an account that the peer's NAT is open for it."""

    match_id: str
    user: UserId
    punch: int


@dataclass(frozen=True, slots=True)
class MatchEnded:
    """Tell an account, which did not end it, that a match is over. It may not be connected."""

    user: UserId
    match_id: str
    reason: EndReason


News: TypeAlias = Matched | PeerCandidates | PeerOpened | MatchEnded
"What an account is told."
Effect: TypeAlias = Send | Agreed | Refused | News
