from dataclasses import replace

import pytest

from floater.core.meet.port_mapping import MappingState, Outcome, Protocol
from floater.core.meet.reachability import Facts, Line, lines_about, mapped_of, reachability_of
from floater.languages import LANGUAGES
from floater.sentences import sentence
from floater.wire.endpoint import Endpoint
from floater.wire.nat import Allocation, Filtering, Mapping, Nat

PUBLIC = (Endpoint("203.0.113.7", 4000),)
PRIVATE = (Endpoint("192.168.1.5", 4000),)


def facts(mapping: Mapping, *, seen: bool = True, hidden: bool = False) -> Facts:
    return Facts(
        server_rtt=0.0421,
        nat=Nat(mapping),
        public=PUBLIC if seen else (),
        private=PRIVATE,
        observers_asked=3,
        observers_answered=3 if seen else 0,
        hidden=hidden,
    )


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (Facts(server_rtt=None), "offline"),
        (facts(Mapping.OPEN), "open"),
        (facts(Mapping.ENDPOINT_INDEPENDENT), "punch"),
        (facts(Mapping.ADDRESS_DEPENDENT), "punch"),
        (facts(Mapping.UNKNOWN), "punch"),
        (facts(Mapping.PORT_DEPENDENT), "relay"),
        (facts(Mapping.UNKNOWN, seen=False), "relay"),
        (facts(Mapping.OPEN, hidden=True), "relay"),
    ],
)
def test_one_word_says_what_is_possible(found: Facts, word: str) -> None:
    assert reachability_of(found) == word
    assert lines_about(found)[-1] == Line(f"reachability.{word}")


def test_everything_that_was_found_is_said() -> None:
    assert lines_about(facts(Mapping.ENDPOINT_INDEPENDENT)) == [
        Line("doctor.server_reached", {"ms": 42}),
        Line("doctor.observers", {"answered": 3, "asked": 3}),
        Line("doctor.public", {"endpoint": "203.0.113.7:4000"}),
        Line("doctor.private", {"endpoint": "192.168.1.5:4000"}),
        Line("nat.endpoint_independent"),
        Line("whom.most"),
        Line("advice.direct"),
        Line("reachability.punch"),
    ]


@pytest.mark.parametrize(
    ("nat", "word", "said"),
    [
        (Nat(Mapping.OPEN, Filtering.ENDPOINT_INDEPENDENT), "open", ["filtering.endpoint_independent"]),
        # a firewall, but no NAT
        (Nat(Mapping.OPEN, Filtering.PORT_DEPENDENT), "punch", ["filtering.port_dependent", "whom.most"]),
        (
            Nat(Mapping.ENDPOINT_INDEPENDENT, Filtering.ENDPOINT_INDEPENDENT, Allocation.FIXED),
            "open",
            ["filtering.endpoint_independent"],
        ),
        (
            Nat(Mapping.ENDPOINT_INDEPENDENT, Filtering.ADDRESS_DEPENDENT, Allocation.PRESERVED),
            "punch",
            ["filtering.address_dependent", "whom.most"],
        ),
        (
            Nat(Mapping.PORT_DEPENDENT, Filtering.PORT_DEPENDENT, Allocation.SEQUENTIAL),
            "punch",
            ["allocation.sequential", "filtering.port_dependent", "whom.guessed"],
        ),
        (
            Nat(Mapping.PORT_DEPENDENT, Filtering.PORT_DEPENDENT, Allocation.BLOCK),
            "punch",
            ["allocation.block", "filtering.port_dependent", "whom.guessed"],
        ),
        (
            Nat(Mapping.ADDRESS_DEPENDENT, Filtering.PORT_DEPENDENT, Allocation.RANDOM),
            "punch",
            ["allocation.random", "filtering.port_dependent", "whom.steady"],
        ),
        # nobody can dial what changes, even if it lets everybody in
        (
            Nat(Mapping.PORT_DEPENDENT, Filtering.ENDPOINT_INDEPENDENT),
            "relay",
            ["filtering.endpoint_independent"],
        ),
    ],
)
def test_the_class_says_with_whom_one_can_talk_directly(nat: Nat, word: str, said: list[str]) -> None:
    found = replace(facts(nat.mapping), nat=nat)
    keys = [line.key for line in lines_about(found)]
    advice = [] if word == "open" else ["advice.direct"]
    assert keys[keys.index(f"nat.{nat.mapping.value}") + 1 :] == [*said, *advice, f"reachability.{word}"]
    for language in LANGUAGES:
        for key in keys:
            assert sentence(key, language, ms=1, answered=1, asked=1, endpoint="x") != sentence(
                "code.internal", language
            )


