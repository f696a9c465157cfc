import pytest

from floater.core.observe import Observation, is_hopeless, mapping_of, public_endpoints
from floater.wire.endpoint import Endpoint
from floater.wire.nat import Mapping

LOCAL = Endpoint("192.168.1.7", 45_000)
S1P1, S1P2, S2P1 = Endpoint("198.51.100.1", 1), Endpoint("198.51.100.1", 2), Endpoint("198.51.100.2", 1)
A, B = Endpoint("203.0.113.9", 45_000), Endpoint("203.0.113.9", 51_234)


@pytest.mark.parametrize(
    ("seen", "mapping"),
    [
        ((), Mapping.UNKNOWN),
        (((S1P1, A),), Mapping.UNKNOWN),
        (((S1P1, LOCAL),), Mapping.OPEN),
        (((S1P1, LOCAL), (S2P1, LOCAL)), Mapping.OPEN),
        (((S1P1, A), (S1P2, A)), Mapping.ENDPOINT_INDEPENDENT),
        (((S1P1, A), (S1P2, A), (S2P1, A)), Mapping.ENDPOINT_INDEPENDENT),
        (((S1P1, A), (S1P2, A), (S2P1, B)), Mapping.ADDRESS_DEPENDENT),
        (((S1P1, A), (S1P2, B)), Mapping.PORT_DEPENDENT),
        (((S1P1, A), (S1P2, B), (S2P1, A)), Mapping.PORT_DEPENDENT),
        (((S1P1, A), (S1P1, B)), Mapping.UNKNOWN),
    ],
)
def test_the_mapping_is_told_from_what_observers_saw(
    seen: tuple[tuple[Endpoint, Endpoint], ...], mapping: Mapping
) -> None:
    assert mapping_of([Observation(LOCAL, observer, mapped) for observer, mapped in seen]) is mapping


def test_public_endpoints_come_once_each_the_most_seen_first() -> None:
    seen = [Observation(LOCAL, S1P1, A), Observation(LOCAL, S1P2, B), Observation(LOCAL, S2P1, B)]
    assert public_endpoints(seen) == (B, A)
    assert public_endpoints([]) == ()


@pytest.mark.parametrize(
    ("ours", "theirs", "hopeless"),
    [
        (Mapping.UNKNOWN, Mapping.UNKNOWN, False),
        (Mapping.ENDPOINT_INDEPENDENT, Mapping.ENDPOINT_INDEPENDENT, False),
        (Mapping.PORT_DEPENDENT, Mapping.ENDPOINT_INDEPENDENT, True),
        (Mapping.ENDPOINT_INDEPENDENT, Mapping.ADDRESS_DEPENDENT, True),
        (Mapping.PORT_DEPENDENT, Mapping.PORT_DEPENDENT, True),
        (Mapping.PORT_DEPENDENT, Mapping.OPEN, False),
        (Mapping.OPEN, Mapping.PORT_DEPENDENT, False),
    ],
)
def test_some_pairs_of_nats_are_not_worth_a_head_start(
    ours: Mapping, theirs: Mapping, hopeless: bool
) -> None:
    assert is_hopeless(ours, theirs) is hopeless
