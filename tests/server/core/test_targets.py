"""A few strangers are led to guess ports of one address, and no more."""

import pytest

from floater.wire.endpoint import Candidate, CandidateKind
from floater.wire.nat import UNKNOWN_NAT, Allocation, Filtering, Mapping, Nat
from server.core.rates import Rate
from server.core.targets import Targets

EXIT = Candidate(CandidateKind.PUBLIC, "203.0.113.1", 40_000)
ELSEWHERE = Candidate(CandidateKind.PUBLIC, "203.0.113.2", 40_000)
GUESSED = Nat(Mapping.PORT_DEPENDENT, Filtering.PORT_DEPENDENT, Allocation.RANDOM, ports=(40_000, 50_000))


def full(*at: Candidate) -> Targets:
    """Six accounts have been told of an address, one in each second."""
    targets = Targets(Rate(6, 600.0))
    for user in range(6):
        assert targets.known_nat(GUESSED, at, user, now=float(user)) is GUESSED
    return targets


def test_the_seventh_stranger_in_ten_minutes_is_told_of_no_ports() -> None:
    targets = full(EXIT)
    assert targets.known_nat(GUESSED, (EXIT,), 6, now=599.0) == UNKNOWN_NAT
    assert targets.known_nat(GUESSED, (EXIT,), 6, now=600.0) is GUESSED


def test_who_was_told_is_told_again_and_takes_no_further_place() -> None:
    targets = full(EXIT)
    assert targets.known_nat(GUESSED, (EXIT,), 0, now=7.0) is GUESSED
    assert targets.known_nat(GUESSED, (EXIT,), 6, now=600.0) == UNKNOWN_NAT  # the first counts anew
    assert targets.known_nat(GUESSED, (EXIT,), 6, now=601.0) is GUESSED


def test_each_address_is_counted_by_itself_and_one_that_is_full_is_enough() -> None:
    targets = full(EXIT)
    assert targets.known_nat(GUESSED, (ELSEWHERE,), 6, now=6.0) is GUESSED
    assert targets.known_nat(GUESSED, (ELSEWHERE, EXIT), 7, now=6.0) == UNKNOWN_NAT
    assert targets.known_nat(GUESSED, (EXIT, ELSEWHERE), 7, now=6.0) == UNKNOWN_NAT
    for user in range(8, 13):  # the two refusals have taken no place
        assert targets.known_nat(GUESSED, (ELSEWHERE,), user, now=7.0) is GUESSED
    assert targets.known_nat(GUESSED, (ELSEWHERE,), 13, now=7.0) == UNKNOWN_NAT


@pytest.mark.parametrize("mapping", [Mapping.ENDPOINT_INDEPENDENT, Mapping.OPEN, Mapping.UNKNOWN])
def test_nothing_is_counted_where_no_ports_are_guessed(mapping: Mapping) -> None:
    targets, nat = Targets(Rate(1, 600.0)), Nat(mapping, ports=(40_000,))
    assert [targets.known_nat(nat, (EXIT,), user, now=0.0) for user in range(20)] == [nat] * 20
    assert len(targets) == 0


@pytest.mark.parametrize("kind", [CandidateKind.PRIVATE, CandidateKind.MAPPED])
def test_waves_go_to_observed_addresses_alone(kind: CandidateKind) -> None:
    targets = Targets(Rate(1, 600.0))
    place = Candidate(kind, EXIT.host, EXIT.port)
    assert all(targets.known_nat(GUESSED, (place,), user, now=0.0) is GUESSED for user in range(20))


def test_the_networks_of_one_ipv6_customer_are_one_address() -> None:
    targets = Targets(Rate(1, 600.0))
    one, other = (Candidate(CandidateKind.PUBLIC, f"2001:db8::{i}", 40_000) for i in (1, 2))
    assert targets.known_nat(GUESSED, (one,), 1, now=0.0) is GUESSED
    assert targets.known_nat(GUESSED, (other,), 2, now=0.0) == UNKNOWN_NAT


def test_without_a_limit_everybody_is_told() -> None:
    targets = Targets(None)
    assert all(targets.known_nat(GUESSED, (EXIT,), user, now=0.0) is GUESSED for user in range(20))
    assert len(targets) == 0


def test_the_address_that_was_told_least_recently_is_forgotten_first() -> None:
    targets = Targets(Rate(1, 600.0), max_targets=2)
    third = Candidate(CandidateKind.PUBLIC, "203.0.113.3", 40_000)
    for place in (EXIT, ELSEWHERE, EXIT, third):
        targets.known_nat(GUESSED, (place,), 1, now=0.0)
    assert len(targets) == 2
    assert targets.known_nat(GUESSED, (EXIT,), 2, now=0.0) == UNKNOWN_NAT
    assert targets.known_nat(GUESSED, (ELSEWHERE,), 2, now=0.0) is GUESSED
