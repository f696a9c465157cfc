import ssl

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from floater.codes import Code
from floater.crypto.certificate import CertifiedKey, key_fingerprint, load_certified_key, make_certified_key
from floater.crypto.tls import check_pin, check_signature, is_peer, peer_leg_context, server_leg_context
from floater.errors import RemoteProtocolError
from floater.wire.control import Role


class Ends:
    """Two TLS ends in memory."""

    def __init__(self, client: ssl.SSLContext, server: ssl.SSLContext) -> None:
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = client.wrap_bio(to_client, to_server)
        self.server = server.wrap_bio(to_server, to_client, server_side=True)

    def shake_hands(self) -> None:
        for _ in range(4):
            for end in (self.client, self.server):
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    pass


@pytest.fixture(scope="module")
def leader() -> CertifiedKey:
    return make_certified_key()


@pytest.fixture(scope="module")
def follower() -> CertifiedKey:
    return make_certified_key()


def test_the_two_of_a_ticket_trust_each_other_over_tls_1_3(
    leader: CertifiedKey, follower: CertifiedKey
) -> None:
    ends = Ends(
        peer_leg_context(Role.LEADER, leader, follower.certificate),
        peer_leg_context(Role.FOLLOWER, follower, leader.certificate),
    )
    ends.shake_hands()
    assert ends.client.version() == ends.server.version() == "TLSv1.3"
    assert is_peer(ends.client, follower.certificate)
    assert is_peer(ends.server, leader.certificate)
    assert not is_peer(ends.server, follower.certificate)


def test_the_leader_turns_a_stranger_away(leader: CertifiedKey, follower: CertifiedKey) -> None:
    stranger = make_certified_key()
    ends = Ends(
        peer_leg_context(Role.LEADER, leader, follower.certificate),
        peer_leg_context(Role.FOLLOWER, stranger, leader.certificate),
    )
    with pytest.raises(ssl.SSLCertVerificationError):
        ends.shake_hands()


def test_the_follower_turns_a_stranger_away(leader: CertifiedKey, follower: CertifiedKey) -> None:
    stranger = make_certified_key()
    ends = Ends(
        peer_leg_context(Role.LEADER, stranger, follower.certificate),
        peer_leg_context(Role.FOLLOWER, follower, leader.certificate),
    )
    with pytest.raises(ssl.SSLCertVerificationError):
        ends.shake_hands()


def test_the_follower_turns_away_who_shows_no_certificate(
    leader: CertifiedKey, follower: CertifiedKey
) -> None:
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    nobody.check_hostname, nobody.verify_mode = False, ssl.CERT_NONE
    with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        Ends(nobody, peer_leg_context(Role.FOLLOWER, follower, leader.certificate)).shake_hands()


def test_older_tls_is_refused(leader: CertifiedKey, follower: CertifiedKey) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    load_certified_key(old, leader)
    with pytest.raises(ssl.SSLError, match="UNSUPPORTED_PROTOCOL"):
        Ends(old, peer_leg_context(Role.FOLLOWER, follower, leader.certificate)).shake_hands()


def test_what_is_no_certificate_makes_no_context(leader: CertifiedKey) -> None:
    with pytest.raises(RemoteProtocolError, match="bad_ticket"):
        peer_leg_context(Role.LEADER, leader, bytes(100))


def test_a_pin_is_of_the_key(leader: CertifiedKey) -> None:
    pin = key_fingerprint(leader.certificate)
    assert check_pin(leader.certificate, pin)
    assert not check_pin(make_certified_key().certificate, pin)
    assert not check_pin(b"nonsense", pin)
    assert not check_pin(None, pin)


def test_without_a_pin_system_trust_and_the_name_decide() -> None:
    context = server_leg_context("floater/1", pinned=False)
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3


def test_only_the_servers_signature_over_these_bytes_is_good() -> None:
    key = Ed25519PrivateKey.generate()
    public, signature = key.public_key().public_bytes_raw(), key.sign(b"ticket")
    check_signature(b"ticket", signature, public)
    for payload, signed, by in (
        (b"Ticket", signature, public),
        (b"ticket", bytes(64), public),
        (b"ticket", signature, Ed25519PrivateKey.generate().public_key().public_bytes_raw()),
        (b"ticket", signature, b"short"),
    ):
        with pytest.raises(RemoteProtocolError) as refused:
            check_signature(payload, signed, by)
        assert refused.value.code is Code.BAD_TICKET
