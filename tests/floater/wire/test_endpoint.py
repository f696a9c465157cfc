"""Addresses: no spelling escapes the rules."""

import msgspec
import pytest

from floater.wire.endpoint import Candidate, CandidateKind, Endpoint, Scope, parse_address, scope_of

SCOPES = {
    Scope.PUBLIC: ["1.1.1.1", "203.0.113.7", "9.255.255.255", "11.0.0.0", "172.15.0.1", "172.32.0.1",
                   "192.167.1.1", "192.169.0.1", "100.63.255.255", "100.128.0.0", "223.255.255.255",
                   "2001:db8::1", "2606:4700::1111", "3fff::1"],
    Scope.PRIVATE: ["10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1",
                    "100.64.0.1", "100.127.255.255", "fc00::1", "fdff::1"],
    Scope.LOOPBACK: ["127.0.0.1", "127.255.255.254", "::1"],
    Scope.FORBIDDEN: ["0.0.0.0", "0.1.2.3", "169.254.0.1", "169.254.169.254", "192.0.0.8", "192.88.99.1",
                      "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
                      "::", "fe80::1", "ff02::1", "::2", "100::1", "4000::1", "64:ff9b:1::1"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("scope", "host"), [(scope, host) for scope, hosts in SCOPES.items() for host in hosts]
)
def test_how_far_an_address_reaches(scope: Scope, host: str) -> None:
    assert scope_of(host) is scope


@pytest.mark.parametrize("inner", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "255.255.255.255", "1.1.1.1"])
def test_an_ipv4_address_inside_an_ipv6_one_keeps_its_scope(inner: str) -> None:
    packed = "".join(f"{int(part):02x}" for part in inner.split("."))
    high, low = packed[:4], packed[4:]
    for outer in (
        f"::ffff:{inner}",
        f"::ffff:{high}:{low}",
        f"2002:{high}:{low}::1",
        f"64:ff9b::{high}:{low}",
    ):
        assert scope_of(outer) is scope_of(inner), outer
        assert str(parse_address(outer)) == inner


@pytest.mark.parametrize(
    "text",
    ["", "localhost", "example.org", "1.2.3", "1.2.3.4.5", "01.2.3.4", "0x7f.0.0.1", "2130706433", "1.2.3.4 ",
     "fe80::1%eth0", "::1%lo", "[::1]", "1.2.3.4:80", "１.2.3.4", "1::2::3", "12345::"],
)  # fmt: skip
def test_what_is_no_address_is_forbidden(text: str) -> None:
    assert parse_address(text) is None
    assert scope_of(text) is Scope.FORBIDDEN


def test_an_endpoint_shows_itself_as_people_write_it() -> None:
    assert str(Endpoint("1.2.3.4", 5)) == "1.2.3.4:5"
    assert str(Endpoint("::1", 5)) == "[::1]:5"


def test_a_candidate_knows_its_endpoint() -> None:
    assert Candidate(CandidateKind.PUBLIC, "1.2.3.4", 5).endpoint == Endpoint("1.2.3.4", 5)


def test_a_candidate_of_a_later_version_does_not_spoil_its_message() -> None:
    text = msgspec.json.encode(
        [{"kind": kind, "host": "203.0.113.7", "port": 40_000} for kind in ("satellite", "public")]
    )
    decoded = msgspec.json.decode(text, type=list[Candidate])
    assert [candidate.kind for candidate in decoded] == [CandidateKind.UNKNOWN, CandidateKind.PUBLIC]
