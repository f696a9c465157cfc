import pytest

from floater.bridge.api import PathKind
from floater.codes import Code
from floater.core.link import LinkDown, LinkUp
from floater.core.path import (
    MAX_MOVES,
    Away,
    Back,
    Begin,
    Chosen,
    Discard,
    Doubted,
    Effect,
    EndPunch,
    EndRelay,
    Event,
    Gone,
    Lost,
    Moved,
    NoShow,
    OpenRelay,
    Path,
    Punch,
    PunchOver,
    Ready,
    RelayLost,
    State,
    Stop,
    Tell,
    Told,
)
from floater.errors import LocalProtocolError
from floater.machine import Tick
from floater.wire.control import Role
from tests.helpers.playbook import Playbook

LAN, DIRECT, RELAY = PathKind.LAN, PathKind.DIRECT, PathKind.RELAY
BOTH = Begin(listens=True, dials=True)
HIDDEN = Begin(listens=False, dials=False)


def leader() -> Playbook[Event, Effect]:
    return Playbook(Path(Role.LEADER))


def follower() -> Playbook[Event, Effect]:
    return Playbook(Path(Role.FOLLOWER))


def test_the_leader_takes_the_first_link_that_is_ready() -> None:
    (
        leader()
        .at(10.0, BOTH, Punch())
        .wakes(10.6)
        .at(
            10.25,
            Ready(1, DIRECT, "public", received=7, rtt=0.08),
            Tell(1, 1),
            LinkUp(1, 7),
            Chosen(DIRECT, "public", took=0.25, rtt=0.08),
            EndPunch(),
        )
        .rests()
    )


def test_the_relay_joins_after_the_head_start_and_at_once_where_nothing_can_be_dialled() -> None:
    leader().at(0.0, BOTH, Punch()).when_due(0.6, OpenRelay()).wakes(15.0)
    leader().at(0.0, Begin(listens=True, dials=False), Punch(), OpenRelay()).wakes(15.0)
    leader().at(0.0, HIDDEN, OpenRelay()).wakes(15.0)


def test_a_direct_link_ends_the_wait_at_the_relay() -> None:
    (
        leader()
        .at(0.0, BOTH, Punch())
        .when_due(0.6, OpenRelay())
        .at(
            0.7,
            Ready(2, LAN, "private", 0, 0.001),
            Tell(2, 1),
            LinkUp(2, 0),
            Chosen(LAN, "private", 0.7, 0.001),
            EndPunch(),
            EndRelay(),
        )
        .at(0.8, RelayLost(Code.TIMED_OUT, 0.5))
        .rests()
    )


def test_a_better_link_takes_over_and_the_old_one_lives_on_for_a_while() -> None:
    (
        leader()
        .at(0.0, BOTH, Punch())
        .when_due(0.6, OpenRelay())
        .at(1.0, Ready(1, RELAY, "relay", 0, 0.1), Tell(1, 1), LinkUp(1, 0), Chosen(RELAY, "relay", 1.0, 0.1))
        .at(
            2.0,
            Ready(2, DIRECT, "public", 4, 0.05),
            Tell(2, 2),
            LinkUp(2, 4),
            Chosen(DIRECT, "public", 2.0, 0.05),
            EndPunch(),
        )
        .at(
            3.0,
            Ready(3, LAN, "private", 5, 0.001),
            Tell(3, 3),
            LinkUp(3, 5),
            Chosen(LAN, "private", 3.0, 0.001),
        )
        .when_due(4.0, Discard(1))
        .when_due(5.0, Discard(2))
        .rests()
    )


def test_a_link_that_is_no_better_is_discarded() -> None:
    (
        leader()
        .at(0.0, BOTH, Punch())
        .at(
            0.1,
            Ready(1, DIRECT, "public", 0, 0.1),
            Tell(1, 1),
            LinkUp(1, 0),
            Chosen(DIRECT, "public", 0.1, 0.1),
            EndPunch(),
        )
        .at(0.2, Ready(2, DIRECT, "incoming", 0, 0.1))
        .when_due(0.45, Discard(2))
        .rests()
    )


def test_a_spare_link_takes_over_at_once_when_the_chosen_one_breaks() -> None:
    (
        leader()
        .at(0.0, HIDDEN, OpenRelay())
        .at(
            0.1,
            Ready(1, DIRECT, "a", 0, 0.1),
            Tell(1, 1),
            LinkUp(1, 0),
            Chosen(DIRECT, "a", 0.1, 0.1),
            EndRelay(),
        )
        .at(0.2, Ready(2, RELAY, "relay", 0, 0.1))
        .at(0.3, Ready(3, DIRECT, "b", 0, 0.1))
        .at(0.4, Gone(1), LinkDown(1), Tell(3, 2), LinkUp(3, 0), Chosen(DIRECT, "b", 0.4, 0.1))
        .when_due(0.45, Discard(2))
        .rests()
    )


def test_the_follower_goes_by_the_highest_number() -> None:
    (
        follower()
        .at(0.0, BOTH, Punch())
        .at(0.1, Ready(1, DIRECT, "public", 0))
        .at(0.125, Ready(2, DIRECT, "incoming", 3))
        .at(0.25, Told(2, 2), LinkUp(2, 3), Chosen(DIRECT, "incoming", 0.25, 0.125), EndPunch())
        .at(0.3, Told(1, 1))
        .at(0.3, Told(9, 3))
        .at(0.4, Gone(1))
        .rests()
    )


