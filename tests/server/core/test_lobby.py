"""The lobby's script of every event, and its promises over random histories."""

import random
from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from floater.codes import Code
from floater.errors import LocalProtocolError
from floater.machine import Tick
from floater.wire.control import EndReason
from server.core.lobby import (
    COOL_DOWN,
    Agreed,
    Arrived,
    CancelSeek,
    Dropped,
    Effect,
    EndMatch,
    Event,
    Left,
    Lobby,
    Matched,
    MatchEnded,
    Refused,
    Returned,
    Seek,
)
from server.core.seat import SeatState
from tests.helpers.playbook import Playbook

ANN, BEN, CAT, DAN = 1, 2, 3, 4


def seek(user: int, match_id: str = "", after: str = "", pick: float = 0.0) -> Seek:
    return Seek(user, pick, match_id or f"m{user}", after)


def lobby_with(*people: int, absence_limit: float = 600.0) -> Playbook[Event, Effect]:
    book = Playbook[Event, Effect](Lobby(absence_limit=absence_limit))
    for user in people:
        book.at(0.0, Arrived(user))
    return book


def talk_of_ann_and_ben() -> Playbook[Event, Effect]:
    return (
        lobby_with(ANN, BEN, CAT)
        .at(0.0, seek(ANN), Agreed(ANN))
        .at(1.0, seek(BEN, "m"), Agreed(BEN), Matched("m", leader=BEN, follower=ANN))
    )


def test_two_who_seek_meet_at_once() -> None:
    talk_of_ann_and_ben().rests()


def test_chance_decides_who_leads() -> None:
    lobby_with(ANN, BEN).at(0.0, seek(ANN), Agreed(ANN)).at(
        0.0, seek(BEN, "m", pick=0.9), Agreed(BEN), Matched("m", leader=ANN, follower=BEN)
    )


def test_seeking_twice_and_seeking_in_a_talk_are_refused() -> None:
    talk_of_ann_and_ben().at(2.0, seek(ANN, "n"), Refused(ANN, Code.IN_A_TALK)).at(
        2.0, seek(CAT), Agreed(CAT)
    ).at(2.0, seek(CAT), Refused(CAT, Code.ALREADY_SEEKING))


def test_who_cancels_is_met_by_nobody() -> None:
    (
        lobby_with(ANN, BEN)
        .at(0.0, CancelSeek(ANN), Refused(ANN, Code.NOT_SEEKING))
        .at(0.0, seek(ANN), Agreed(ANN))
        .at(0.0, CancelSeek(ANN), Agreed(ANN))
        .at(0.0, seek(BEN), Agreed(BEN))
    )


def test_a_cancel_that_comes_after_the_match_is_refused() -> None:
    talk_of_ann_and_ben().at(1.0, CancelSeek(ANN), Refused(ANN, Code.ALREADY_MATCHED))


def test_hanging_up_ends_it_for_both_and_again_changes_nothing() -> None:
    (
        talk_of_ann_and_ben()
        .at(
            2.0,
            EndMatch(ANN, "m", EndReason.HUNG_UP),
            Agreed(ANN),
            MatchEnded(BEN, "m", EndReason.HUNG_UP),
        )
        .at(2.0, EndMatch(BEN, "m", EndReason.HUNG_UP), Agreed(BEN))
        .at(2.0, EndMatch(ANN, "m", EndReason.LOST), Agreed(ANN))
        .at(3.0, seek(ANN, "a"), Agreed(ANN))
        .at(3.0, seek(BEN, "n"), Agreed(BEN), Matched("n", leader=BEN, follower=ANN))
    )


def test_nobody_ends_the_match_of_others() -> None:
    book = talk_of_ann_and_ben().at(2.0, EndMatch(CAT, "m", EndReason.HUNG_UP), Agreed(CAT))
    assert isinstance(book.machine, Lobby)
    assert book.machine.match_of(ANN) == "m"
    assert book.machine.peer_of(ANN) == BEN


def test_who_was_left_waiting_is_first_in_line() -> None:
    (
        lobby_with(ANN, BEN, CAT, DAN, 5)
        .at(0.0, seek(ANN), Agreed(ANN))
        .at(1.0, seek(BEN, "m"), Agreed(BEN), Matched("m", leader=BEN, follower=ANN))
        .at(
            2.0,
            EndMatch(BEN, "m", EndReason.CANCELLED),
            Agreed(BEN),
            MatchEnded(ANN, "m", EndReason.CANCELLED),
        )
        # Ben waits in the rest, Ann in the front: they are kept apart, so both wait.
        .at(2.0, seek(BEN, after="m"), Agreed(BEN))
        .at(2.0, seek(ANN, after="m"), Agreed(ANN))
        .at(3.0, seek(CAT, "n", pick=0.99), Agreed(CAT), Matched("n", leader=ANN, follower=CAT))
        .at(3.0, seek(DAN, "o"), Agreed(DAN), Matched("o", leader=DAN, follower=BEN))
    )


