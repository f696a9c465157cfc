"""Who the peer of a match is, what proves it, and where it may be (design: the hinge of all kinds of talk).

An `Introduction` is made from the server's `matched`, and later from a beacon
in the own network or from the member list of a group. Path, punch,
whereabouts and peer links see nothing else, so none of them knows which kind
of talk they serve.
"""

from dataclasses import dataclass
from typing import TypeAlias

from floater.wire.control import Matched, Role
from floater.wire.endpoint import Candidate
from floater.wire.names import clean_username
from floater.wire.nat import UNKNOWN_NAT, Nat


@dataclass(frozen=True, slots=True)
class TicketProof:
    """A server's signature over both certificates (spec §4.6)."""

    ticket: bytes
    signature: bytes
    "Ed25519 (RFC 8032), 64 bytes."
    signer: bytes
    "The server's ticket key of `welcome`, 32 bytes."


Proof: TypeAlias = TicketProof
"""What proves that the certificate belongs to the peer. Contacts will add the identity key, people nearby the
compared code."""


@dataclass(frozen=True, slots=True)
class Relay:
    """A place in a server's relay, good for this match alone."""

    token: bytes
    address: str = ""
    "`host:port` of the server's node that joins the two; empty for the server that introduced them."


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction:
    """Everything that a meeting knows of the peer before the first link."""

    match_id: str
    role: Role
    "Our side. The leader is the TLS client and chooses the link."
    name: str
    "What the peer is called, as the person sees it."
    own: bytes
    "Our certificate for this match, DER."
    certificate: bytes
    "The peer's certificate for this match, DER. No other is let in."
    proof: Proof
    expected_key: bytes | None = None
    "The identity key that the peer has to show over the link; None where any will do."
    candidates: tuple[Candidate, ...] = ()
    nat: Nat = UNKNOWN_NAT
    "The peer's NAT, as far as it is known."
    relay: Relay | None = None
    "None: only direct ways lead to the peer."
    hides: bool = False
    "Either side hides its address: nothing is dialled or accepted, and only the relay is used."


def introduction_of(matched: Matched, *, own: bytes, signer: bytes) -> Introduction:
    """Make the introduction that a server's `matched` stands for.

    Args:
        matched: the message.
        own: the certificate that we sent with `seek`, DER.
        signer: the ticket key of this server's `welcome`.
    """
    return Introduction(
        match_id=matched.match_id,
        role=matched.role,
        name=clean_username(matched.peer.username) or "?",
        own=own,
        certificate=matched.certificate,
        proof=TicketProof(matched.ticket, matched.signature, signer),
        candidates=matched.candidates,
        nat=matched.nat,
        relay=Relay(matched.relay_token, matched.relay),
        hides=matched.relay_only,
    )
