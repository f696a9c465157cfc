from dataclasses import replace
from ipaddress import ip_address

import pytest

from floater.core.meet.observe import Observation
from floater.core.meet.port_facts import PortFacts, private_places
from floater.core.meet.port_mapping import MappingState, Outcome
from floater.wire.endpoint import Candidate, CandidateKind, Endpoint, Scope
from floater.wire.limits import MAX_CANDIDATES, MAX_PRIVATE_CANDIDATES

OWN, PUBLIC = "192.168.1.5", "203.0.113.5"
OWN_6, PUBLIC_6 = "fd00::5", "2001:db9::5"
ONE, TWO, SIX = Endpoint("198.51.100.1", 443), Endpoint("198.51.100.2", 3478), Endpoint("2001:db9::1", 443)
FACTS = PortFacts(ports=(50_001, 50_002), private=(Endpoint(OWN, 50_001),))
MAPPED = Endpoint(PUBLIC, 60_000)
GRANTED = MappingState(Outcome.GRANTED, None, MAPPED)


def saw(local: int, mapped: int, observer: Endpoint = ONE) -> Observation:
    """What an observer says of a flow of ours."""
    six = ":" in observer.host
    return Observation(
        Endpoint(OWN_6 if six else OWN, local), observer, Endpoint(PUBLIC_6 if six else PUBLIC, mapped)
    )


def test_places_are_told_from_the_surest_to_the_nearest_once_each() -> None:
    facts = replace(
        FACTS,
        private=(Endpoint(OWN, 50_001), Endpoint(PUBLIC, 40_001)),
        router=GRANTED,
        firewall=MappingState(Outcome.GRANTED, None, Endpoint(PUBLIC_6, 50_001)),
        seen=(
            saw(50_002, 40_002),
            saw(50_001, 40_001),
            saw(50_001, 40_001, TWO),
            saw(50_001, 50_001, SIX),
            saw(51_000, 40_009),
        ),
    )
    assert facts.public == (Endpoint(PUBLIC, 40_001), Endpoint(PUBLIC_6, 50_001))
    assert facts.candidates == (
        Candidate(CandidateKind.MAPPED, PUBLIC, 60_000),
        Candidate(CandidateKind.MAPPED, PUBLIC_6, 50_001),
        Candidate(CandidateKind.PUBLIC, PUBLIC, 40_001),
        Candidate(CandidateKind.PUBLIC, PUBLIC, 40_002, lane=1),
        Candidate(CandidateKind.PRIVATE, OWN, 50_001),
    )
    assert facts.surroundings.public == {
        MAPPED,
        Endpoint(PUBLIC_6, 50_001),
        Endpoint(PUBLIC, 40_001),
        Endpoint(PUBLIC, 40_002),
    }


def test_no_more_places_are_told_than_a_message_holds() -> None:
    private = tuple(Endpoint(f"192.168.1.{number}", 50_001) for number in range(10, 30))
    seen = tuple(saw(50_001, 40_000 + number) for number in range(20))
    kinds = [place.kind for place in replace(FACTS, private=private, seen=seen).candidates]
    assert len(kinds) == MAX_CANDIDATES
    assert kinds.count(CandidateKind.PRIVATE) == MAX_PRIVATE_CANDIDATES


ADDRESSES = [
    ip_address(text) for text in ("fd00::5", "10.0.0.7", "127.0.0.1", "::1", "192.168.1.5", "8.8.4.4")
]


@pytest.mark.parametrize(
    ("server", "told"),
    [
        (Scope.PUBLIC, ["192.168.1.5", "10.0.0.7", "fd00::5"]),
        (Scope.PRIVATE, ["192.168.1.5", "10.0.0.7", "fd00::5"]),
        (Scope.LOOPBACK, ["192.168.1.5", "10.0.0.7", "127.0.0.1", "fd00::5"]),
    ],
)
def test_private_addresses_are_told_the_one_first_that_faces_the_server(
    server: Scope, told: list[str]
) -> None:
    places = private_places(50_001, ADDRESSES, facing=ip_address("192.168.1.5"), server=server)
    assert places == tuple(Endpoint(host, 50_001) for host in told)