def test_a_first_place_is_given_once_and_to_nobody_who_made_it_up() -> None:
    lobby = Lobby()
    book = Playbook[Event, Effect](lobby)
    for user in (ANN, BEN, CAT):
        book.at(0.0, Arrived(user))
    book.at(0.0, seek(ANN), Agreed(ANN))
    book.at(0.0, seek(BEN, "m"), Agreed(BEN), Matched("m", leader=BEN, follower=ANN))
    book.at(
        0.0,
        EndMatch(BEN, "m", EndReason.NO_SHOW),
        Agreed(BEN),
        MatchEnded(ANN, "m", EndReason.NO_SHOW),
    )
    book.at(0.0, seek(ANN, after="wrong"), Agreed(ANN))
    book.at(0.0, CancelSeek(ANN), Agreed(ANN))
    book.at(0.0, seek(ANN, after="m"), Agreed(ANN))  # it was spent on the wrong word
    book.at(0.0, seek(BEN, after="m"), Agreed(BEN))  # said no-show: innocent by the same word
    book.at(0.0, seek(CAT, "n"), Agreed(CAT), Matched("n", leader=CAT, follower=BEN))


def test_two_whose_match_fell_through_meet_again_only_after_a_while() -> None:
    (
        talk_of_ann_and_ben()
        .at(
            2.0,
            EndMatch(ANN, "m", EndReason.NO_SHOW),
            Agreed(ANN),
            MatchEnded(BEN, "m", EndReason.NO_SHOW),
        )
        .at(2.0, seek(ANN, "n", after="m"), Agreed(ANN))
        .at(2.0, seek(BEN, after="m"), Agreed(BEN))
        .when_due(2.0 + COOL_DOWN, Matched("n", leader=ANN, follower=BEN))
        .rests()
    )


def test_a_fresh_log_in_ends_the_talk_and_tells_the_peer() -> None:
    talk_of_ann_and_ben().at(2.0, Arrived(ANN), MatchEnded(BEN, "m", EndReason.LEFT)).at(
        2.0, seek(CAT, "n"), Agreed(CAT)
    )


def test_a_fresh_log_in_ends_the_search() -> None:
    lobby_with(ANN, BEN).at(0.0, seek(ANN), Agreed(ANN)).at(1.0, Arrived(ANN)).at(1.0, seek(BEN), Agreed(BEN))


def test_logging_out_ends_the_talk() -> None:
    talk_of_ann_and_ben().at(2.0, Left(ANN), MatchEnded(BEN, "m", EndReason.LEFT)).refused(
        2.0, seek(ANN), Code.INTERNAL, LocalProtocolError
    )


def test_who_drops_while_seeking_is_met_by_nobody() -> None:
    lobby_with(ANN, BEN).at(0.0, seek(ANN), Agreed(ANN)).at(1.0, Dropped(ANN)).at(1.0, Dropped(ANN)).at(
        1.0, seek(BEN), Agreed(BEN)
    ).rests()


def test_a_talk_outlives_a_dropped_connection() -> None:
    book = talk_of_ann_and_ben().at(2.0, Dropped(ANN)).wakes(602.0).at(500.0, Returned(ANN, "m"))
    assert isinstance(book.machine, Lobby)
    assert book.machine.match_of(ANN) == "m"
    book.rests()


def test_who_stays_away_too_long_is_given_up_and_the_peer_told() -> None:
    (
        talk_of_ann_and_ben()
        .at(2.0, Dropped(ANN))
        .when_due(602.0, MatchEnded(BEN, "m", EndReason.LOST))
        .at(603.0, seek(BEN), Agreed(BEN))
        .rests()
    )


def test_both_away_too_long_leave_nothing_behind() -> None:
    book = (
        talk_of_ann_and_ben()
        .at(2.0, Dropped(ANN))
        .at(2.0, Dropped(BEN))
        .when_due(602.0, MatchEnded(BEN, "m", EndReason.LOST))
    )
    assert isinstance(book.machine, Lobby)
    assert (book.machine.matches, book.machine.state(ANN), book.machine.state(BEN)) == (0, None, None)
    book.rests()


