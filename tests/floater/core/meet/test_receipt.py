from dataclasses import dataclass, field
from itertools import product

import pytest

from floater import api
from floater.core.meet import receipt
from floater.core.meet.receipt import Ways, lines_about
from floater.core.meet.technique import Technique
from floater.languages import LANGUAGES
from floater.sentences import sentence
from floater.wire.endpoint import CandidateKind
from floater.wire.nat import Allocation, Filtering, Mapping

OVER = api.TalkChanged(api.TalkKind.STRANGER, "Bob", api.Standing.OVER)
GREETING = api.TalkChanged(api.TalkKind.STRANGER, "Bob", api.Standing.GREETING)
CONNECTING = api.TalkChanged(api.TalkKind.STRANGER, "Bob", api.Standing.CONNECTING)
MATCHED = api.Matched("m1", api.PeerName("Bob"))
HELLO = (api.Greeted("en", "Hello"), api.PeerGreeted("en", "Hello"))
FOUND = (
    *(kind for kind in CandidateKind if kind is not CandidateKind.UNKNOWN),  # none of these is dialled
    "incoming",
    "opener",
    *(Technique.PREDICTION, Technique.BLOCK_SCAN, Technique.BIRTHDAY),
    *("relay", "relay-tls"),
)
CONE = api.NatWords("endpoint_independent", "port_dependent", "preserved", "dropped")
BLOCK = api.NatWords("port_dependent", "port_dependent", "block", "dropped")


@dataclass
class Told:
    """Ways that are told one event after the other, each a second later; the press came a second before."""

    ways: Ways = field(default_factory=lambda: Ways(99.0))
    now: float = 100.0

    def of(self, *events: api.TalkEvent) -> Ways:
        for event in events:
            self.ways.feed(event, now=self.now)
            self.now += 1.0
        return self.ways


def way(
    kind: api.PathKind,
    how: str = "public",
    *,
    why: api.RelayReason | None = None,
    technique: Technique = Technique.CROSSING,
    ours: api.NatWords | None = CONE,
    theirs: api.NatWords | None = BLOCK,
) -> api.Path:
    told = api.Receipt(34.5, 46.0, technique.value, 7, ours, theirs, why)
    return api.Path(kind, 47.0, 12.3, how, told)


def keys(ways: Ways | None, *, hides: bool = False) -> list[str]:
    return [line.key for line in lines_about(ways, hides=hides)]


def test_each_step_counts_from_the_press() -> None:
    ways = Told().of(MATCHED, CONNECTING, way(api.PathKind.DIRECT), GREETING, *HELLO)
    assert (ways.matched, ways.stood, ways.proved, ways.greeted) == (1_000.0, 1_034.5, 1_046.0, 6_000.0)
    english = [sentence(line.key, "en", **line.values) for line in lines_about(ways, hides=False)]
    assert english[-4:] == [
        "A stranger was found 1.00 s after the press of 「聊一聊」.",
        "A way there was found 34 ms after that.",
        "Another 12 ms, and it was encrypted, and both had proved who they are.",
        "6.00 s after the press both had said hello.",
    ]


def test_a_direct_way_is_told_with_both_routers() -> None:
    assert keys(Told().of(MATCHED, way(api.PathKind.DIRECT, "block_scan"))) == [
        "way.direct",
        "found.block_scan",
        "receipt.rtt",
        "nat.endpoint_independent",
        "filtering.port_dependent",
        "their_nat.port_dependent",
        "allocation.block",
        "their_filtering.port_dependent",
        "receipt.matched",
        "receipt.stood",
        "receipt.proved",
    ]


@pytest.mark.parametrize("how", FOUND)
def test_within_one_network_no_router_was_crossed_whatever_found_the_way(how: str) -> None:
    told = keys(Told().of(MATCHED, way(api.PathKind.LAN, how)))
    assert told[:4] == ["way.lan", "found.lan", "receipt.rtt", "receipt.matched"]


@pytest.mark.parametrize("kind", api.PathKind)
def test_when_the_talk_is_over_its_way_is_told_of_in_the_past(kind: api.PathKind) -> None:
    ways = Told().of(MATCHED, way(kind), OVER)
    assert keys(ways)[:2] == ["receipt.over", f"was.{kind.value}"]


@pytest.mark.parametrize(
    ("why", "hides", "said"),
    [
        (api.RelayReason.HIDDEN, True, ["why_relay.hidden", "advice.hidden"]),
        (api.RelayReason.HIDDEN, False, ["why_relay.hidden", "advice.both"]),
        (api.RelayReason.NO_PLACES, False, ["why_relay.no_places", "advice.direct"]),
        (api.RelayReason.UNPREDICTABLE, False, ["why_relay.unpredictable", "advice.direct"]),
        (api.RelayReason.UNDER_WAY, False, ["why_relay.under_way", "tried.crossing", "advice.direct"]),
        (
            api.RelayReason.FAILED,
            False,
            ["why_relay.failed", "tried.crossing", "receipt.again", "advice.direct"],
        ),
    ],
)
def test_the_relay_is_told_with_its_reason_and_with_what_would_help(
    why: api.RelayReason, hides: bool, said: list[str]
) -> None:
    path = way(api.PathKind.RELAY, "relay", why=why, ours=None, theirs=None)
    ways = Told().of(MATCHED, path)
    assert keys(ways, hides=hides)[3 : 3 + len(said)] == said


