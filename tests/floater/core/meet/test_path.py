import pytest

from floater.api import PathKind
from floater.codes import Code
from floater.core.link import Alive, Check, LinkDown, LinkUp
from floater.core.meet.attempts import MAX_MOVES, MOVES_TIME, RETRIES
from floater.core.meet.links import LOSER_GRACE, MAX_UNUSED
from floater.core.meet.path import (
    MAX_CHANGES,
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
    NetworkChanged,
    NoShow,
    OpenRelay,
    Path,
    Punch,
    PunchOver,
    Ready,
    RelayLost,
    Renew,
    Renewed,
    State,
    Tell,
    Told,
    Trusted,
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


def test_the_leader_chooses_as_soon_as_the_follower_has_proved_who_it_is() -> None:
    (
        leader()
        .at(0.0, BOTH, Punch())
        .at(0.2, Trusted(1), Tell(1, 1))
        .at(0.2, Trusted(2))
        .wakes(0.6)
        .at(0.3, Ready(1, DIRECT, "p", 5, 0.1), LinkUp(1, 5), Chosen(DIRECT, "p", 0.3, 0.1), EndPunch())
        .at(0.3, Ready(2, DIRECT, "p", 5, 0.1))
        .at(0.3, Trusted(3))
        .when_due(0.3 + LOSER_GRACE, Discard(2))
        .rests()
    )


def test_a_link_that_was_chosen_early_and_fails_leaves_the_race_as_it_was() -> None:
    (
        leader()
        .at(0.0, BOTH, Punch())
        .at(0.2, Trusted(1), Tell(1, 1))
        .at(0.25, Gone(1))
        .at(0.25, Trusted(2), Tell(2, 2))
        .at(0.3, Ready(3, LAN, "p", 5, 0.1), Tell(3, 3), LinkUp(3, 5), Chosen(LAN, "p", 0.3, 0.1), EndPunch())
        .at(0.4, Ready(2, DIRECT, "p", 5, 0.1))
        .when_due(0.4 + LOSER_GRACE, Discard(2))
        .rests()
    )


def test_a_better_link_may_still_be_chosen_after_an_early_choice() -> None:
    (
        leader()
        .at(0.0, BOTH, Punch())
        .at(0.2, Trusted(1), Tell(1, 1))
        .at(0.3, Ready(2, RELAY, "relay", 0, 0.1), Tell(2, 2), LinkUp(2, 0), Chosen(RELAY, "relay", 0.3, 0.1))
        .at(
            0.4,
            Ready(1, DIRECT, "p", 0, 0.1),
            Tell(1, 3),
            LinkUp(1, 0),
            Chosen(DIRECT, "p", 0.4, 0.1),
            EndPunch(),
        )
        .when_due(2.4, Discard(2))
        .rests()
    )


def test_the_follower_chooses_nothing_early() -> None:
    follower().at(0.0, BOTH, Punch()).at(0.2, Trusted(1)).at(0.3, Ready(1, DIRECT, "p", 0)).wakes(0.6)


def test_where_ports_are_guessed_the_relay_joins_early() -> None:
    leader().at(0.0, Begin(listens=True, dials=True, guesses=True), Punch()).when_due(0.3, OpenRelay())
    hasty = Playbook(Path(Role.LEADER, head_start=0.125))
    hasty.at(0.0, Begin(listens=True, dials=True, guesses=True), Punch()).when_due(0.125, OpenRelay())


def test_the_follower_goes_by_the_highest_number() -> None:
    (
        follower()
        .at(0.0, BOTH, Punch())
        .at(0.1, Ready(1, DIRECT, "public", 0))
        .at(0.125, Ready(2, DIRECT, "incoming", 3))
        .at(0.25, Told(2, 2), LinkUp(2, 3), Chosen(DIRECT, "incoming", 0.25, None), EndPunch())
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
        .at(50.0, Gone(1), LinkDown(1), Away(30.0), Punch(), OpenRelay(), Renew())
        .at(51.0, RelayLost(Code.SERVER_UNREACHABLE, 0.0))
        .when_due(51.125, OpenRelay())
        .at(53.0, RelayLost(Code.RELAY_FULL, 0.0))
        .when_due(53.5, OpenRelay())
        .at(55.0, PunchOver())
        .when_due(56.0, Punch(), Renew())
        .at(
            60.0,
            Ready(2, RELAY, "relay", 9, 0.1),
            Tell(2, 2),
            LinkUp(2, 9),
            Back(),
            Chosen(RELAY, "relay", 60.0, 0.1),
        )
        .at(61.0, PunchOver())
        .when_due(66.0, Renew())
        .at(66.1, Renewed(), Punch())
        .at(70.0, Gone(2), LinkDown(2), Away(30.0), OpenRelay(), Renew())
        .when_due(100.0, EndPunch(), EndRelay(), Lost())
        .rests()
    )


def test_a_link_under_suspicion_is_dropped_only_if_it_is_in_use() -> None:
    (
        follower()
        .at(0.0, HIDDEN, OpenRelay())
        .at(0.1, Ready(1, RELAY, "relay", 0))
        .at(0.1, Told(1, 1), LinkUp(1, 0), Chosen(RELAY, "relay", 0.1, None))
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
        .at(0.6, Tick(), OpenRelay())
        .when_due(15.0, EndPunch(), EndRelay(), NoShow(Code.PEER_NO_SHOW))
        .at(15.1, Ready(1, LAN, "x", 0, 0.1), Discard(1))
        .at(15.2, Gone(1))
        .at(15.3, Tick())
        .rests()
    )


def test_the_end_discards_every_link() -> None:
    (
        follower()
        .at(0.0, HIDDEN, OpenRelay())
        .at(0.1, Ready(1, LAN, "x", 0))
        .at(0.2, Ready(2, LAN, "y", 0))
        .when_due(15.0, EndRelay(), Discard(1), Discard(2), NoShow(Code.PEER_NO_SHOW))
        .rests()
    )


def test_a_peer_who_has_moved_is_punched_for_again() -> None:
    (
        leader()
        .at(0.0, BOTH, Punch())
        .at(0.1, Moved())
        .at(0.5, PunchOver())
        .at(0.55, Moved(), Punch())
        .at(0.6, Tick(), OpenRelay())
        .at(1.0, Ready(1, RELAY, "relay", 0, 0.1), Tell(1, 1), LinkUp(1, 0), Chosen(RELAY, "relay", 1.0, 0.1))
        .at(2.0, PunchOver())
        .at(3.0, Moved(), Check(), Punch())
        .at(3.1, Alive(1))
        .at(
            3.2,
            Ready(2, DIRECT, "p", 0, 0.1),
            Tell(2, 2),
            LinkUp(2, 0),
            Chosen(DIRECT, "p", 3.2, 0.1),
            EndPunch(),
        )
    )


def direct(role: Role = Role.LEADER) -> Playbook[Event, Effect]:
    """Talking over a direct link, 1, since 0.2."""
    script = Playbook(Path(role)).at(0.0, BOTH, Punch())
    if role is Role.LEADER:
        return script.at(
            0.2,
            Ready(1, DIRECT, "p", 0, 0.1),
            Tell(1, 1),
            LinkUp(1, 0),
            Chosen(DIRECT, "p", 0.2, 0.1),
            EndPunch(),
        )
    script.at(0.1, Ready(1, DIRECT, "p", 0, 0.1))
    return script.at(0.2, Told(1, 1), LinkUp(1, 0), Chosen(DIRECT, "p", 0.2, 0.1), EndPunch())


def test_a_shaken_link_that_answers_stays() -> None:
    direct().at(9.0, Moved(), Check(), OpenRelay(), Punch()).at(9.1, Alive(1), EndPunch(), EndRelay()).rests()
    (
        direct()
        .at(9.0, NetworkChanged(frozenset()), Check(), OpenRelay(), Punch(), Renew())
        .at(9.1, Alive(1), EndPunch(), EndRelay())
        .at(9.2, Renewed())
        .at(9.3, Alive(1))
        .rests()
    )


def test_it_says_whether_another_link_would_be_better() -> None:
    machine, said = Path(Role.LEADER), []
    news: tuple[Event, ...] = (
        BOTH,
        Ready(1, DIRECT, "p", 0, 0.1),
        Moved(),
        Alive(1),
        Gone(1),
        Ready(2, RELAY, "relay", 0, 0.1),
        Gone(2),
    )
    for second, event in enumerate(news):
        machine.feed(event, now=float(second))
        said.append(machine.seeks)
    machine.feed(Tick(), now=60.0)
    assert [*said, machine.seeks] == [True, False, True, False, True, True, True, False]


def test_any_link_is_better_than_a_shaken_one() -> None:
    (
        direct()
        .at(9.0, Moved(), Check(), OpenRelay(), Punch())
        .at(
            9.3,
            Ready(2, RELAY, "relay", 5, 0.1),
            Tell(2, 2),
            LinkUp(2, 5),
            Chosen(RELAY, "relay", 9.3, 0.1),
        )
        .at(9.4, Alive(1))
        .at(
            9.5,
            Ready(3, DIRECT, "p", 6, 0.1),
            Tell(3, 3),
            LinkUp(3, 6),
            Chosen(DIRECT, "p", 9.5, 0.1),
            EndPunch(),
        )
        .when_due(11.3, Discard(1))
        .when_due(11.5, Discard(2))
        .rests()
    )


def test_a_shaken_link_that_is_suspected_leaves_the_race_as_it_is() -> None:
    (
        direct(Role.FOLLOWER)
        .at(9.0, Moved(), Check(), OpenRelay(), Punch())
        .at(9.5, Doubted(1), Discard(1), LinkDown(1), Away(30.0), Renew())
        .at(9.6, Renewed(), Punch())
        .wakes(39.5)
    )


def test_a_link_on_an_address_that_is_gone_is_not_even_asked() -> None:
    (
        direct()
        .at(
            9.0,
            NetworkChanged(frozenset((1, 7))),
            Discard(1),
            LinkDown(1),
            Away(30.0),
            Punch(),
            OpenRelay(),
            Renew(),
        )
        # The next one, when there is an address again, begins anew what went out into the void.
        .at(
            12.0,
            NetworkChanged(frozenset()),
            EndPunch(),
            EndRelay(),
            OpenRelay(),
            Punch(),
            Renew(),
        )
        .at(12.1, Renewed(), Punch())
        .wakes(39.0)
    )


def test_of_two_links_that_are_gone_neither_is_chosen_for_the_other() -> None:
    (
        leader()
        .at(0.0, HIDDEN, OpenRelay())
        .at(0.1, Ready(1, LAN, "x", 0, 0.1), Tell(1, 1), LinkUp(1, 0), Chosen(LAN, "x", 0.1, 0.1), EndRelay())
        .at(0.2, Ready(2, LAN, "y", 0, 0.1))
        .at(
            0.3,
            NetworkChanged(frozenset((1, 2))),
            Discard(2),
            Discard(1),
            LinkDown(1),
            Away(30.0),
            OpenRelay(),
        )
        .wakes(30.3)
    )


def test_over_the_relay_it_is_not_left_for_nothing() -> None:
    """To join it again ends the link over it."""
    (
        leader()
        .at(0.0, HIDDEN, OpenRelay())
        .at(0.1, Ready(1, RELAY, "relay", 0, 0.1), Tell(1, 1), LinkUp(1, 0), Chosen(RELAY, "relay", 0.1, 0.1))
        .at(5.0, NetworkChanged(frozenset()), Check())
        .at(5.1, Alive(1))
        .at(6.0, NetworkChanged(frozenset()), Check())
        .at(6.5, Doubted(1), Discard(1), LinkDown(1), Away(30.0), OpenRelay())
    )


def test_a_change_before_there_is_a_link_begins_the_race_anew() -> None:
    (
        leader()
        .at(0.0, BOTH, Punch())
        .at(0.1, NetworkChanged(frozenset()), EndPunch(), Punch(), Renew())
        .at(0.2, Renewed(), Punch())
        .when_due(0.6, OpenRelay())
        .at(0.7, NetworkChanged(frozenset()), EndPunch(), EndRelay(), OpenRelay(), Punch(), Renew())
        .wakes(15.0)
    )


def test_over_the_relay_punching_is_tried_again_ever_more_seldom() -> None:
    script = leader().at(0.0, BOTH, Punch()).when_due(0.6, OpenRelay())
    script.at(
        1.0, Ready(1, RELAY, "relay", 0, 0.1), Tell(1, 1), LinkUp(1, 0), Chosen(RELAY, "relay", 1.0, 0.1)
    )
    now = 5.0
    for pause in (*RETRIES, RETRIES[-1]):
        script.at(now, PunchOver()).when_due(now + pause, Renew()).at(now + pause, Renewed(), Punch())
        now += pause + 5.0
    script.at(now, PunchOver()).at(now, NetworkChanged(frozenset()), Check(), Punch(), Renew())
    script.at(now + 5.0, PunchOver()).wakes(now + 5.0 + RETRIES[0])


def test_where_there_is_no_hope_it_is_not_tried_again_until_something_changes() -> None:
    script = leader().at(0.0, Begin(listens=True, dials=False), Punch(), OpenRelay())
    script.at(
        1.0, Ready(1, RELAY, "relay", 0, 0.1), Tell(1, 1), LinkUp(1, 0), Chosen(RELAY, "relay", 1.0, 0.1)
    )
    script.at(5.0, PunchOver()).rests()


def test_a_peer_who_moves_all_the_time_is_not_followed_for_ever() -> None:
    script = follower().at(0.0, BOTH, Punch()).at(0.5, PunchOver())
    for _ in range(MAX_MOVES):
        script.at(0.5, Moved(), Punch()).at(0.5, PunchOver())
    script.at(0.5, Moved())
    script.at(0.6, Tick(), OpenRelay())
    script.at(0.7, Ready(1, RELAY, "relay", 0))
    script.at(0.7, Told(1, 1), LinkUp(1, 0), Chosen(RELAY, "relay", 0.7, None))
    script.when_due(0.7 + RETRIES[0], Renew())
    script.at(0.5 + MOVES_TIME, Moved(), Check(), Punch())


def test_nothing_may_come_before_begin_and_begin_only_once() -> None:
    with pytest.raises(LocalProtocolError):
        Path(Role.LEADER).feed(Moved(), now=0.0)
    machine = Path(Role.LEADER)
    machine.feed(BOTH, now=0.0)
    with pytest.raises(LocalProtocolError):
        machine.feed(BOTH, now=0.0)
    assert machine.state is State.RACING


def test_a_choice_of_the_link_in_use_changes_nothing() -> None:
    script = follower().at(0.0, BOTH, Punch()).at(0.1, Ready(1, DIRECT, "p", 0))
    script.at(0.2, Told(1, 1), LinkUp(1, 0), Chosen(DIRECT, "p", 0.2, None), EndPunch())
    for number in range(2, 50):
        script.at(0.3, Told(1, number))
    script.at(0.4, Ready(2, LAN, "q", 0)).at(0.5, Told(2, 49)).at(
        0.5, Told(2, 50), LinkUp(2, 0), Chosen(LAN, "q", 0.5, None)
    )


def test_a_leader_that_changes_its_mind_too_often_is_not_followed() -> None:
    path = Path(Role.FOLLOWER)
    path.feed(BOTH, now=0.0)
    for number in (1, 2):
        path.feed(Ready(number, DIRECT, "p", 0), now=0.1)
    moved = [
        now
        for now in range(1, 200)
        if any(isinstance(done, LinkUp) for done in path.feed(Told(1 + now % 2, now), now=0.1 + now / 1_000))
    ]
    assert len(moved) == MAX_CHANGES
    again = path.feed(Told(1, 1_000), now=61.0) + path.feed(Told(2, 1_001), now=61.0)
    assert any(isinstance(done, LinkUp) for done in again)


@pytest.mark.parametrize("role", [*Role])
def test_links_that_are_opened_without_end_are_closed(role: Role) -> None:
    path = Path(role)
    path.feed(BOTH, now=0.0)
    closed = [
        done.link
        for number in range(1, 1_001)
        for done in path.feed(Ready(number, DIRECT, "p", 0), now=0.1)
        if isinstance(done, Discard)
    ]
    assert len(closed) >= 1_000 - MAX_UNUSED - 1
    assert len(set(closed)) == len(closed)