def test_who_was_away_when_it_ended_is_told_on_return() -> None:
    (
        talk_of_ann_and_ben()
        .at(2.0, Dropped(ANN))
        .at(
            3.0,
            EndMatch(BEN, "m", EndReason.HUNG_UP),
            Agreed(BEN),
            MatchEnded(ANN, "m", EndReason.HUNG_UP),
        )
        .at(4.0, Returned(ANN, "m"), MatchEnded(ANN, "m", EndReason.HUNG_UP))
        .at(5.0, seek(ANN), Agreed(ANN))
    )


def test_who_ended_a_match_is_not_believed_that_it_goes_on() -> None:
    (
        talk_of_ann_and_ben()
        .at(2.0, Arrived(ANN), MatchEnded(BEN, "m", EndReason.LEFT))
        .at(3.0, Returned(ANN, "m"), MatchEnded(ANN, "m", EndReason.LEFT))
        .at(3.0, Returned(BEN, "m"), MatchEnded(BEN, "m", EndReason.LEFT))
        .at(3.0, Returned(BEN, "m"), MatchEnded(BEN, "m", EndReason.LEFT))
    )


def test_a_talk_that_is_older_than_the_server_is_believed() -> None:
    lobby = Lobby()
    (
        Playbook[Event, Effect](lobby)
        .at(0.0, Returned(ANN, "old"))
        .at(0.0, seek(ANN), Refused(ANN, Code.IN_A_TALK))
        .at(1.0, Returned(BEN, "old"))
        .at(2.0, Returned(CAT, "old"), MatchEnded(CAT, "old", EndReason.LEFT))
        .at(
            3.0,
            EndMatch(ANN, "old", EndReason.HUNG_UP),
            Agreed(ANN),
            MatchEnded(BEN, "old", EndReason.HUNG_UP),
        )
    )
    assert [lobby.state(user) for user in (ANN, BEN, CAT)] == [SeatState.IDLE] * 3


def test_coming_back_with_another_match_ends_the_one_before() -> None:
    talk_of_ann_and_ben().at(2.0, Returned(ANN, "other"), MatchEnded(BEN, "m", EndReason.LEFT))


def test_a_stale_hint_is_struck_out_and_the_next_one_taken() -> None:
    lobby = Lobby()
    for user in (ANN, BEN, CAT):
        lobby.feed(Arrived(user), now=0.0)
    lobby.feed(seek(ANN), now=0.0)
    lobby._seats[ANN].stand()  # as if another node had taken it
    assert lobby.feed(seek(BEN), now=0.0) == [Agreed(BEN)]
    assert lobby.feed(seek(CAT, "n"), now=0.0) == [Agreed(CAT), Matched("n", leader=CAT, follower=BEN)]


def test_a_match_id_that_is_not_new_is_a_bug() -> None:
    with pytest.raises(LocalProtocolError):
        talk_of_ann_and_ben().machine.feed(seek(CAT, "m"), now=2.0)


def test_everybody_meets_everybody_equally_often() -> None:
    """Ten seek one after the other in random order: each of the 45 pairs is as likely as any other."""
    draw = random.Random(20261121)
    pairs: Counter[tuple[int, int]] = Counter()
    leads: Counter[int] = Counter()
    rounds = 4_000
    for number in range(rounds):
        lobby = Lobby()
        people = list(range(10))
        draw.shuffle(people)
        for user in people:
            lobby.feed(Arrived(user), now=0.0)
        for user in people:
            for effect in lobby.feed(Seek(user, draw.random(), f"{number}/{user}"), now=0.0):
                if isinstance(effect, Matched):
                    pairs[min(effect.leader, effect.follower), max(effect.leader, effect.follower)] += 1
                    leads[effect.leader] += 1
    expected = rounds * 5 / 45
    assert (
        sum((pairs[a, b] - expected) ** 2 / expected for b in range(10) for a in range(b)) < 82.0
    )  # 44 df, 0.9995
    assert sum((leads[a] - rounds / 2) ** 2 / (rounds / 2) for a in range(10)) < 31.0  # 9 df, 0.9997


