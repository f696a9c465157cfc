"""The ticket: the server's signed word that two certificates belong to one match (spec §4.6)."""

import hashlib
from typing import Annotated

import msgspec
from msgspec import Meta

from floater.codes import Code
from floater.errors import RemoteProtocolError
from floater.wire.control import MatchId, Role

Digest = Annotated[bytes, Meta(min_length=32, max_length=32)]


class Ticket(msgspec.Struct, frozen=True):
    """What the server signs: these JSON bytes, exactly as sent, under Ed25519 (RFC 8032)."""

    match_id: MatchId
    leader: Digest
    "SHA-256 of the leader's certificate (DER)."
    follower: Digest
    issued: float
    "UTC seconds since 1970, by the server's clock."
    expires: float


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Ticket)


def encode_ticket(ticket: Ticket) -> bytes:
    """Lay a ticket out for signing."""
    return _encoder.encode(ticket)


def check_ticket(
    payload: bytes, *, match_id: str, role: Role, own: bytes, peer: bytes, server_time: float
) -> Ticket:
    """Check that a ticket whose signature holds is about us and our peer, now.

    Args:
        payload: the signed bytes.
        match_id: the match it has to be for.
        role: our side.
        own: our certificate, DER.
        peer: the peer's certificate, DER.
        server_time: the server's clock now, UTC seconds; a client knows it
            from `welcome` and needs no clock of its own to be right.

    Raises:
        RemoteProtocolError: BAD_TICKET.
    """
    try:
        ticket = _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteProtocolError(Code.BAD_TICKET, "unreadable") from error
    digests = hashlib.sha256(own).digest(), hashlib.sha256(peer).digest()
    leader, follower = digests if role is Role.LEADER else digests[::-1]
    if (ticket.match_id, ticket.leader, ticket.follower) != (match_id, leader, follower):
        raise RemoteProtocolError(Code.BAD_TICKET, "for other certificates")
    if not ticket.issued - 60.0 <= server_time < ticket.expires:
        raise RemoteProtocolError(Code.BAD_TICKET, "expired")
    return ticket
