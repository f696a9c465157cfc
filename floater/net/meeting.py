"""Bring the two of a match together and keep them together: punch, relay, authentication, links (spec §6)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from floater.codes import Code
from floater.core import link, path
from floater.crypto.certificate import Identity
from floater.net.punch_port import PunchPort
from floater.net.server_door import Proxy
from floater.wire.control import Matched
from floater.wire.endpoint import Candidate
from floater.wire.url import ServerUrl


@dataclass(frozen=True, slots=True)
class Misbehaved:
    """The peer broke the protocol on an authenticated link, which was closed. End the talk."""

    code: Code


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something to tell the person."""

    code: Code


Report: TypeAlias = (
    link.Arrived
    | link.Writable
    | link.LinkUp
    | link.LinkDown
    | path.Chosen
    | path.Away
    | path.Back
    | path.Lost
    | path.NoShow
    | Misbehaved
    | Noticed
)


@dataclass(frozen=True, kw_only=True)
class MeetingSettings:
    """What may be decided for a meeting. Seconds are floats."""

    head_start: float = 0.6
    "Seconds that punching has for itself before the relay joins the race."

    timeout: float = 15.0
    "Seconds from `start` until a peer to whom no link came counts as not coming."

    grace: float = 30.0
    "Seconds that a peer may be out of reach before it counts as lost."

    punch_delay: float = 0.005
    "Seconds, about, between an error on a dialled address and the next attempt there."

    punch_budget: float = 5.0
    "Seconds from the start of a punch to giving up."

    punch_attempts: int = 60
    "Dials to one address in one punch, at most."


class Meeting:
    """One match's links, from `matched` to the end.

    Args:
        matched: the server's message.
        identity: whose certificate went into `seek`.
        ticket_key: of `welcome`.
        server_time: tells the server's clock now, UTC seconds.
        punch_port: the port whose candidates went into `seek`; the meeting
            closes it. None: nothing is dialled and nothing accepted.
        server: where the relay is.
        proxy: the way out of this network, if it has one.
        settings: the knobs.
        report: called with everything that happens, from `start` on, also from within `start`,
            `transmit` and `suspect`; never after `close` was called.
        received: tells the highest `seq` we have got; it goes into every hello.
    """

    def __init__(
        self,
        *,
        matched: Matched,
        identity: Identity,
        ticket_key: bytes,
        server_time: Callable[[], float],
        punch_port: PunchPort | None,
        server: ServerUrl,
        report: Callable[[Report], None],
        received: Callable[[], int],
        proxy: Proxy | None = None,
        settings: MeetingSettings | None = None,
    ) -> None:
        raise NotImplementedError

    def start(self) -> None:
        """Check the ticket, then look for the peer. A bad one is reported as NoShow(BAD_TICKET)."""

    def transmit(self, effect: link.Transmit) -> None:
        """Send a message. On a link that is gone it is dropped; `LinkDown` has been or will be reported."""

    def suspect(self, number: int) -> None:
        """Nothing comes through this link: if it is the one in use, close it and look for another."""

    def update_candidates(self, candidates: Sequence[Candidate]) -> None:
        """The peer has moved (`peer_candidates`)."""

    async def close(self) -> None:
        """Send what was given to `transmit`, for a second at most, then close everything."""
