import pytest

from floater.core.meet.mapped_port import FIRST_PAUSE, Outcome, Protocol
from floater.core.meet.router import REST, SEARCH_TIME, Place, Router, Search
from floater.wire.endpoint import Endpoint

PCP, PMP, UPNP = Protocol.PCP, Protocol.NAT_PMP, Protocol.UPNP
ALL = [Search(PCP), Search(PMP), Search(UPNP)]


HOME = Place("192.168.1.1", "192.168.1.10")


def router(place: Place | None = HOME) -> Router:
    made = Router(tuple(Protocol))
    made.move(place)
    return made


def is_searched(made: Router) -> bool:
    return made.is_searched


def deadline(made: Router) -> float | None:
    return made.deadline


def test_all_protocols_are_asked_and_those_without_an_answer_again() -> None:
    made = router()
    assert not is_searched(made)
    assert made.search(0.0) == ALL
    assert is_searched(made)
    assert deadline(made) == FIRST_PAUSE
    assert (made.is_due(FIRST_PAUSE - 0.01), made.is_due(FIRST_PAUSE)) == (False, True)
    assert made.found(PCP, None)
    made.lacks(UPNP)
    assert made.search_on(FIRST_PAUSE) == [Search(PMP)]
    assert deadline(made) == FIRST_PAUSE + 2 * FIRST_PAUSE
    assert (made.is_search_over(SEARCH_TIME - 0.01), made.is_search_over(SEARCH_TIME)) == (False, True)
    made.end_search()
    assert (deadline(made), made.is_due(100.0), made.is_search_over(100.0)) == (None, False, False)


def test_the_search_is_over_once_every_protocol_is_known_to_be_absent() -> None:
    made = router()
    made.search(0.0)
    for protocol in (PCP, PMP):
        made.lacks(protocol)
        assert is_searched(made)
    made.lacks(UPNP)
    assert not is_searched(made)
    made.lacks(UPNP)  # said again, after the end
    assert deadline(made) is None


def test_the_best_protocol_that_is_left_is_used() -> None:
    made = router()
    assert made.next_protocol(()) is None
    made.found(UPNP, "203.0.113.7")
    made.found(PCP, None)
    assert made.is_found
    assert made.next_protocol(()) is PCP
    assert made.next_protocol({PCP}) is UPNP
    assert made.next_protocol({PCP, UPNP}) is None
    made.lacks(PCP)
    assert made.next_protocol(()) is UPNP


@pytest.mark.parametrize("host", ["", "192.168.0.2", "100.64.0.9"])
def test_a_router_without_a_public_address_is_of_no_use(host: str) -> None:
    made = router()
    made.search(0.0)
    assert not made.found(PMP, host)
    assert made.outcome(()) is Outcome.NESTED
    made.search(10.0)
    assert made.outcome(()) is Outcome.SILENT


def test_silence_is_told_from_refusal() -> None:
    made = router()
    assert made.outcome(()) is Outcome.SILENT
    assert made.outcome({PCP}) is Outcome.REFUSED
    made.found(PCP, None)
    assert made.outcome(()) is Outcome.REFUSED


def test_after_a_rest_it_is_searched_again() -> None:
    made = router()
    made.rest(5.0)
    made.rest(9.0)
    assert deadline(made) == 5.0 + REST


@pytest.mark.parametrize(
    ("epoch", "now", "restarted"),
    [
        (1_100, 100.0, False),
        (1_095, 100.0, False),  # within 1/16
        (1_091, 100.0, True),
        (1_110, 100.0, True),
        (998, 1.0, True),
        (999, 1.0, False),
        (0, 100.0, True),
        (None, 100.0, False),
    ],
)
def test_a_clock_that_does_not_go_on_tells_of_a_restart(
    epoch: int | None, now: float, restarted: bool
) -> None:
    made = router()
    assert not made.has_restarted(PCP, 1_000, 0.0)
    assert not made.has_restarted(PMP, 5, now)  # each protocol has a clock of its own
    assert made.has_restarted(PCP, epoch, now) is restarted


def test_another_router_begins_anew() -> None:
    made = router()
    made.search(0.0)
    made.found(PCP, None)
    made.has_restarted(PCP, 1_000, 0.0)
    made.move(Place("10.0.0.1", "10.0.0.7"))
    assert (made.is_found, is_searched(made)) == (False, False)
    assert not made.has_restarted(PCP, 3, 1.0)


def test_by_ipv6_a_router_opens_our_own_endpoint_and_no_other() -> None:
    made = router(Place("fe80::1%eth0", "2001:db8::7"))
    assert made.can_open(Endpoint("2001:db8::7", 40_001), 40_001)
    assert not made.can_open(Endpoint("2001:db8::7", 40_002), 40_001)
    assert not made.can_open(Endpoint("2001:db8::8", 40_001), 40_001)
    assert router().can_open(Endpoint("203.0.113.7", 40_002), 40_001)
    assert router(None).can_open(Endpoint("203.0.113.7", 40_002), 40_001)
