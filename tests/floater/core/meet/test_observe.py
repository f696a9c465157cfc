import pytest

from floater.core.meet.observe import (
    MAX_QUESTIONS,
    Asker,
    Observation,
    filtering_of,
    mapping_of,
    nat_of,
    observers_to_ask,
    public_endpoints,
    questions_for,
    read_observer,
    stray_of,
)
from floater.wire.endpoint import Endpoint, Scope
from floater.wire.nat import Allocation, Filtering, Mapping, Nat, Stray
from floater.wire.stun import Probe

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


S2P2, V6 = Endpoint("198.51.100.2", 2), Endpoint("2001:db8::1", 1)


@pytest.mark.parametrize("count", range(1, 9))
@pytest.mark.parametrize("six", [(), (V6,), (V6, V6._replace(port=2), V6._replace(port=3))])
def test_six_connections_are_all_that_is_made(count: int, six: tuple[Endpoint, ...]) -> None:
    observers = [Endpoint("198.51.100.1", port) for port in range(1, count + 1)]
    asked = questions_for([*six, *observers])
    assert len(asked) == MAX_QUESTIONS
    assert [question.asker for question in asked].count(Asker.PROBED) == 1
    ours = [question.observer for question in asked if question.asker is Asker.PUNCH_PORT]
    assert len(ours) == len(set(ours)), "the same twice from one port cannot be dialled"
    assert min(count, 3) <= sum(":" not in place.host for place in ours)
    assert sum(":" in place.host for place in ours) == len(six[:1])


def test_the_server_s_own_port_comes_first_and_is_where_strangers_are_asked_for() -> None:
    asked = questions_for([S1P1, S2P1, S1P2])
    assert next(one.observer for one in asked if one.asker is Asker.PUNCH_PORT) == S1P2
    assert next(one.observer for one in asked if one.asker is Asker.PROBED) == S1P2


def test_ipv6_alone_is_got_to_know_like_ipv4_and_nobody_is_nobody() -> None:
    assert all(question.observer == V6 for question in questions_for([V6]))
    assert questions_for([]) == []


@pytest.mark.parametrize(
    ("fates", "filtering", "stray"),
    [
        ((), Filtering.UNKNOWN, Stray.UNKNOWN),
        ((Stray.ACCEPTED, Stray.ACCEPTED), Filtering.ENDPOINT_INDEPENDENT, Stray.ACCEPTED),
        ((Stray.ACCEPTED, Stray.DROPPED), Filtering.ADDRESS_DEPENDENT, Stray.DROPPED),
        ((Stray.ACCEPTED, Stray.UNKNOWN), Filtering.ADDRESS_DEPENDENT, Stray.UNKNOWN),
        ((Stray.ACCEPTED, None), Filtering.ADDRESS_DEPENDENT, Stray.UNKNOWN),
        ((Stray.DROPPED, Stray.DROPPED), Filtering.PORT_DEPENDENT, Stray.DROPPED),
        ((Stray.UNKNOWN, Stray.UNKNOWN), Filtering.PORT_DEPENDENT, Stray.UNKNOWN),
        ((Stray.RESET, Stray.RESET), Filtering.PORT_DEPENDENT, Stray.RESET),
        ((Stray.UNREACHABLE, None), Filtering.PORT_DEPENDENT, Stray.UNREACHABLE),
    ],
)
def test_what_strangers_get_tells_the_filtering(
    fates: tuple[Stray | None, ...], filtering: Filtering, stray: Stray
) -> None:
    found = {
        probe: fate
        for probe, fate in zip((Probe.OTHER_PORT, Probe.OTHER_ADDRESS), fates, strict=False)
        if fate is not None
    }
    assert (filtering_of(found), stray_of(found)) == (filtering, stray)


def test_all_that_was_seen_becomes_one_nat() -> None:
    seen = [
        Observation(LOCAL, S1P1, A._replace(port=40_000)),
        Observation(LOCAL, S1P2, A._replace(port=40_001)),
        Observation(LOCAL, S2P1, A._replace(port=40_003)),
        Observation(LOCAL._replace(port=45_001), S1P1, A._replace(port=40_004)),
        Observation(LOCAL._replace(port=45_002), S2P2, A._replace(port=40_006)),
        Observation(Endpoint("2001:db8::7", 45_000), V6, Endpoint("2001:db8::7", 45_000)),
    ]
    assert nat_of(LOCAL.port, seen, {Probe.OTHER_PORT: Stray.RESET}) == Nat(
        Mapping.PORT_DEPENDENT,
        Filtering.PORT_DEPENDENT,
        Allocation.SEQUENTIAL,
        Stray.RESET,
        (40_000, 40_001, 40_003, 40_004, 40_006),
    )
    assert nat_of(LOCAL.port, [], {}) == Nat()
    assert nat_of(LOCAL.port, seen[-1:], {}).mapping is Mapping.OPEN, "of IPv6, where there is nothing else"


def test_fresh_ports_say_nothing_of_the_mapping() -> None:
    seen = [
        Observation(LOCAL, S1P1, A),
        Observation(LOCAL, S1P2, A),
        Observation(LOCAL._replace(port=45_001), S1P1, B),
    ]
    assert nat_of(LOCAL.port, seen, {}).mapping is Mapping.ENDPOINT_INDEPENDENT


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (":443", ("", 443)),
        ("198.51.100.1:3478", ("198.51.100.1", 3_478)),
        ("[2001:db8::1]:3478", ("2001:db8::1", 3_478)),
        ("observer.example:65535", ("observer.example", 65_535)),
        (":0", None),
        (":65536", None),
        (":" + "9" * 5_000, None),
        (":٣", None),
        ("no port", None),
        ("", None),
    ],
)
def test_observers_are_named_by_host_and_port(text: str, named: tuple[str, int] | None) -> None:
    assert read_observer(text) == named


PLACES = [
    ("198.51.100.1", 1),
    ("192.168.1.1", 2),
    ("127.0.0.1", 3),
    ("169.254.0.1", 4),
    ("fe80::1%eth0", 5),
    ("198.51.100.1", 1),
    ("2001:db9::1", 6),
]


@pytest.mark.parametrize(
    ("server", "ports"),
    [
        (Scope.PUBLIC, [1, 6]),
        (Scope.PRIVATE, [1, 2, 6]),
        (Scope.LOOPBACK, [1, 2, 3, 6]),
        (Scope.FORBIDDEN, [1, 2, 3, 6]),
    ],
)
def test_no_observer_is_asked_that_is_nearer_than_the_server(server: Scope, ports: list[int]) -> None:
    assert [place.port for place in observers_to_ask(PLACES, server)] == ports
