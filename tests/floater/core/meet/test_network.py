import ipaddress

from floater.core.meet.network import (
    LOOK_EVERY,
    SETTLE,
    SLEPT,
    Changed,
    Effect,
    Event,
    Flickered,
    Look,
    Network,
    Seen,
)
from floater.machine import Tick
from tests.helpers.playbook import Playbook

HERE = ipaddress.ip_address("192.168.1.10")
THERE = ipaddress.ip_address("10.0.0.7")
LOOPBACK = ipaddress.ip_address("127.0.0.1")
ROUTER = ipaddress.ip_address("192.168.1.1")
OTHER_ROUTER = ipaddress.ip_address("10.0.0.1")

NOTHING_GONE = Changed(frozenset())


def seen(*places: ipaddress.IPv4Address | ipaddress.IPv6Address, by: int = 1, asleep: float = 0.0) -> Seen:
    routers = {1: (ROUTER,), 2: (OTHER_ROUTER,), 0: ()}[by]
    return Seen(frozenset((LOOPBACK, *places)), frozenset(routers), asleep)


def test_before_the_first_look_nothing_is_due_and_nothing_can_be_lost() -> None:
    Playbook[Event, Effect](Network()).at(1.0, Flickered(HERE)).at(1.0, Tick()).rests()


def at_home() -> Playbook[Event, Effect]:
    return Playbook(Network()).at(10.0, seen(HERE)).wakes(10.0 + LOOK_EVERY)


def test_it_looks_every_second_and_tells_nothing_while_nothing_changes() -> None:
    script = at_home()
    for second in (11.0, 12.0, 13.0):
        script.when_due(second, Look()).at(second, seen(HERE))


def test_an_address_that_is_gone_is_told_at_once() -> None:
    at_home().at(10.2, seen(by=0), Changed(frozenset((HERE,)))).wakes(10.2 + LOOK_EVERY)


def test_an_address_that_is_new_is_told_when_its_route_had_time_to_come() -> None:
    (
        at_home()
        .at(10.2, seen(by=0), Changed(frozenset((HERE,))))
        .at(10.4, seen(THERE, by=0))
        .at(10.42, seen(THERE, by=2))
        .when_due(10.4 + SETTLE, NOTHING_GONE)
        .wakes(10.42 + LOOK_EVERY)
    )


def test_another_way_out_is_a_change() -> None:
    at_home().at(10.2, seen(HERE, by=2)).when_due(10.2 + SETTLE, NOTHING_GONE)


def test_an_address_that_went_and_came_between_two_looks_is_gone_all_the_same() -> None:
    (
        at_home()
        .at(10.2, Flickered(HERE), Changed(frozenset((HERE,))))
        .at(10.2, seen(HERE))
        .when_due(10.2 + SETTLE, NOTHING_GONE)
    )


def test_an_address_that_went_is_told_once() -> None:
    at_home().at(10.2, Flickered(HERE), Changed(frozenset((HERE,)))).at(10.2, Flickered(HERE)).at(
        10.2, seen()
    ).wakes(11.2)


def test_an_address_that_never_was_ours_is_not_missed() -> None:
    at_home().at(10.2, Flickered(THERE)).wakes(11.0)


def test_a_cable_that_was_out_for_a_moment_is_a_change() -> None:
    at_home().at(10.2, Flickered(None)).at(10.21, Flickered(None)).when_due(10.2 + SETTLE, NOTHING_GONE)


def test_sleep_is_a_change() -> None:
    at_home().at(10.5, seen(HERE, asleep=SLEPT), NOTHING_GONE)
    at_home().at(10.5, seen(HERE, asleep=SLEPT - 0.1)).wakes(10.5 + LOOK_EVERY)


def test_a_second_in_which_nothing_was_done_for_long_is_sleep() -> None:
    at_home().at(11.0 + SLEPT, Tick(), Look(), NOTHING_GONE).at(11.0 + SLEPT, seen(HERE))


def test_a_look_that_was_asked_for_in_vain_is_asked_for_again() -> None:
    at_home().when_due(11.0, Look()).when_due(12.0, Look())
