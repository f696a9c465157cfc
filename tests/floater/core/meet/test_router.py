from floater.core.meet.mapped_port import FIRST_PAUSE, Outcome, Protocol
from floater.core.meet.router import REST, SEARCH_TIME, Place, Router, Search
from floater.wire.endpoint import Endpoint

PCP, PMP, UPNP = Protocol.PCP, Protocol.NAT_PMP, Protocol.UPNP
HOME = Place("192.168.1.1", "192.168.1.10")


def at_home() -> Router:
    router = Router((PCP, PMP, UPNP))
    router.move(HOME)
    return router


def test_a_search_asks_in_all_protocols_and_then_in_those_that_are_unanswered() -> None:
    router = at_home()
    assert (router.deadline, router.is_searched, router.is_due(0)) == (None, False, False)
    assert router.search(10) == [Search(PCP), Search(PMP), Search(UPNP)]
    assert (router.deadline, router.is_searched) == (10 + FIRST_PAUSE, True)
    assert router.found(PMP, "203.0.113.7")
    router.lacks(UPNP)
    assert not router.is_due(10.1)
    assert router.is_due(10 + FIRST_PAUSE)
    assert router.search_on(10 + FIRST_PAUSE) == [Search(PCP)]
    assert router.deadline == 10 + 3 * FIRST_PAUSE
    assert not router.is_search_over(10.9)
    assert router.is_search_over(10 + SEARCH_TIME)
    router.end_search()
    assert (router.deadline, router.is_found) == (None, True)


def test_a_search_ends_when_every_protocol_is_known_to_be_absent() -> None:
    router = at_home()
    router.search(0)
    for protocol in (PCP, PMP):
        router.lacks(protocol)
        assert router.is_searched
    router.lacks(UPNP)
    assert not router.is_searched
    assert router.outcome(()) is Outcome.SILENT
    router.rest(5)
    router.rest(9)
    assert router.deadline == 5 + REST, "planned once"
    router.lacks(UPNP)
    assert router.deadline == 5 + REST


def test_the_best_protocol_that_it_speaks_is_tried_first() -> None:
    router = at_home()
    assert router.next_protocol(()) is None
    router.found(UPNP, None)
    router.found(PCP, "203.0.113.7")
    assert router.next_protocol(()) is PCP
    assert router.next_protocol({PCP}) is UPNP
    assert router.next_protocol({PCP, UPNP}) is None
    assert router.outcome({PCP}) is Outcome.REFUSED
    router.move(None)
    assert (router.place, router.is_found, router.next_protocol(())) == (None, False, None)


def test_a_router_without_a_public_address_stands_behind_another() -> None:
    router = at_home()
    assert not router.found(PCP, "10.0.0.4")
    assert (router.is_nested, router.is_found) == (True, False)
    assert router.outcome(()) is Outcome.NESTED
    router.search(0)
    assert not router.is_nested, "as if nothing were known"


def test_a_clock_that_does_not_go_with_ours_tells_of_a_restart() -> None:
    router = at_home()
    assert not router.has_restarted(PCP, None, 0)
    assert not router.has_restarted(PCP, 1_000, 0)
    assert not router.has_restarted(PMP, 5, 0), "each protocol has a clock of its own"
    assert not router.has_restarted(PCP, 1_100, 100)
    assert router.has_restarted(PCP, 3, 200)
    assert not router.has_restarted(PCP, 103, 300)
    assert router.has_restarted(PCP, 113, 600), "ours went much further"
    assert router.has_restarted(PCP, 9_000, 601), "its own went much further"


def test_a_port_that_is_open_by_ipv6_is_our_own() -> None:
    router = Router((PCP,))
    assert router.can_open(Endpoint("203.0.113.7", 4_000), 4_000)
    router.move(Place("fe80::1", "2001:db8::5"))
    assert router.can_open(Endpoint("2001:db8::5", 4_000), 4_000)
    assert not router.can_open(Endpoint("2001:db8::5", 4_001), 4_000)
    assert not router.can_open(Endpoint("2001:db8::6", 4_000), 4_000)
