"""How a router is asked for a port, as scripts: who is asked when, and what comes of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floater.core.meet.candidates import LOWEST_PORT, is_port_allowed
from floater.core.meet.port_mapping import (
    LEASE,
    NOT_ASKED,
    PROTOCOLS_6,
    Absent,
    Denied,
    Effect,
    Event,
    Found,
    Granted,
    Map,
    MappingState,
    Outcome,
    Place,
    Placed,
    PortMapping,
    Protocol,
    Release,
    Removed,
    Search,
    Tell,
    Unmap,
    Want,
)
from floater.core.meet.router import REST
from floater.machine import Tick
from floater.wire.endpoint import Endpoint
from tests.helpers.playbook import Playbook

HOME = Place("192.168.1.1", "192.168.1.10")
CAFE = Place("10.0.0.1", "10.0.0.7")
PORT = 40_001
NONCE = b"nonce of 12."
OUTSIDE = Endpoint("203.0.113.7", PORT)
PCP, PMP, UPNP = Protocol.PCP, Protocol.NAT_PMP, Protocol.UPNP
ALL = (Search(PCP), Search(PMP), Search(UPNP))
ASKING = Tell(PORT, MappingState(Outcome.ASKING))
WANT = Want(PORT, NONCE)


def asked(protocol: Protocol, port: int = PORT) -> Map:
    return Map(protocol, port, NONCE, port, LEASE)


def granted(protocol: Protocol, external: Endpoint = OUTSIDE) -> Tell:
    return Tell(PORT, MappingState(Outcome.GRANTED, protocol, external))


def grant(protocol: Protocol, epoch: int | None = None, lifetime: float = LEASE) -> Granted:
    return Granted(protocol, PORT, OUTSIDE, lifetime, epoch)


def told(outcome: Outcome) -> Tell:
    return Tell(PORT, MappingState(outcome))


def away(protocol: Protocol) -> Unmap:
    return Unmap(protocol, PORT, NONCE, PORT)


def at_home() -> Playbook[Event, Effect]:
    return Playbook(PortMapping()).at(0.0, Placed(HOME)).at(0.0, WANT, *ALL)


def held(protocol: Protocol = PCP, epoch: int | None = None) -> Playbook[Event, Effect]:
    return (
        at_home()
        .at(0.1, Found(protocol, epoch=epoch), asked(protocol))
        .at(0.1, grant(protocol, epoch), granted(protocol))
    )


@pytest.mark.parametrize("protocol", Protocol)
def test_the_first_that_answers_is_asked_for_the_port_and_nobody_else_is(protocol: Protocol) -> None:
    script = held(protocol)
    for other in Protocol:
        if other is not protocol:
            script.at(0.2, Found(other))


def test_a_port_that_comes_later_is_asked_of_the_best() -> None:
    held(UPNP).at(0.2, Found(PMP)).at(0.3, Found(PCP)).at(5.0, Want(40_005, NONCE), asked(PCP, 40_005))


def test_a_silent_router_is_given_up_after_a_second_and_asked_again_much_later() -> None:
    (
        at_home()
        .when_due(0.25, *ALL)
        .when_due(0.75, *ALL)
        .when_due(1.0, told(Outcome.SILENT))
        .when_due(1.0 + REST, *ALL)
        .at(601.1, Found(PMP), asked(PMP))
    )


def test_an_answer_counts_whenever_it_comes() -> None:
    (
        at_home()
        .at(1.0, Tick(), told(Outcome.SILENT))
        .at(1.6, Found(UPNP), asked(UPNP))
        .at(4.0, grant(UPNP), granted(UPNP))
    )


def test_who_says_that_it_is_absent_is_not_searched_again() -> None:
    at_home().at(0.0, Absent(PCP)).at(0.1, Absent(PMP)).when_due(0.25, Search(UPNP))


def test_nothing_is_waited_for_where_all_are_absent() -> None:
    at_home().at(0.0, Absent(PCP)).at(0.0, Absent(PMP)).at(0.0, Absent(UPNP), told(Outcome.SILENT))


def test_who_refuses_is_followed_by_the_next() -> None:
    (
        at_home()
        .at(0.1, Found(PCP), asked(PCP))
        .at(0.1, Found(UPNP))
        .at(0.2, Denied(PCP, PORT), asked(UPNP))
        .at(0.3, Denied(UPNP, PORT))
        .at(1.0, Tick(), told(Outcome.REFUSED))
    )


def test_who_does_not_answer_is_followed_by_the_next() -> None:
    (
        at_home()
        .at(0.0, Found(PCP), asked(PCP))
        .at(0.0, Found(PMP))
        .at(0.25, Tick(), Search(UPNP), asked(PCP))
        .at(0.75, Tick(), Search(UPNP), asked(PCP))
        .at(1.0, Tick())
        .when_due(1.75, asked(PMP))
        .at(1.8, grant(PCP))  # too late: it lapses by itself
        .at(1.9, grant(PMP), granted(PMP))
    )


def test_what_is_held_is_renewed_at_half_of_what_was_granted() -> None:
    (
        at_home()
        .at(0.0, Found(PCP), asked(PCP))
        .at(0.0, grant(PCP, lifetime=120), granted(PCP))
        .at(1.0, Tick())
        .when_due(60.0, asked(PCP))
        .at(60.1, grant(PCP, lifetime=7_200))
        .when_due(60.1 + LEASE / 2, asked(PCP))
    )


def test_a_renewal_is_repeated_ever_more_slowly_until_the_mapping_has_lapsed() -> None:
    script = held().at(1.0, Tick())
    now, pause = 0.1 + LEASE / 2, 0.25
    while now < 0.1 + LEASE:
        script.when_due(now, asked(PCP))
        now, pause = now + pause, pause * 2
    script.when_due(0.1 + LEASE, ASKING, asked(PCP))


@pytest.mark.parametrize(
    ("before", "later", "after", "restarted"),
    [
        (1_000, 100.0, 1_100, False),
        (1_000, 100.0, 1_095, False),  # clocks may differ by a sixteenth
        (1_000, 100.0, 1_105, False),
        (1_000, 0.95, 999, False),
        (1_000, 0.95, 998, True),
        (1_000, 100.0, 0, True),
        (1_000, 100.0, 1_090, True),
        (1_000, 100.0, 1_110, True),
        (1_000, 100.0, 2**32 - 1, True),
    ],
)
def test_a_router_whose_clock_does_not_go_on_has_restarted(
    before: int, later: float, after: int, restarted: bool
) -> None:
    """RFC 6887 §8.5."""
    script = held(PCP, before).at(1.0, Tick())
    script.at(0.1 + later, Found(PCP, epoch=after), *[asked(PCP)] * restarted)


def test_after_a_restart_only_what_was_granted_is_asked_for_again() -> None:
    script = held(PCP, 100).at(5.0, Want(40_005, NONCE), asked(PCP, 40_005))
    script.at(9.0, Found(PCP, epoch=0), asked(PCP))  # the answer about the other is still due


def test_a_place_elsewhere_begins_from_nothing() -> None:
    new = Endpoint("198.51.100.9", PORT)
    (
        held()
        .at(5.0, Placed(HOME))
        .at(6.0, Placed(CAFE), ASKING, *ALL)
        .at(6.1, Found(PMP, new.host), asked(PMP))
        .at(6.2, Granted(PMP, PORT, new, LEASE, 5), granted(PMP, new))
        .at(9.0, Placed(None), Tell(PORT, NOT_ASKED))
        .at(9.1, Found(PMP, new.host))
        .rests()
    )


def test_nobody_is_asked_where_there_is_no_router() -> None:
    Playbook(PortMapping()).at(0.0, WANT, Tell(PORT, NOT_ASKED)).at(0.1, Release(PORT)).rests()


def test_where_another_has_the_port_a_few_others_are_asked_for() -> None:
    script = at_home().at(0.1, Found(UPNP), asked(UPNP)).at(0.1, Absent(PCP)).at(0.1, Absent(PMP))
    drawn = [LOWEST_PORT + int.from_bytes(NONCE[at : at + 2], "big") for at in (0, 2, 4, 6)]
    for other in drawn[:3]:
        script.at(0.2, Denied(UPNP, PORT, taken=True), Map(UPNP, PORT, NONCE, other, LEASE))
    there = Endpoint(OUTSIDE.host, drawn[2])
    (
        script.at(0.3, Granted(UPNP, PORT, there, LEASE), granted(UPNP, there))
        .at(300.3, Tick(), Map(UPNP, PORT, NONCE, drawn[2], LEASE))
        .at(300.4, Denied(UPNP, PORT, taken=True), Map(UPNP, PORT, NONCE, drawn[3], LEASE), ASKING)
        .at(300.5, Denied(UPNP, PORT, taken=True), told(Outcome.REFUSED))
    )


@pytest.mark.parametrize("number", range(0, 65_536, 251))
def test_no_port_of_a_service_is_ever_drawn(number: int) -> None:
    nonce = number.to_bytes(2, "big") * 6
    machine = PortMapping()
    for event in (Placed(HOME), Want(PORT, nonce), Found(UPNP)):
        machine.feed(event, now=0.0)
    (effect,) = machine.feed(Denied(UPNP, PORT, taken=True), now=0.0)
    assert isinstance(effect, Map)
    assert is_port_allowed(effect.external)


# -- by IPv6 ------------------------------------------------------------------------------


OURS_6 = "2001:db9::7"
HOME_6 = Place("fe80::1%eth0", OURS_6)


def at_home_6() -> Playbook[Event, Effect]:
    machine = PortMapping(protocols=PROTOCOLS_6)
    return Playbook(machine).at(0.0, Placed(HOME_6)).at(0.0, WANT, Search(PCP), Search(UPNP))


def test_a_pinhole_leads_to_our_own_endpoint() -> None:
    place = Endpoint(OURS_6, PORT)
    (
        at_home_6()
        .at(0.1, Found(PCP, epoch=5), asked(PCP))
        .at(0.1, Granted(PCP, PORT, place, LEASE, 5), granted(PCP, place))
        .at(1.0, Tick())
        .at(300.1, Tick(), asked(PCP))
        .at(300.1, Granted(PCP, PORT, place, LEASE, 305))
        .at(400.0, Release(PORT), away(PCP))
        .at(400.1, Removed(PCP, PORT))
        .rests()
    )


def test_where_both_ways_to_ask_are_absent_nothing_is_waited_for() -> None:
    at_home_6().at(0.0, Absent(PCP)).at(0.0, Absent(UPNP), told(Outcome.SILENT))


@pytest.mark.parametrize(
    ("external", "outcome"),
    [
        (Endpoint(OURS_6, PORT + 1), Outcome.REFUSED),
        (Endpoint("2001:db9::8", PORT), Outcome.REFUSED),
        (Endpoint("203.0.113.7", PORT), Outcome.REFUSED),
        (Endpoint("fe80::1", PORT), Outcome.NESTED),
    ],
)
def test_a_pinhole_that_leads_elsewhere_is_closed_at_once(external: Endpoint, outcome: Outcome) -> None:
    (
        at_home_6()
        .at(0.1, Found(PCP), asked(PCP))
        .at(0.1, Granted(PCP, PORT, external, LEASE), Unmap(PCP, PORT, NONCE, external.port))
        .at(1.0, Tick(), told(outcome))
    )


# -- the end ------------------------------------------------------------------------------


def test_a_port_is_given_back_to_whoever_granted_it() -> None:
    script = held(UPNP).at(1.0, Tick()).at(5.0, Release(PORT), away(UPNP))
    assert isinstance(script.machine, PortMapping)
    assert not script.machine.is_clear
    script.at(5.1, Removed(UPNP, PORT)).rests()
    assert script.machine.is_clear


def test_a_port_whose_answer_is_under_way_is_given_back_too() -> None:
    (
        at_home()
        .at(0.1, Found(PCP), asked(PCP))
        .at(0.1, Release(PORT), away(PCP))
        .at(0.2, grant(PCP))
        .at(0.35, Tick(), Search(PMP), Search(UPNP), away(PCP))
        .at(1.0, Tick(), away(PCP))
        .when_due(2.0)
        .rests()
    )


def test_a_router_that_will_not_take_a_port_back_is_not_asked_for_ever() -> None:
    held().at(1.0, Tick()).at(1.1, Release(PORT), away(PCP)).at(1.2, Denied(PCP, PORT))


def test_a_port_that_is_wanted_again_while_it_is_given_back_is_asked_for_again() -> None:
    again = Want(PORT, b"another one.")
    held().at(5.0, Release(PORT), away(PCP)).at(5.1, again, ASKING, asked(PCP))


def test_a_port_nobody_has_asked_for_yet_is_gone_at_once() -> None:
    script = at_home().at(0.1, Release(PORT))
    assert isinstance(script.machine, PortMapping)
    assert script.machine.is_clear
    script.at(0.2, Found(PCP))


# -- routers that lie, or stand behind others ---------------------------------------------


@pytest.mark.parametrize(
    ("external", "outcome"),
    [
        (Endpoint("10.0.0.7", PORT), Outcome.NESTED),
        (Endpoint("100.64.0.10", PORT), Outcome.NESTED),
        (Endpoint("127.0.0.1", PORT), Outcome.NESTED),
        (Endpoint("0.0.0.0", PORT), Outcome.NESTED),
        (Endpoint("", PORT), Outcome.NESTED),
        (Endpoint("203.0.113.7", 22), Outcome.REFUSED),
        (Endpoint("203.0.113.7", 0), Outcome.REFUSED),
        (Endpoint("203.0.113.7", 6_379), Outcome.REFUSED),
    ],
)
def test_a_place_that_is_no_candidate_is_given_back_at_once(external: Endpoint, outcome: Outcome) -> None:
    (
        at_home()
        .at(0.1, Found(PCP), asked(PCP))
        .at(0.1, Granted(PCP, PORT, external, LEASE), Unmap(PCP, PORT, NONCE, external.port))
        .at(1.0, Tick(), told(outcome))
    )


def test_a_router_behind_another_is_not_asked_for_ports() -> None:
    (
        at_home()
        .at(0.1, Found(PMP, "192.168.0.2"))
        .at(0.1, Absent(PCP))
        .at(0.2, Found(UPNP, ""), told(Outcome.NESTED))
    )


def test_a_grant_that_is_over_at_once_is_none() -> None:
    at_home().at(0.1, Found(PCP), asked(PCP)).at(0.1, grant(PCP, lifetime=1))


def test_a_held_port_that_the_router_takes_back_is_asked_of_another() -> None:
    (
        held(PCP)
        .at(0.2, Found(UPNP))
        .at(1.0, Tick())
        .at(300.1, Tick(), asked(PCP))
        .at(300.2, Denied(PCP, PORT), asked(UPNP), ASKING)
    )


def test_a_router_that_is_gone_when_a_port_is_renewed_is_searched_again() -> None:
    held(UPNP).at(1.0, Tick()).at(300.1, Tick(), asked(UPNP)).at(300.2, Absent(UPNP), *ALL, ASKING)


@given(
    st.lists(
        st.one_of(
            st.builds(Placed, st.sampled_from([HOME, CAFE, None])),
            st.builds(Want, st.integers(1, 3), st.just(NONCE)),
            st.builds(Release, st.integers(1, 3)),
            st.builds(
                Found,
                st.sampled_from(Protocol),
                st.sampled_from([None, "203.0.113.7", "10.0.0.1"]),
                st.sampled_from([None, 0, 5_000]),
            ),
            st.builds(Absent, st.sampled_from(Protocol)),
            st.builds(
                Granted,
                st.sampled_from(Protocol),
                st.integers(1, 3),
                st.builds(Endpoint, st.sampled_from(["203.0.113.7", "10.0.0.1"]), st.integers(0, 65_535)),
                st.sampled_from([0, 60, 9_000]),
                st.sampled_from([None, 0, 5_000]),
            ),
            st.builds(Denied, st.sampled_from(Protocol), st.integers(1, 3)),
            st.builds(Removed, st.sampled_from(Protocol), st.integers(1, 3)),
            st.just(Tick()),
        ),
        max_size=60,
    )
)
def test_whatever_a_router_says_we_come_to_rest_once_every_port_is_given_back(
    events: list[Event | Tick],
) -> None:
    machine, now = PortMapping(), 0.0
    for event in events:
        if isinstance(event, Tick):
            now = machine.deadline or now
        assert all(
            not isinstance(effect, Tell)
            or effect.mapping.endpoint is None
            or effect.mapping.endpoint.host == "203.0.113.7"
            for effect in machine.feed(event, now=now)
        )
        assert machine.deadline is None or machine.deadline > now or isinstance(event, Tick)
    for port in range(1, 4):
        machine.feed(Release(port), now=now)
    for _ in range(40):
        if machine.deadline is None:
            break
        assert machine.deadline >= now
        now = machine.deadline
        machine.feed(Tick(), now=now)
    assert machine.deadline is None
    assert machine.is_clear


def test_what_an_old_router_was_to_remove_is_forgotten_in_another_network() -> None:
    held().at(5.0, Release(PORT), away(PCP)).at(5.1, Placed(CAFE)).at(5.2, Removed(PCP, PORT)).rests()


def test_without_a_router_an_answer_of_an_old_one_counts_for_nothing() -> None:
    held().at(5.0, Placed(None), Tell(PORT, NOT_ASKED)).at(5.1, Found(PMP)).rests()
