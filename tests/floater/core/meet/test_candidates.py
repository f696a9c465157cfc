import ipaddress
from dataclasses import replace

import pytest

from floater.core.meet.candidates import Surroundings, choose_candidates, is_port_allowed
from floater.wire.endpoint import Candidate, CandidateKind, Endpoint, Scope

PUBLIC, PRIVATE, MAPPED = CandidateKind.PUBLIC, CandidateKind.PRIVATE, CandidateKind.MAPPED
HOME = Surroundings(
    server=Scope.PUBLIC,
    port=45_000,
    addresses=frozenset((ipaddress.ip_address("192.168.1.7"),)),
    subnets=(ipaddress.ip_network("192.168.1.0/24"),),
    gateways=frozenset((ipaddress.ip_address("192.168.1.1"), ipaddress.ip_address("203.0.113.1"))),
    public=frozenset((Endpoint("203.0.113.9", 51_000),)),
)


def test_the_nearest_is_dialled_first() -> None:
    choice = choose_candidates(
        [
            Candidate(PUBLIC, "203.0.113.5", 40_000),
            Candidate(PUBLIC, "2001:db8::5", 40_000),
            Candidate(MAPPED, "203.0.113.5", 40_001),
            Candidate(PRIVATE, "192.168.1.5", 40_000),
        ],
        HOME,
    )
    assert [candidate.host for candidate in choice.dial] == [
        "192.168.1.5",
        "203.0.113.5",
        "2001:db8::5",
        "203.0.113.5",
    ]
    assert choice.lies == 0


@pytest.mark.parametrize(
    ("kind", "host", "port"),
    [
        (PUBLIC, "0.0.0.0", 40_000),
        (PUBLIC, "169.254.169.254", 40_000),
        (PUBLIC, "224.0.0.1", 40_000),
        (PUBLIC, "255.255.255.255", 40_000),
        (PUBLIC, "::", 40_000),
        (PUBLIC, "fe80::1", 40_000),
        (PUBLIC, "fe80::1%eth0", 40_000),
        (PUBLIC, "example.org", 40_000),
        (PUBLIC, "127.0.0.1", 40_000),
        (PRIVATE, "127.0.0.1", 40_000),
        (PUBLIC, "::1", 40_000),
        (PUBLIC, "::ffff:127.0.0.1", 40_000),
        (PUBLIC, "64:ff9b::7f00:1", 40_000),
        (PUBLIC, "2002:7f00:1::", 40_000),
        (PUBLIC, "10.0.0.5", 40_000),
        (MAPPED, "100.64.3.4", 40_000),
        (PRIVATE, "192.168.1.1", 40_000),
        (PUBLIC, "203.0.113.1", 40_000),
        (PUBLIC, "203.0.113.5", 22),
        (PUBLIC, "203.0.113.5", 1_023),
        (PUBLIC, "203.0.113.5", 5_432),
        (PUBLIC, "203.0.113.5", 6_379),
        (PRIVATE, "192.168.1.5", 9_100),
    ],
)
def test_what_only_a_liar_names_is_left_out_and_counted(kind: CandidateKind, host: str, port: int) -> None:
    choice = choose_candidates([Candidate(kind, host, port)], HOME)
    assert (choice.dial, choice.lies) == ((), 1)


@pytest.mark.parametrize(
    ("kind", "host", "port"),
    [
        (PRIVATE, "10.8.0.5", 40_000),  # the peer's VPN, say
        (PRIVATE, "fd12::5", 40_000),
        (PRIVATE, "192.168.1.7", 45_000),  # ourselves
        (PUBLIC, "203.0.113.9", 51_000),
    ],
)
def test_what_is_of_no_use_is_left_out_in_silence(kind: CandidateKind, host: str, port: int) -> None:
    choice = choose_candidates([Candidate(kind, host, port)], HOME)
    assert (choice.dial, choice.lies) == ((), 0)


def test_another_port_of_our_own_computer_may_be_the_peer() -> None:
    place = Candidate(PRIVATE, "192.168.1.7", 45_001)
    assert choose_candidates([place], HOME).dial == (place,)


def test_addresses_are_unwrapped_and_repetitions_left_out() -> None:
    choice = choose_candidates(
        [Candidate(PUBLIC, "::ffff:203.0.113.5", 40_000), Candidate(PUBLIC, "203.0.113.5", 40_000)], HOME
    )
    assert choice.dial == (Candidate(PUBLIC, "203.0.113.5", 40_000),)


def test_a_server_in_the_campus_may_name_the_whole_campus_but_not_this_computer() -> None:
    campus = replace(HOME, server=Scope.PRIVATE)
    places = [Candidate(PUBLIC, "10.3.4.5", 40_000), Candidate(PUBLIC, "127.0.0.1", 40_000)]
    choice = choose_candidates(places, campus)
    assert (choice.dial, choice.lies) == ((places[0],), 1)


def test_a_server_on_this_computer_may_name_this_computer() -> None:
    here = replace(HOME, server=Scope.LOOPBACK)
    place = Candidate(PUBLIC, "127.0.0.1", 40_000)
    assert choose_candidates([place], here).dial == (place,)
    assert choose_candidates([Candidate(PUBLIC, "127.0.0.1", 45_000)], here).dial == ()
    assert choose_candidates([Candidate(PUBLIC, "127.0.0.1", 8_080)], here).lies == 1


def test_no_more_than_a_dozen_are_looked_at() -> None:
    places = [Candidate(PUBLIC, "203.0.113.5", 40_000 + number) for number in range(20)]
    choice = choose_candidates(places, HOME)
    assert (len(choice.dial), choice.lies) == (12, 8)


def test_a_candidate_keeps_its_lane() -> None:
    place = Candidate(PUBLIC, "203.0.113.5", 40_000, lane=1)
    assert choose_candidates([place], HOME).dial == (place,)


@pytest.mark.parametrize(
    ("port", "allowed"), [(0, False), (80, False), (1_024, True), (3_306, False), (65_535, True)]
)
def test_ports_of_services_are_denied(port: int, allowed: bool) -> None:
    assert is_port_allowed(port) is allowed


@pytest.mark.parametrize("host", ["203.0.113.5", "192.168.1.5", "127.0.0.1"])
def test_a_candidate_of_a_kind_of_a_later_version_is_left_out_and_no_lie(host: str) -> None:
    choice = choose_candidates([Candidate(CandidateKind.UNKNOWN, host, 40_000)], HOME)
    assert (choice.dial, choice.lies) == ((), 0)
