from floater import api
from floater.api import PathKind, RelayReason
from floater.core.emit import Emit
from floater.core.meet.port_facts import PortFacts
from floater.core.meet.progress import Progress, Way
from floater.core.meet.puncher import Puncher
from floater.core.meet.settings import MeetingSettings
from floater.core.meet.technique import Allowance
from floater.wire.control import Role
from floater.wire.nat import UNKNOWN_NAT

WORDS = api.NatWords("unknown", "unknown", "unknown", "unknown")


def progress(*, port: bool = True, hides: bool = False) -> Progress:
    puncher = Puncher(Role.LEADER, UNKNOWN_NAT, MeetingSettings(), Allowance(), 0.0)
    if port:
        puncher.use(PortFacts(ports=(50_001, 50_002)), now=0.0)
    return Progress(puncher, hides=hides)


def test_what_is_tried_is_told_when_it_is_news_best_kind_first() -> None:
    made = progress()
    relay, nothing = api.Trying([PathKind.RELAY], "crossing"), api.Trying([], "crossing")
    assert made.trying(is_at_relay=True) == [Emit(relay)]
    assert made.trying(is_at_relay=True) == []
    assert made.trying(is_at_relay=False) == [Emit(nothing)]


def test_seconds_become_milliseconds_with_one_digit() -> None:
    made = progress()
    made.syns = 3
    way = Way(PathKind.DIRECT, "public", stood=0.12346, proved=0.25)
    receipt = api.Receipt(123.5, 250.0, "crossing", 3, WORDS, WORDS)
    assert made.chosen(way, 0.30004, 0.05) == Emit(api.Path(PathKind.DIRECT, 300.0, 50.0, "public", receipt))
    assert not made.is_relayed
    assert made.changed(way) == [], "it was told with the way"


def test_a_relayed_way_s_receipt_is_told_again_only_if_something_has_changed() -> None:
    made = progress()
    way = Way(PathKind.RELAY, "relay", 0.1, 0.2)
    receipt = api.Receipt(100.0, 200.0, "crossing", 0, WORDS, WORDS, RelayReason.NO_PLACES)
    assert made.chosen(way, 0.2, None) == Emit(api.Path(PathKind.RELAY, 200.0, None, "relay", receipt))
    assert made.is_relayed
    assert made.changed(way) == []
    made.syns = 1
    later = api.Receipt(100.0, 200.0, "crossing", 1, WORDS, WORDS, RelayReason.NO_PLACES)
    assert made.changed(way) == [Emit(api.ReceiptChanged(later))]


def test_nothing_is_said_of_the_nats_of_two_of_whom_one_hides() -> None:
    way = Way(PathKind.RELAY, "relay", 0.1, 0.2)
    receipt = api.Receipt(100.0, 200.0, "crossing", 0, None, None, RelayReason.HIDDEN)
    assert progress(port=False, hides=True).chosen(way, 0.2, None) == Emit(
        api.Path(PathKind.RELAY, 200.0, None, "relay", receipt)
    )


def test_a_way_over_the_relay_waits_there_until_both_are_known() -> None:
    assert Way(PathKind.RELAY, "relay", 0.1).is_at_relay
    assert not Way(PathKind.RELAY, "relay", 0.1, is_ready=True).is_at_relay
    assert not Way(PathKind.DIRECT, "public", 0.1).is_at_relay