def test_a_follower_whose_relay_link_breaks_before_it_is_chosen_goes_back_there() -> None:
    (
        follower()
        .at(0.0, HIDDEN, OpenRelay())
        .at(0.1, Ready(1, RELAY, "relay", 0))
        .at(0.2, Gone(1))
        .when_due(1.2, OpenRelay())
        .wakes(15.0)
    )


def test_when_the_link_breaks_all_ways_are_tried_again_until_the_grace_is_over() -> None:
    (
        leader()
        .at(0.0, BOTH, Punch())
        .at(0.1, Ready(1, LAN, "x", 0, 0.1), Tell(1, 1), LinkUp(1, 0), Chosen(LAN, "x", 0.1, 0.1), EndPunch())
        .at(50.0, Gone(1), LinkDown(1), Away(30.0), Punch(), OpenRelay())
        .at(51.0, RelayLost(Code.SERVER_UNREACHABLE, 0.0))
        .when_due(51.5, OpenRelay())
        .at(55.0, PunchOver())
        .when_due(56.0, Punch())
        .at(
            60.0,
            Ready(2, RELAY, "relay", 9, 0.1),
            Tell(2, 2),
            LinkUp(2, 9),
            Back(),
            Chosen(RELAY, "relay", 60.0, 0.1),
        )
        .at(61.0, PunchOver())
        .at(70.0, Gone(2), LinkDown(2), Away(30.0), Punch(), OpenRelay())
        .when_due(100.0, EndPunch(), EndRelay(), Lost())
        .rests()
    )


def test_a_link_under_suspicion_is_dropped_only_if_it_is_in_use() -> None:
    (
        follower()
        .at(0.0, HIDDEN, OpenRelay())
        .at(0.1, Ready(1, RELAY, "relay", 0))
        .at(0.1, Told(1, 1), LinkUp(1, 0), Chosen(RELAY, "relay", 0.1, 0.0))
        .at(1.0, Doubted(7))
        .at(2.0, Doubted(1), Discard(1), LinkDown(1), Away(30.0), OpenRelay())
        .at(2.1, Gone(1))
        .wakes(32.0)
    )


def test_nobody_in_time_is_a_no_show_and_without_a_relay_it_is_no_path() -> None:
    (
        leader()
        .at(0.0, BOTH, Punch())
        .when_due(0.6, OpenRelay())
        .at(5.0, PunchOver())
        .when_due(15.0, EndRelay(), NoShow(Code.PEER_NO_SHOW))
        .rests()
    )
    (
        leader()
        .at(0.0, HIDDEN, OpenRelay())
        .at(14.8, RelayLost(Code.RELAY_FULL, 0.0))
        .when_due(15.0, NoShow(Code.NO_PATH))
        .rests()
    )


def test_what_becomes_ready_after_the_end_is_discarded() -> None:
    (
        leader()
        .at(0.0, BOTH, Punch())
        .at(1.0, Stop(), EndPunch())
        .at(1.1, Ready(1, LAN, "x", 0, 0.1), Discard(1))
        .at(1.2, Gone(1))
        .at(1.3, Tick())
        .rests()
    )


def test_stopping_discards_every_link() -> None:
    (
        leader()
        .at(0.0, HIDDEN, OpenRelay())
        .at(0.1, Ready(1, LAN, "x", 0, 0.1), Tell(1, 1), LinkUp(1, 0), Chosen(LAN, "x", 0.1, 0.1), EndRelay())
        .at(0.2, Ready(2, LAN, "y", 0, 0.1))
        .at(0.3, Stop(), Discard(1), Discard(2))
        .rests()
    )
    leader().at(0.0, Stop()).rests()


def test_a_peer_who_has_moved_is_punched_for_again_unless_the_way_is_good() -> None:
    (
        leader()
        .at(0.0, BOTH, Punch())
        .at(0.1, Moved())
        .at(0.5, PunchOver())
        .at(0.55, Moved(), Punch())
        .at(0.6, Tick(), OpenRelay())
        .at(1.0, Ready(1, RELAY, "relay", 0, 0.1), Tell(1, 1), LinkUp(1, 0), Chosen(RELAY, "relay", 1.0, 0.1))
        .at(2.0, PunchOver())
        .at(3.0, Moved(), Punch())
        .at(
            3.1,
            Ready(2, DIRECT, "p", 0, 0.1),
            Tell(2, 2),
            LinkUp(2, 0),
            Chosen(DIRECT, "p", 3.1, 0.1),
            EndPunch(),
        )
        .at(3.2, Moved())
    )


def test_a_peer_who_moves_all_the_time_is_not_followed_for_ever() -> None:
    script = follower().at(0.0, BOTH, Punch()).at(0.5, PunchOver())
    for _ in range(MAX_MOVES):
        script.at(0.5, Moved(), Punch()).at(0.5, PunchOver())
    script.at(0.5, Moved())


def test_nothing_may_come_before_begin_and_begin_only_once() -> None:
    with pytest.raises(LocalProtocolError):
        Path(Role.LEADER).feed(Moved(), now=0.0)
    machine = Path(Role.LEADER)
    machine.feed(BOTH, now=0.0)
    with pytest.raises(LocalProtocolError):
        machine.feed(BOTH, now=0.0)
    assert machine.state is State.RACING
