import datetime
import ssl
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

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
    ends.shake_hands()
    assert not is_peer(ends.client, follower.certificate)


def test_who_has_the_certificate_and_not_its_key_proves_nothing(
    leader: CertifiedKey, follower: CertifiedKey
) -> None:
    thief = CertifiedKey(make_certified_key().key, follower.certificate)
    with pytest.raises(ssl.SSLError, match="KEY_VALUES_MISMATCH"):
        peer_leg_context(Role.FOLLOWER, thief, leader.certificate)


DAY: Final = datetime.timedelta(days=1)
UTILITY: Final = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")


def odd(
    *,
    begins: float = -1.0,
    ends: float = 1.0,
    issuer: str = "me",
    signer: ec.EllipticCurvePrivateKey | None = None,
    extension: x509.ExtensionType | None = None,
    critical: bool = True,
) -> CertifiedKey:
    """A certificate that differs in one thing from what a public authority would issue. Days from now."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "me")]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now + begins * DAY)
        .not_valid_after(now + ends * DAY)
    )
    if extension is not None:
        builder = builder.add_extension(extension, critical)
    certificate = builder.sign(signer or key, hashes.SHA256())
    return CertifiedKey(key, certificate.public_bytes(Encoding.DER))


ODD: Final = {
    "usual": odd(),
    "expired": odd(begins=-3.0, ends=-2.0),
    "not yet valid": odd(begins=2.0, ends=3.0),
    "of another issuer": odd(issuer="another"),
    "signed by another key": odd(issuer="another", signer=ec.generate_private_key(ec.SECP256R1())),
    "with an unknown critical extension": odd(extension=UTILITY),
    "of an authority": odd(extension=x509.BasicConstraints(ca=True, path_length=None)),
    "of no authority": odd(extension=x509.BasicConstraints(ca=False, path_length=None)),
    "for clients": odd(extension=x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])),
    "for both": odd(
        extension=x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    ),
}
FOR_SERVERS: Final = odd(extension=x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]))


def meet(leader: CertifiedKey, follower: CertifiedKey) -> None:
    ends = Ends(
        peer_leg_context(Role.LEADER, leader, follower.certificate),
        peer_leg_context(Role.FOLLOWER, follower, leader.certificate),
    )
    ends.shake_hands()
    ends.client.write(b"x")
    assert ends.server.read() == b"x"
    assert is_peer(ends.client, follower.certificate)
    assert is_peer(ends.server, leader.certificate)


@pytest.mark.parametrize("kind", ODD)
def test_nothing_but_the_bytes_of_a_certificate_counts(
    kind: str, leader: CertifiedKey, follower: CertifiedKey
) -> None:
    meet(ODD[kind], follower)
    meet(leader, ODD[kind])


def test_a_certificate_for_servers_alone_serves_a_follower_but_no_leader(
    leader: CertifiedKey, follower: CertifiedKey
) -> None:
    meet(leader, FOR_SERVERS)
    with pytest.raises(ssl.SSLCertVerificationError, match="purpose"):
        meet(FOR_SERVERS, follower)


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        Ed25519PrivateKey.generate(),
        rsa.generate_private_key(public_exponent=65_537, key_size=2_048),
    ],
    ids=["P-384", "Ed25519", "RSA"],
)
def test_a_certificate_of_another_kind_of_key_makes_no_context(
    key: ec.EllipticCurvePrivateKey | Ed25519PrivateKey | rsa.RSAPrivateKey, leader: CertifiedKey
) -> None:
    name, now = x509.Name([]), datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - DAY).not_valid_after(now + DAY)
    certificate = builder.sign(key, None if isinstance(key, Ed25519PrivateKey) else hashes.SHA256())
    with pytest.raises(RemoteProtocolError, match="bad_ticket"):
        peer_leg_context(Role.LEADER, leader, certificate.public_bytes(Encoding.DER))


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