def test_the_reason_is_the_newest_and_nothing_goes_on_when_it_is_over() -> None:
    told = Told()
    trying = way(api.PathKind.RELAY, "relay", why=api.RelayReason.UNDER_WAY)
    ways = told.of(MATCHED, trying)
    failed = api.Receipt(34.5, 46.0, Technique.BLOCK_SCAN.value, 300, CONE, BLOCK, api.RelayReason.FAILED)
    told.of(api.ReceiptChanged(failed))
    assert len(ways.changes) == 1
    assert {"why_relay.failed", "tried.block_scan"} < set(keys(ways))
    assert trying.receipt is not None
    told.of(api.ReceiptChanged(trying.receipt))
    assert "why_relay.under_way" in keys(ways)
    told.of(api.PeerAway(30.0))
    assert keys(ways)[0] == "receipt.away"
    told.of(OVER)
    said = keys(ways)
    assert said[:2] == ["receipt.over", "was.relay"]
    assert "why_relay.failed" in said
    assert not {"receipt.again", "why_relay.under_way", "receipt.away"} & set(said)


def test_every_change_of_the_way_is_told_and_the_first_way_keeps_its_times() -> None:
    told = Told()
    ways = told.of(MATCHED, way(api.PathKind.RELAY, "relay"), way(api.PathKind.DIRECT, "opener"))
    stood = ways.stood
    told.of(api.PeerAway(30.0), way(api.PathKind.RELAY, "relay-tls"))
    assert ways.stood == stood
    assert [line for line in keys(ways) if line.startswith("change.")] == [
        "change.relay",
        "change.direct",
        "change.away",
        "change.relay",
    ]
    assert ways.changes[2] == api.PathChange(4_000.0, None, "")


def test_a_peer_that_changes_the_way_for_ever_fills_no_memory() -> None:
    ways = Told().of(MATCHED, *[way(api.PathKind.DIRECT)] * (receipt.MAX_CHANGES + 5))
    assert len(ways.changes) == receipt.MAX_CHANGES


def test_before_there_is_a_way_one_is_looked_for_or_was() -> None:
    assert keys(None) == ["receipt.none"]
    assert keys(Ways(0.0)) == ["receipt.none"]
    told = Told()
    assert keys(told.of(MATCHED, CONNECTING)) == ["receipt.looking", "receipt.matched"]
    assert keys(told.of(OVER)) == ["receipt.over", "receipt.no_way", "receipt.matched"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_is_known_there_is_a_sentence_for_it(language: str) -> None:
    unknown = sentence("code.internal", language)
    nats = [
        api.NatWords(mapping, filtering, allocation, "unknown")
        for mapping, filtering, allocation in product(Mapping, Filtering, Allocation)
    ]
    paths = [
        way(api.PathKind.LAN, "private"),
        *(way(api.PathKind.DIRECT, how, ours=nat, theirs=nat) for how in FOUND for nat in nats),
        *(
            way(api.PathKind.RELAY, "relay", why=why, technique=technique)
            for why, technique in product(api.RelayReason, Technique)
        ),
    ]
    for path, over in product(paths, (False, True)):
        events = (MATCHED, path, *HELLO, api.PeerAway(1.0), path, *([OVER] if over else []))
        for line in lines_about(Told().of(*events), hides=False):
            said = sentence(line.key, language, **line.values)
            assert said != unknown, line
            assert "{" not in said, line


def test_what_is_no_step_of_the_way_changes_nothing() -> None:
    told = Told()
    before = keys(told.of(MATCHED, way(api.PathKind.DIRECT)))
    assert keys(told.of(api.PeerTyping(typing=True), api.PeerTyping(typing=False))) == before


def test_a_way_whose_round_trip_was_not_measured_is_told_without_it() -> None:
    direct = way(api.PathKind.DIRECT)
    measured, unmeasured = direct, api.Path(direct.kind, direct.took_ms, None, direct.how, direct.receipt)
    assert "receipt.rtt" in keys(Told().of(MATCHED, measured))
    assert "receipt.rtt" not in keys(Told().of(MATCHED, unmeasured))


def test_the_moments_are_told_in_the_order_of_time() -> None:
    ways = Told().of(
        MATCHED,
        way(api.PathKind.RELAY, "relay"),
        *HELLO,
        way(api.PathKind.DIRECT, "opener"),
        api.PeerAway(30.0),
    )
    moments = [line for line in keys(ways) if line.startswith("change.") or line == "receipt.greeted"]
    assert moments == ["change.relay", "receipt.greeted", "change.direct", "change.away"]