class Histories(RuleBasedStateMachine):
    """Anything may happen in any order; what people were told has to stay true."""

    people = st.integers(0, 5)

    def __init__(self) -> None:
        super().__init__()
        self.lobby = Lobby(absence_limit=30.0)
        self.now = 0.0
        self.number = 0
        self.in_match: dict[int, str] = {}
        self.last_match: dict[int, str] = {}
        self.pairs: dict[str, set[int]] = {}
        self.apart: dict[frozenset[int], float] = {}
        self.logged_in: set[int] = set()

    def feed(self, event: Event | Tick) -> None:
        for effect in self.lobby.feed(event, now=self.now):
            match effect:
                case Matched(match_id, leader, follower):
                    assert leader != follower
                    for user in (leader, follower):
                        assert user not in self.in_match, "two matches"
                        self.in_match[user] = self.last_match[user] = match_id
                    assert self.apart.get(frozenset((leader, follower)), 0.0) <= self.now
                    self.pairs[match_id] = {leader, follower}
                case MatchEnded(user) if isinstance(event, Returned) and event.user == user:
                    pass  # told late of what ended before
                case MatchEnded(user, match_id, reason):
                    others = self.pairs.get(match_id, set()) - {user}
                    if reason in (EndReason.NO_SHOW, EndReason.CANCELLED):
                        for other in others:
                            self.apart[frozenset((user, other))] = self.now + COOL_DOWN
                    for person in (user, *others):
                        if self.in_match.get(person) == match_id:
                            del self.in_match[person]
                case _:
                    pass

    @rule(user=people)
    def arrives(self, user: int) -> None:
        self.logged_in.add(user)
        self.feed(Arrived(user))
        self.in_match.pop(user, None)

    @rule(user=people)
    def drops(self, user: int) -> None:
        self.logged_in.discard(user)
        self.feed(Dropped(user))

    @rule(user=people)
    def leaves(self, user: int) -> None:
        self.logged_in.discard(user)
        self.feed(Left(user))
        self.in_match.pop(user, None)

    @rule(user=people)
    def returns(self, user: int) -> None:
        self.logged_in.add(user)
        match_id = self.last_match.get(user, "unheard of" + str(user))
        self.feed(Returned(user, match_id))
        self.in_match.pop(user, None)
        if self.lobby.match_of(user) == match_id:  # one that had ended may be believed again
            self.in_match[user] = self.last_match[user] = match_id
            self.pairs.setdefault(match_id, set()).add(user)

    @precondition(lambda self: self.logged_in)
    @rule(data=st.data(), pick=st.floats(0, 1, exclude_max=True))
    def seeks(self, data: st.DataObject, pick: float) -> None:
        user = data.draw(st.sampled_from(sorted(self.logged_in)))
        self.number += 1
        self.feed(Seek(user, pick, f"m{self.number}", self.last_match.get(user, "")))

    @precondition(lambda self: self.logged_in)
    @rule(data=st.data())
    def cancels(self, data: st.DataObject) -> None:
        self.feed(CancelSeek(data.draw(st.sampled_from(sorted(self.logged_in)))))

    @precondition(lambda self: self.logged_in)
    @rule(data=st.data(), reason=st.sampled_from(EndReason))
    def ends(self, data: st.DataObject, reason: EndReason) -> None:
        user = data.draw(st.sampled_from(sorted(self.logged_in)))
        match_id = self.last_match.get(user, "none")
        self.feed(EndMatch(user, match_id, reason))
        if self.in_match.get(user) == match_id:
            del self.in_match[user]

    @rule(seconds=st.sampled_from([0.1, 5.0, 20.0]))
    def waits(self, seconds: float) -> None:
        until = self.now + seconds
        while (due := self.lobby.deadline) is not None and due <= until:
            self.now = max(self.now, due)
            self.feed(Tick())
            for user in set(range(6)) - self.logged_in:
                if self.lobby.state(user) is None:  # given up; if nobody else was there, nobody was told
                    self.in_match.pop(user, None)
        self.now = until

    @invariant()
    def seats_agree_with_what_people_were_told(self) -> None:
        for user in range(6):
            assert self.lobby.match_of(user) == self.in_match.get(user, "")
            peer = self.lobby.peer_of(user)
            assert peer is None or self.lobby.match_of(peer) == self.lobby.match_of(user)

    @invariant()
    def nobody_waits_while_another_waits_whom_they_may_meet(self) -> None:
        waiting = [user for user in range(6) if self.lobby.state(user) is SeatState.WAITING]
        assert len(waiting) == self.lobby.waiting
        for user in waiting:
            assert user in self.logged_in
            for other in waiting:
                kept_apart = other in self.lobby._avoid.get(user, ())
                assert user == other or kept_apart

    @invariant()
    def nobody_is_remembered_who_has_nothing_here(self) -> None:
        for user in range(6):
            if user not in self.logged_in and user not in self.in_match:
                assert self.lobby.state(user) is None
        assert self.lobby.matches == len(set(self.in_match.values()))


Histories.TestCase.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestHistories = Histories.TestCase
