"""TLS contexts of both legs, and the ticket's signature. TLS 1.3 everywhere, nothing older (spec §2.2, §6.4).

The server leg trusts either a pinned key, which `check_pin` compares, or the
system's authorities and the host name. The peer leg trusts exactly one
certificate in each direction, the one of the ticket: TLS proves that the other
end has its key, and `is_peer` compares it byte for byte. OpenSSL looks at no
dates, names or extensions of it, but for a purpose that excludes clients.

In TLS 1.3 a client is done before the server has looked at its certificate;
it learns of a rejection only when it reads. So on the peer leg a finished
handshake proves the follower to the leader, and does not tell whether the follower
accepts the leader: a link counts as authenticated when `PeerHello` has come over it.
"""

import ssl
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from floater.codes import Code
from floater.crypto.certificate import CertifiedKey, is_match_certificate, key_fingerprint, load_certified_key
from floater.errors import RemoteProtocolError
from floater.wire.control import Role

_LENIENT: Final = ssl.VerifyFlags(0x20_0000 | 0x10)
"OpenSSL's X509_V_FLAG_NO_CHECK_TIME and X509_V_FLAG_IGNORE_CRITICAL, which `ssl` does not name."


def server_leg_context(alpn: str, *, pinned: bool) -> ssl.SSLContext:
    """Make the client's context towards a server.

    Args:
        alpn: the protocol to speak.
        pinned: whether the URL names the server's key. Then OpenSSL trusts
            any certificate, and the caller has to call `check_pin` before a
            byte is believed or sent.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols([alpn])
    if pinned:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    return context


def check_pin(certificate: bytes | None, fingerprint: bytes) -> bool:
    """Say whether a presented certificate (DER) holds the key of that fingerprint."""
    try:
        return certificate is not None and key_fingerprint(certificate) == fingerprint
    except ValueError:
        return False


def peer_leg_context(role: Role, match_key: CertifiedKey, peer_certificate: bytes) -> ssl.SSLContext:
    """Make the context of every link of one match.

    Args:
        role: our side; the leader is the TLS client.
        match_key: ours, as the ticket names it.
        peer_certificate: the peer's, DER, as the ticket names it.

    Raises:
        RemoteProtocolError: BAD_TICKET: the peer's certificate cannot be read, or its key is not ECDSA P-256.
    """
    if not is_match_certificate(peer_certificate):
        raise RemoteProtocolError(Code.BAD_TICKET, "the peer's certificate is not of the kind")
    leads = role is Role.LEADER
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if leads else ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    if leads:
        # OpenSSL proves that the follower has the key of the certificate it shows; `is_peer` does the rest.
        context.verify_mode = ssl.CERT_NONE
    else:
        # A server gets no certificate unless it verifies it. Of all checks only that of the purpose stays.
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN | _LENIENT
        context.num_tickets = 0  # no link is ever resumed
    try:
        context.load_verify_locations(cadata=peer_certificate)
    except (ssl.SSLError, ValueError) as error:
        raise RemoteProtocolError(Code.BAD_TICKET, "the peer's certificate is unreadable") from error
    load_certified_key(context, match_key)
    return context


def is_peer(tls: ssl.SSLObject, peer_certificate: bytes) -> bool:
    """Say whether the other end of a finished handshake presented exactly this certificate (DER)."""
    return tls.getpeercert(binary_form=True) == peer_certificate


def check_signature(payload: bytes, signature: bytes, ticket_key: bytes) -> None:
    """Check that the server signed these bytes.

    Args:
        payload: a ticket, exactly as it came.
        signature: Ed25519, 64 bytes.
        ticket_key: the server's raw public key, 32 bytes, as `welcome` gave it.

    Raises:
        RemoteProtocolError: BAD_TICKET.
    """
    try:
        Ed25519PublicKey.from_public_bytes(ticket_key).verify(signature, payload)
    except (InvalidSignature, ValueError) as error:
        raise RemoteProtocolError(Code.BAD_TICKET, "not signed by the server") from error