def granted(host: str) -> MappingState:
    return MappingState(Outcome.GRANTED, Protocol.UPNP, Endpoint(host, 4001))


def test_whom_the_router_lets_in_can_be_reached_by_everybody() -> None:
    found = replace(facts(Mapping.PORT_DEPENDENT), router=granted("203.0.113.7"))
    assert lines_about(found)[-2:] == [
        Line("router.granted", {"protocol": "UPnP"}),
        Line("reachability.open"),
    ]
    assert mapped_of(found) == (Endpoint("203.0.113.7", 4001),)
    assert reachability_of(replace(found, hidden=True)) == "relay"


def test_a_port_that_is_open_where_nobody_sees_us_is_no_use() -> None:
    found = replace(facts(Mapping.PORT_DEPENDENT), router=granted("198.51.100.1"))
    assert [line.key for line in lines_about(found)[-3:]] == [
        "router.nested",
        "advice.direct",
        "reachability.relay",
    ]
    assert mapped_of(found) == ()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.NOT_ASKED, Outcome.GRANTED}))
def test_what_the_router_said_is_said_in_every_language(outcome: Outcome, language: str) -> None:
    (line,) = [
        line
        for line in lines_about(replace(facts(Mapping.PORT_DEPENDENT), router=MappingState(outcome)))
        if line.key.startswith("router.")
    ]
    assert sentence(line.key, language, **line.values) != line.key


def test_a_wrong_clock_is_said() -> None:
    found = Facts(server_rtt=0.01, clock_offset=-400.2)
    assert Line("doctor.clock", {"seconds": 400}) in lines_about(found)
    assert Line("doctor.clock", {"seconds": 1}) not in lines_about(Facts(server_rtt=0.01, clock_offset=1.0))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("mapping", Mapping)
def test_every_line_has_a_sentence(language: str, mapping: Mapping) -> None:
    internal = sentence("code.internal", language)
    for found in (facts(mapping), facts(mapping, hidden=True), Facts(server_rtt=None, private=PRIVATE)):
        for line in lines_about(found):
            said = sentence(line.key, language, **line.values)
            assert said != internal
            assert "{" not in said


@pytest.mark.parametrize(
    ("language", "said", "never"),
    [
        ("en", "In this network others can reach you directly", "Internet."),
        ("zh-CN", "在这个网络里", "直接在互联网上"),
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "192.168.1.5", "fd00::5"])
def test_a_server_in_our_own_network_says_nothing_of_the_internet(
    host: str, language: str, said: str, never: str
) -> None:
    place = (Endpoint(host, 4000),)
    found = Facts(server_rtt=0.01, nat=Nat(Mapping.OPEN), public=place, private=place)
    assert reachability_of(found) == "open"
    lines = lines_about(found)
    keys = [line.key for line in lines]
    assert not {"nat.open", "reachability.open", "doctor.public"} & set(keys)
    assert said in sentence(lines[-1].key, language, **lines[-1].values)
    assert not any(never in sentence(line.key, language, **line.values) for line in lines)


def test_who_hides_in_our_own_network_goes_through_the_server() -> None:
    found = Facts(server_rtt=0.01, nat=Nat(Mapping.OPEN), public=PRIVATE, hidden=True)
    assert [line.key for line in lines_about(found)][-3:] == [
        "doctor.hidden",
        "advice.hidden",
        "reachability.relay",
    ]


def test_a_pinhole_is_said_and_opens_whoever_is_seen_by_ipv6_alone() -> None:
    place = Endpoint("2001:db9::7", 4000)
    opened = MappingState(Outcome.GRANTED, Protocol.PCP, place)
    words = Line("firewall.granted", {"protocol": Protocol.PCP})
    alone = replace(facts(Mapping.UNKNOWN), public=(place,), firewall=opened)
    assert mapped_of(alone) == (place,)
    assert reachability_of(alone) == "open"
    assert words in lines_about(alone)
    beside = replace(alone, public=(*PUBLIC, place))
    assert mapped_of(beside) == (place,)
    assert reachability_of(beside) == "punch"
    assert words in lines_about(beside)
    elsewhere = replace(alone, public=(Endpoint("2001:db9::8", 4000),))
    assert mapped_of(elsewhere) == ()
    refused = replace(alone, firewall=MappingState(Outcome.REFUSED))
    assert Line("firewall.refused", {"protocol": None}) in lines_about(refused)
    assert not [
        line
        for line in lines_about(replace(alone, firewall=MappingState(Outcome.SILENT)))
        if line.key.startswith("firewall")
    ]
