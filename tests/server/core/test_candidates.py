"""Nobody is sent to an address only because a stranger named it."""

import pytest

from floater.wire.endpoint import Candidate, CandidateKind, Endpoint
from server.core.candidates import forwarded, is_same_network, verified

HOME = "203.0.113.7"
SEEN = frozenset({Endpoint(HOME, 40_000), Endpoint("2001:db8:1::5", 40_000)})


def public(host: str, port: int = 40_000) -> Candidate:
    return Candidate(CandidateKind.PUBLIC, host, port)


def private(host: str, port: int = 40_000) -> Candidate:
    return Candidate(CandidateKind.PRIVATE, host, port)


def mapped(host: str, port: int = 40_000) -> Candidate:
    return Candidate(CandidateKind.MAPPED, host, port)


@pytest.mark.parametrize(
    "candidate",
    [
        public(HOME),
        public("2001:db8:1::5"),
        private("192.168.1.5"),
        private("10.0.0.1"),
        private("100.64.3.4"),
        private("fd00::1"),
        mapped(HOME, 5_000),
        mapped("2001:db8:1::5", 5_000),
    ],
)
def test_an_honest_place_is_believed(candidate: Candidate) -> None:
    assert verified([candidate], host=HOME, seen=SEEN) == (candidate,)


@pytest.mark.parametrize(
    "candidate",
    [
        public(HOME, 40_001),  # not the port that was seen
        public("198.51.100.1"),  # somebody else
        private("198.51.100.1"),  # somebody else, called private
        mapped("198.51.100.1", 5_000),
        mapped(HOME, 80),
        private("192.168.1.1", 80),
        private("127.0.0.1"),
        private("::1"),
        private("::ffff:127.0.0.1"),
        private("169.254.169.254"),
        private("fe80::1"),
        private("0.0.0.0"),
        private("224.0.0.1"),
        private("255.255.255.255"),
        private("64:ff9b::7f00:1"),
        private("not an address"),
    ],
)
def test_a_place_that_its_owner_cannot_know_is_left_out(candidate: Candidate) -> None:
    assert verified([candidate], host=HOME, seen=SEEN) == ()


def test_at_most_four_private_places_are_believed_and_each_once() -> None:
    places = [private(f"192.168.1.{n}") for n in range(1, 8)]
    assert verified([*places, public(HOME), public(HOME)], host=HOME, seen=SEEN) == (
        *places[:4],
        public(HOME),
    )


def test_this_computer_is_a_place_for_those_on_it_alone() -> None:
    here = [private("127.0.0.1"), private("::1")]
    assert verified(here, host="127.0.0.1", seen=()) == tuple(here)
    both = forwarded(here, host="127.0.0.1", to_host="127.0.0.1", forward_private=False, local=True)
    assert both == tuple(here)
    assert forwarded(here, host="127.0.0.1", to_host="192.168.1.2", forward_private=True, local=True) == ()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "127.0.0.9"])
def test_two_who_come_through_a_tunnel_on_this_computer_learn_no_private_places(host: str) -> None:
    places = [private("127.0.0.1"), private("192.168.1.77"), private("fd00::1")]
    assert forwarded(places, host=host, to_host=host, forward_private=False) == ()


def test_private_places_go_to_those_behind_the_same_router_alone() -> None:
    places = (private("192.168.1.5"), public(HOME), mapped(HOME))
    assert forwarded(places, host=HOME, to_host=HOME, forward_private=False) == places
    assert forwarded(places, host=HOME, to_host="198.51.100.9", forward_private=False) == places[1:]
    assert forwarded(places, host=HOME, to_host="198.51.100.9", forward_private=True) == places


def test_a_router_is_an_ipv4_address_or_an_ipv6_slash_64() -> None:
    assert is_same_network(HOME, HOME)
    assert not is_same_network(HOME, "203.0.113.8")
    assert is_same_network("2001:db8:1::5", "2001:db8:1::6")
    assert not is_same_network("2001:db8:1::5", "2001:db8:2::5")
    assert not is_same_network(HOME, "::ffff:203.0.113.7")


@pytest.mark.parametrize("host", [HOME, "192.168.1.5"])
def test_a_candidate_of_a_kind_of_a_later_version_is_not_forwarded(host: str) -> None:
    assert verified([Candidate(CandidateKind.UNKNOWN, host, 40_000)], host=HOME, seen=SEEN) == ()
