"""Which streams are joined, and which have to go: played as scripts."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floater.codes import Code
from floater.wire.control import Role
from server.core.halves import Halves, Owner
from server.core.relaying import (
    Close,
    Closed,
    Cut,
    Drop,
    Effect,
    Entered,
    Event,
    Join,
    Refuse,
    Relaying,
    RelayLimits,
    Swept,
    Use,
)

LEADER, FOLLOWER = Role.LEADER, Role.FOLLOWER
FULL, REFUSED = Code.RELAY_FULL, Code.RELAY_REFUSED
WIDE = RelayLimits(pairs=100, idle=600.0, after_match=30.0, volume=1_000, memory=1_000)
IDLE = Use(moved=0, held=0, is_good=True)


def relaying(*, of_account: int = 100, **limits: Any) -> Relaying:
    halves: Halves[int] = Halves(in_all=100, of_network=100, of_site=100, of_account=of_account)
    return Relaying(replace(WIDE, **limits), halves)


def entered(
    stream: int, role: Role = LEADER, match: str = "m", *, account: int = 0, is_good: bool = True
) -> Entered:
    return Entered(stream, match, role, Owner(account or stream, b"network", b"site"), is_good)


def play(machine: Relaying, *events: Event) -> list[Effect]:
    """Feed events; return what came of the last one."""
    effects: list[Effect] = []
    for event in events:
        effects = machine.feed(event)
    return effects


def swept(elapsed: float, uses: dict[int, Use]) -> Swept:
    return Swept(elapsed, uses)


def a_pair(machine: Relaying, match: str = "m", first: int = 1) -> None:
    """Join streams `first` and `first + 1`."""
    joined = play(machine, entered(first, LEADER, match), entered(first + 1, FOLLOWER, match))
    assert joined == [Join(first + 1, first)]


# -- coming in ----------------------------------------------------------------------------


@pytest.mark.parametrize("roles", [(LEADER, FOLLOWER), (FOLLOWER, LEADER)])
def test_two_sides_of_one_match_are_joined(roles: tuple[Role, Role]) -> None:
    machine = relaying()
    assert machine.feed(entered(1, roles[0])) == []
    assert machine.feed(entered(2, roles[1], "another")) == []
    assert machine.feed(entered(3, roles[1])) == [Join(3, 1)]
    assert len(machine) == 2


def test_a_stream_whose_match_is_over_is_refused_and_leaves_no_trace() -> None:
    machine = relaying()
    assert machine.feed(entered(1, is_good=False)) == [Refuse(1, REFUSED)]
    assert machine.feed(Closed(1)) == []
    assert len(machine) == 0


def test_a_newer_stream_of_one_side_takes_the_place_of_the_older_one_that_waits() -> None:
    machine = relaying()
    assert play(machine, entered(1), entered(2)) == [Close(1)]
    assert machine.feed(Closed(1)) == []
    assert machine.feed(entered(3, FOLLOWER)) == [Join(3, 2)]


def test_a_newer_stream_of_one_side_ends_the_pair_of_the_older_one() -> None:
    machine = relaying()
    a_pair(machine)
    assert machine.feed(entered(3, LEADER)) == [Close(2), Close(1)]
    assert play(machine, Closed(1), Closed(2)) == []
    assert machine.feed(entered(4, FOLLOWER)) == [Join(4, 3)]


def test_a_full_relay_refuses_both_sides_and_those_who_wait_do_not_fill_it() -> None:
    machine = relaying(pairs=1)
    assert machine.feed(entered(10, LEADER, "n")) == []
    a_pair(machine)
    assert machine.feed(entered(11, FOLLOWER, "n")) == [Refuse(10, FULL), Refuse(11, FULL)]
    assert len(machine) == 1
    machine.feed(Closed(1))
    a_pair(machine, "n", 12)


def test_of_too_many_that_wait_the_oldest_is_refused() -> None:
    machine = relaying(of_account=1)
    assert machine.feed(entered(1, LEADER, "a", account=7)) == []
    assert machine.feed(entered(2, LEADER, "b", account=7)) == [Refuse(1, FULL)]
    assert machine.feed(entered(3, FOLLOWER, "b", account=8)) == [Join(3, 2)]
    assert machine.feed(entered(4, LEADER, "c", account=7)) == []  # the joined one waits no more


# -- going --------------------------------------------------------------------------------


def test_a_side_that_leaves_takes_the_other_with_it() -> None:
    machine = relaying()
    a_pair(machine)
    assert machine.feed(Closed(2)) == [Close(1)]
    assert len(machine) == 0
    assert machine.feed(Closed(1)) == []


def test_a_pair_ends_when_it_was_idle_for_too_long() -> None:
    machine = relaying(idle=10.0)
    a_pair(machine)
    busy = Use(moved=1, held=0, is_good=True)
    for use, elapsed in ((IDLE, 9.0), (busy, 9.0), (busy, 9.0)):
        assert machine.feed(swept(elapsed, {1: use, 2: use})) == []
    assert machine.feed(swept(1.0, {1: busy, 2: busy})) == [Close(2), Close(1)]


def test_a_pair_outlives_its_match_by_a_moment_and_no_age_ends_it() -> None:
    machine = relaying(idle=1e9)
    a_pair(machine)
    over = Use(moved=0, held=0, is_good=False)
    assert machine.feed(swept(72 * 3_600.0, {1: IDLE, 2: IDLE})) == []
    assert machine.feed(swept(29.0, {1: IDLE, 2: over})) == []
    assert machine.feed(swept(1.0, {1: IDLE, 2: IDLE})) == []
    assert machine.feed(swept(29.0, {1: over, 2: over})) == []
    assert machine.feed(swept(1.0, {1: over, 2: over})) == [Close(2), Close(1)]


def test_an_account_that_has_used_up_its_bytes_is_ended_and_refused_until_the_next_day() -> None:
    machine = relaying(volume=100, idle=1e9)
    a_pair(machine)
    some, enough = Use(99, 0, is_good=True), Use(100, 0, is_good=True)
    assert machine.feed(swept(1.0, {1: some, 2: some})) == []
    assert machine.feed(swept(1.0, {1: enough, 2: enough})) == [Close(2), Close(1)]
    assert machine.feed(entered(3, account=1)) == [Refuse(3, REFUSED)]
    assert machine.feed(entered(4, FOLLOWER, account=2)) == [Refuse(4, REFUSED)]
    assert machine.feed(entered(5, account=3)) == []
    machine.feed(swept(86_400.0, {}))
    assert machine.feed(entered(6, FOLLOWER, account=1)) == [Join(6, 5)]


def test_what_a_pair_moved_since_the_last_sweep_is_charged_to_both_as_they_leave() -> None:
    machine = relaying(volume=100)
    a_pair(machine)
    machine.feed(swept(1.0, {1: Use(60, 0, is_good=True), 2: Use(60, 0, is_good=True)}))
    machine.feed(Closed(1, moved=100))
    machine.feed(Closed(2, moved=99))
    assert machine.feed(entered(3, account=1)) == [Refuse(3, REFUSED)]
    assert machine.feed(entered(4, account=2)) == []


def test_while_too_much_is_held_the_most_stalled_pair_is_cut_and_no_other_is_joined() -> None:
    machine = relaying(memory=100)
    a_pair(machine, "m", 1)
    a_pair(machine, "n", 3)
    machine.feed(entered(5, LEADER, "o"))
    uses = {stream: Use(0, held, is_good=True) for stream, held in ((1, 5), (2, 10), (3, 50), (4, 40))}
    assert machine.feed(swept(1.0, uses)) == [Cut(4, 3)]
    assert machine.feed(entered(6, FOLLOWER, "o")) == [Refuse(5, FULL), Refuse(6, FULL)]
    assert play(machine, Closed(3), Closed(4)) == []
    assert machine.feed(swept(1.0, {1: IDLE, 2: IDLE})) == []
    a_pair(machine, "o", 7)


def test_as_many_are_cut_as_it_takes() -> None:
    machine = relaying(memory=0)
    a_pair(machine, "m", 1)
    a_pair(machine, "n", 3)
    uses = {stream: Use(0, stream, is_good=True) for stream in (1, 2, 3, 4)}
    assert machine.feed(swept(1.0, uses)) == [Cut(4, 3), Cut(2, 1)]
    assert len(machine) == 0


def test_what_closed_streams_have_not_read_counts_and_is_dropped_first_where_it_is_most() -> None:
    machine = relaying(memory=100)
    a_pair(machine, "m", 1)
    uses = {1: Use(0, 30, is_good=True), 2: IDLE}
    assert machine.feed(Swept(1.0, uses, {8: 20, 9: 60})) == [Drop(9)]
    a_pair_waits = play(machine, entered(3, LEADER, "n"), entered(4, FOLLOWER, "n"))
    assert a_pair_waits == [Refuse(3, FULL), Refuse(4, FULL)]
    assert machine.feed(Swept(1.0, uses, {8: 90})) == [Drop(8)]
    assert machine.feed(swept(1.0, uses)) == []
    a_pair(machine, "n", 5)


# -- any history --------------------------------------------------------------------------


@dataclass
class Book:
    """What must be true of any history, kept beside the machine."""

    machine: Relaying
    sides: dict[int, Entered] = field(default_factory=dict)
    joined: dict[int, int] = field(default_factory=dict)
    going: set[int] = field(default_factory=set)

    def feed(self, event: Event) -> None:
        if isinstance(event, Entered):
            self.sides[event.stream] = event
        if isinstance(event, Closed):
            self.go(event.stream)
            del self.sides[event.stream]
            self.going.discard(event.stream)
        self.follow(self.machine.feed(event))

    def follow(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Join(one, other):
                    assert not {one, other} & (self.going | self.joined.keys())
                    first, second = self.sides[one], self.sides[other]
                    assert first.match_id == second.match_id
                    assert first.role is not second.role
                    self.joined |= {one: other, other: one}
                case Refuse(stream, _):
                    assert stream not in self.joined
                    self.go(stream)
                case Close(stream):
                    self.go(stream)
                case Cut(one, other):
                    assert self.joined[one] == other
                    self.go(one)
                    self.go(other)
        for one, other in self.joined.items():
            assert self.is_out(one) == self.is_out(other)

    def is_out(self, stream: int) -> bool:
        return stream in self.going or stream not in self.sides

    def go(self, stream: int) -> None:
        self.going.add(stream)


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("enter"), st.sampled_from(Role), st.sampled_from("mno"), st.booleans()),
        st.tuples(st.just("leave"), st.integers(0, 9), st.integers(0, 60)),
        st.tuples(st.just("sweep"), st.floats(0.1, 40.0), st.integers(0, 60), st.booleans()),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(EVENTS)
def test_in_any_history_a_pair_is_of_one_match_and_ends_as_a_whole(steps: list[Any]) -> None:
    book = Book(relaying(pairs=2, of_account=2, volume=500, memory=100, idle=60.0))
    for number, step in enumerate(steps):
        match step:
            case "enter", role, match_id, is_good:
                book.feed(entered(number, role, match_id, account=1 + number % 3, is_good=is_good))
            case "leave", which, moved:
                here = sorted(book.sides)
                if here:
                    book.feed(Closed(here[which % len(here)], moved))
                    book.joined = {k: v for k, v in book.joined.items() if k in book.sides}
            case "sweep", elapsed, size, is_good:
                use = Use(number * size, size, is_good)
                book.feed(Swept(elapsed, {stream: use for stream in book.sides}))
        ours = [side for stream, side in book.sides.items() if stream not in book.going]
        assert len(book.machine) == len({side.match_id for side in ours})
    for stream in list(book.sides):
        book.machine.feed(Closed(stream))
    assert len(book.machine) == 0
    assert not book.machine._streams
    assert not book.machine._pairs
    assert len(book.machine._halves) == 0
