"""Check what proves that a certificate belongs to the peer, before anything is dialled (spec §4.6)."""

from collections.abc import Callable

from floater.core.meet.introduction import Introduction
from floater.crypto.certificate import CertifiedKey
from floater.crypto.tls import check_signature, peer_leg_context
from floater.net.peer_link import Credentials
from floater.wire.ticket import check_ticket


def credentials_for(
    introduction: Introduction, match_key: CertifiedKey, server_time: Callable[[], float]
) -> Credentials:
    """Check the proof of an introduction, and return what all links of it prove and demand.

    Args:
        introduction: who the peer is.
        match_key: our certificate in this match.
        server_time: tells the server's clock now, UTC seconds.

    Raises:
        RemoteProtocolError: BAD_TICKET.
    """
    proof, peer = introduction.proof, introduction.certificate
    check_signature(proof.ticket, proof.signature, proof.signer)
    check_ticket(
        proof.ticket,
        match_id=introduction.match_id,
        role=introduction.role,
        own=match_key.certificate,
        peer=peer,
        server_time=server_time(),
    )
    context = peer_leg_context(introduction.role, match_key, peer)
    return Credentials(introduction.role, context, peer, proof.ticket, proof.signature)
