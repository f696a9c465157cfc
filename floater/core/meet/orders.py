"""The events, orders and news of `floater.core.meet.meeting`.

A *stream* is a connection that may lead to the peer. It has a fresh number,
chosen by the room that performs the orders. Once the peer at its other end is
authenticated, it is the *link* of the same number.
"""

from dataclasses import dataclass
from typing import TypeAlias

from floater.codes import Code
from floater.core import link
from floater.core.emit import Emit
from floater.core.meet.path import NoShow, RelayLost, Trusted
from floater.core.meet.port_facts import PortFacts
from floater.core.meet.punch import Connected, Dial, Failed, Listen, PeerOpened, Sent, Wave, Withdraw
from floater.machine import Tick
from floater.wire.endpoint import Address, Candidate
from floater.wire.nat import Nat

__all__ = [
    "Authenticate",
    "Begin",
    "CandidatesTold",
    "Close",
    "CloseAll",
    "CloseStream",
    "Connected",
    "Denied",
    "Dial",
    "Effect",
    "Emit",
    "Event",
    "Failed",
    "Finish",
    "Gone",
    "JoinRelay",
    "LeaveRelay",
    "LinkOrder",
    "Listen",
    "LookAround",
    "Lost",
    "Met",
    "Misbehaved",
    "NetworkChanged",
    "News",
    "NoShow",
    "Order",
    "PeerCandidates",
    "PeerOpened",
    "PortChanged",
    "Ready",
    "RelayJoined",
    "RelayLost",
    "RenewPort",
    "Renewed",
    "Sent",
    "ServerOrder",
    "TellCandidates",
    "TellOpened",
    "Trusted",
    "Untrusted",
    "UsePort",
    "Wave",
    "Withdraw",
]


# -- events, beside those of `path`, `punch` and `link` ------------------------------------


@dataclass(frozen=True, slots=True)
class Begin:
    """Look for the peer. The proof of the introduction holds.

    `port` is the one whose candidates the peer has; None if there is no port.
    """

    port: PortFacts | None


@dataclass(frozen=True, slots=True)
class Denied:
    """The proof of the introduction does not hold, for the reason `code`."""

    code: Code


@dataclass(frozen=True, slots=True)
class RelayJoined:
    """The relay has joined the two: `stream` leads to the peer. `how` is `relay` or `relay-tls`."""

    stream: int
    how: str


@dataclass(frozen=True, slots=True)
class Untrusted:
    """A stream ended before the peer was authenticated. `spread` is drawn evenly from [0, 1)."""

    stream: int
    code: Code
    spread: float


@dataclass(frozen=True, slots=True)
class Ready:
    """The peer is authenticated: the stream is a link.

    `received` is the peer's word; `rtt` is in seconds, None where it was not
    measured; `local` is our own address on the link.
    """

    link: int
    received: int
    rtt: float | None = None
    local: Address | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """A link is over and closed. `fault` is what the peer did wrong on it; None if it just ended."""

    link: int
    fault: Code | None = None


@dataclass(frozen=True, slots=True)
class NetworkChanged:
    """Our network is another one, and these addresses are no longer ours."""

    gone: frozenset[Address]


@dataclass(frozen=True, slots=True)
class PortChanged:
    """More, or something else, is known of the port in use."""

    port: PortFacts


@dataclass(frozen=True, slots=True)
class Renewed:
    """There is a fresh port, and this is known of it. None: there is no other."""

    port: PortFacts | None


@dataclass(frozen=True, slots=True)
class CandidatesTold:
    """The server has got, or cannot be given, the candidates of a `TellCandidates` with `then_punch`."""


@dataclass(frozen=True, slots=True)
class PeerCandidates:
    """The peer may be found at these places from now on, behind this NAT."""

    candidates: tuple[Candidate, ...]
    nat: Nat


@dataclass(frozen=True, slots=True)
class Close:
    """The meeting is over. Let the last messages arrive, then close everything."""


# -- orders, beside those of `punch` -------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Find out whether our peer is at the other end of a stream.

    Feed `Trusted` and `Ready`, or `Untrusted`; then what happens on the link.
    """

    stream: int


@dataclass(frozen=True, slots=True)
class CloseStream:
    """Close a stream or link at once, and report nothing more of it."""

    stream: int


@dataclass(frozen=True, slots=True)
class JoinRelay:
    """Go to the relay and wait there. Feed `RelayJoined` or `RelayLost`."""


@dataclass(frozen=True, slots=True)
class LeaveRelay:
    """Wait at the relay no more, and report nothing of it."""


@dataclass(frozen=True, slots=True)
class LookAround:
    """Find out which addresses and routers this computer has now, and feed `PortChanged`."""


@dataclass(frozen=True, slots=True)
class UsePort:
    """Listen and dial on the port of `Renewed` from now on, and close the one before."""


@dataclass(frozen=True, slots=True)
class RenewPort:
    """Get a fresh port, asked about from now on, and feed `Renewed`."""


@dataclass(frozen=True, slots=True)
class TellCandidates:
    """Tell the peer through the server where we are. With `then_punch`, feed `CandidatesTold` afterwards."""

    candidates: tuple[Candidate, ...]
    nat: Nat
    then_punch: bool = False


@dataclass(frozen=True, slots=True)
class TellOpened:
    """Tell the peer through the server that our NAT is open. `punch` counts those of this meeting from 0."""

    punch: int


@dataclass(frozen=True, slots=True)
class Finish:
    """Let what was sent on a link arrive, for `timeout` seconds at most; close it, then feed `Gone`."""

    link: int
    timeout: float


@dataclass(frozen=True, slots=True)
class CloseAll:
    """Close every stream, link and port. Nothing follows."""


# -- news, beside those of `link`, `Emit` and `NoShow` -------------------------------------


@dataclass(frozen=True, slots=True)
class Met:
    """The first link is in use. Comes once, before its `LinkUp`."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The peer was away for too long; `relayed`: the last way led over the relay. Feed `Close`."""

    relayed: bool


@dataclass(frozen=True, slots=True)
class Misbehaved:
    """The peer broke the protocol on an authenticated link. End the talk, and say why if a link is up."""

    code: Code


Event: TypeAlias = (
    Begin
    | Denied
    | Connected
    | Failed
    | Sent
    | PeerOpened
    | RelayJoined
    | RelayLost
    | Trusted
    | Untrusted
    | Ready
    | link.Arrived
    | link.Writable
    | Gone
    | link.Suspect
    | link.Alive
    | NetworkChanged
    | PortChanged
    | Renewed
    | CandidatesTold
    | PeerCandidates
    | Close
    | Tick
)
LinkOrder: TypeAlias = (
    Listen
    | Dial
    | Wave
    | Withdraw
    | Authenticate
    | CloseStream
    | JoinRelay
    | LeaveRelay
    | link.Transmit
    | link.PauseReading
    | link.ResumeReading
    | LookAround
    | UsePort
    | Finish
    | CloseAll
)
"Orders for the room that has the streams: `floater.net.meeting`."
ServerOrder: TypeAlias = RenewPort | TellCandidates | TellOpened
"Orders for the room that has the stream to the server, and prepares ports."
Order: TypeAlias = LinkOrder | ServerOrder
News: TypeAlias = (
    link.LinkUp
    | link.LinkDown
    | link.Check
    | link.Arrived
    | link.Writable
    | Emit
    | Met
    | Lost
    | NoShow
    | Misbehaved
)
Effect: TypeAlias = Order | News
