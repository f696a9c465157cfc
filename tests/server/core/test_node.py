"""The node's script of every event, and its promises over random histories."""

import random
from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from floater.codes import Code
from floater.errors import LocalProtocolError
from floater.machine import Tick
from floater.wire.control import EndReason, Role
from floater.wire.endpoint import Candidate, CandidateKind
from floater.wire.nat import UNKNOWN_NAT
from server.core.events import (
    Agreed,
    CancelSeek,
    Dropped,
    Effect,
    EndMatch,
    Event,
    Left,
    Matched,
    MatchEnded,
    Moved,
    Opened,
    PeerCandidates,
    PeerOpened,
    Refused,
    Renamed,
    Request,
    Returned,
    Seek,
    UpdateCandidates,
)
from server.core.matching import COOL_DOWN
from server.core.node import Node
from server.core.seat import SeatState
from tests.helpers.nodes import SettledNode, a_side, ongoing, peer_of, state_of, waiting
from tests.helpers.playbook import Playbook

ANN, BEN, CAT, DAN = 1, 2, 3, 4


def asked(user: int) -> Request:
    return Request(user, 1, 7)


def seek(user: int, match_id: str = "", after: str = "", pick: float = 0.0) -> Seek:
    return Seek(asked(user), a_side(f"user {user}"), pick, match_id or f"m{user}", after)


def cancel(user: int) -> CancelSeek:
    return CancelSeek(asked(user))


def end(user: int, match_id: str, reason: EndReason) -> EndMatch:
    return EndMatch(asked(user), match_id, reason)


def agreed(user: int) -> Agreed:
    return Agreed(asked(user))


def refused(user: int, code: Code) -> Refused:
    return Refused(asked(user), code)


def matched(
    match_id: str, *, leader: int, follower: int, caller: int, issued: float = 0.0
) -> tuple[Effect, Effect]:
    """The news for both: first for the seat that was asked, then for the one that looked for a partner."""
    told = {
        user: Matched(
            match_id,
            user,
            role,
            a_side(f"user {user}"),
            a_side(f"user {peer}"),
            (),
            UNKNOWN_NAT,
            False,
            issued,
        )
        for user, peer, role in ((leader, follower, Role.LEADER), (follower, leader, Role.FOLLOWER))
    }
    callee = follower if caller == leader else leader
    return told[callee], told[caller]


def back(user: int, *match_ids: str) -> Returned:
    """The first match is with a stranger."""
    return Returned(user, match_ids, "203.0.113.1", match_ids[0] if match_ids else "")


def a_node(absence_limit: float = 600.0) -> tuple[Node, Playbook[Event, Effect]]:
    node = Node(absence_limit=absence_limit, local=True)
    return node, Playbook[Event, Effect](SettledNode(node))


def node_with(*people: int, absence_limit: float = 600.0) -> Playbook[Event, Effect]:
    _, book = a_node(absence_limit)
    for user in people:
        book.at(0.0, Returned(user, (), ""))
    return book


def node_of(book: Playbook[Event, Effect]) -> Node:
    assert isinstance(book.machine, SettledNode)
    return book.machine.node


def talk_of_ann_and_ben() -> Playbook[Event, Effect]:
    return (
        node_with(ANN, BEN, CAT)
        .at(0.0, seek(ANN), agreed(ANN))
        .at(1.0, seek(BEN, "m"), agreed(BEN), *matched("m", leader=BEN, follower=ANN, caller=BEN))
    )


def test_two_who_seek_meet_at_once() -> None:
    talk_of_ann_and_ben().rests()


def test_chance_decides_who_leads() -> None:
    node_with(ANN, BEN).at(0.0, seek(ANN), agreed(ANN)).at(
        0.0, seek(BEN, "m", pick=0.9), agreed(BEN), *matched("m", leader=ANN, follower=BEN, caller=BEN)
    )


def test_seeking_twice_and_seeking_in_a_talk_are_refused() -> None:
    talk_of_ann_and_ben().at(2.0, seek(ANN, "n"), refused(ANN, Code.IN_A_TALK)).at(
        2.0, seek(CAT), agreed(CAT)
    ).at(2.0, seek(CAT), refused(CAT, Code.ALREADY_SEEKING))


def test_who_cancels_is_met_by_nobody() -> None:
    (
        node_with(ANN, BEN)
        .at(0.0, cancel(ANN), refused(ANN, Code.NOT_SEEKING))
        .at(0.0, seek(ANN), agreed(ANN))
        .at(0.0, cancel(ANN), agreed(ANN))
        .at(0.0, seek(BEN), agreed(BEN))
    )


def test_a_cancel_that_comes_after_the_match_is_refused() -> None:
    talk_of_ann_and_ben().at(1.0, cancel(ANN), refused(ANN, Code.ALREADY_MATCHED))


def test_hanging_up_ends_it_for_both_and_again_changes_nothing() -> None:
    (
        talk_of_ann_and_ben()
        .at(
            2.0,
            end(ANN, "m", EndReason.HUNG_UP),
            agreed(ANN),
            MatchEnded(BEN, "m", EndReason.HUNG_UP),
        )
        .at(2.0, end(BEN, "m", EndReason.HUNG_UP), agreed(BEN))
        .at(2.0, end(ANN, "m", EndReason.LOST), agreed(ANN))
        .at(3.0, seek(ANN, "a"), agreed(ANN))
        .at(3.0, seek(BEN, "n"), agreed(BEN), *matched("n", leader=BEN, follower=ANN, caller=BEN))
    )


def test_nobody_ends_the_match_of_others() -> None:
    book = talk_of_ann_and_ben().at(2.0, end(CAT, "m", EndReason.HUNG_UP), agreed(CAT))
    assert node_of(book).match_of(ANN) == "m"
    assert peer_of(node_of(book), ANN) == BEN


def test_who_was_left_waiting_is_first_in_line() -> None:
    (
        node_with(ANN, BEN, CAT, DAN, 5)
        .at(0.0, seek(ANN), agreed(ANN))
        .at(1.0, seek(BEN, "m"), agreed(BEN), *matched("m", leader=BEN, follower=ANN, caller=BEN))
        .at(
            2.0,
            end(BEN, "m", EndReason.CANCELLED),
            agreed(BEN),
            MatchEnded(ANN, "m", EndReason.CANCELLED),
        )
        # Ben waits in the rest, Ann in the front: they are kept apart, so both wait.
        .at(2.0, seek(BEN, after="m"), agreed(BEN))
        .at(2.0, seek(ANN, after="m"), agreed(ANN))
        .at(3.0, seek(CAT, "n", pick=0.99), agreed(CAT), *matched("n", leader=ANN, follower=CAT, caller=CAT))
        .at(3.0, seek(DAN, "o"), agreed(DAN), *matched("o", leader=DAN, follower=BEN, caller=DAN))
    )


def test_a_first_place_is_given_once_and_to_nobody_who_made_it_up() -> None:
    book = node_with(ANN, BEN, CAT)
    book.at(0.0, seek(ANN), agreed(ANN))
    book.at(0.0, seek(BEN, "m"), agreed(BEN), *matched("m", leader=BEN, follower=ANN, caller=BEN))
    book.at(
        0.0,
        end(BEN, "m", EndReason.NO_SHOW),
        agreed(BEN),
        MatchEnded(ANN, "m", EndReason.NO_SHOW),
    )
    book.at(0.0, seek(ANN, after="wrong"), agreed(ANN))
    book.at(0.0, cancel(ANN), agreed(ANN))
    book.at(0.0, seek(ANN, after="m"), agreed(ANN))  # it was spent on the wrong word
    book.at(0.0, seek(BEN, after="m"), agreed(BEN))  # said no-show: innocent by the same word
    book.at(0.0, seek(CAT, "n"), agreed(CAT), *matched("n", leader=CAT, follower=BEN, caller=CAT))


def test_two_whose_match_fell_through_meet_again_only_after_a_while() -> None:
    (
        talk_of_ann_and_ben()
        .at(
            2.0,
            end(ANN, "m", EndReason.NO_SHOW),
            agreed(ANN),
            MatchEnded(BEN, "m", EndReason.NO_SHOW),
        )
        .at(2.0, seek(ANN, "n", after="m"), agreed(ANN))
        .at(2.0, seek(BEN, after="m"), agreed(BEN))
        .when_due(2.0 + COOL_DOWN, *matched("n", leader=ANN, follower=BEN, caller=ANN, issued=10.0))
        .rests()
    )


def test_a_fresh_log_in_ends_the_talk_and_tells_the_peer() -> None:
    talk_of_ann_and_ben().at(2.0, Returned(ANN, (), ""), MatchEnded(BEN, "m", EndReason.LEFT)).at(
        2.0, seek(CAT, "n"), agreed(CAT)
    )


def test_a_fresh_log_in_ends_the_search() -> None:
    node_with(ANN, BEN).at(0.0, seek(ANN), agreed(ANN)).at(1.0, Returned(ANN, (), "")).at(
        1.0, seek(BEN), agreed(BEN)
    )


def test_logging_out_ends_the_talk() -> None:
    talk_of_ann_and_ben().at(2.0, Left(ANN), MatchEnded(BEN, "m", EndReason.LEFT)).refused(
        2.0, seek(ANN), Code.INTERNAL, LocalProtocolError
    )


def test_who_drops_while_seeking_is_met_by_nobody() -> None:
    node_with(ANN, BEN).at(0.0, seek(ANN), agreed(ANN)).at(1.0, Dropped(ANN)).at(1.0, Dropped(ANN)).at(
        1.0, seek(BEN), agreed(BEN)
    ).rests()


def test_a_talk_outlives_a_dropped_connection() -> None:
    book = talk_of_ann_and_ben().at(2.0, Dropped(ANN)).wakes(602.0).at(500.0, back(ANN, "m"))
    assert node_of(book).match_of(ANN) == "m"
    book.rests()


def test_who_stays_away_too_long_is_given_up_and_the_peer_told() -> None:
    (
        talk_of_ann_and_ben()
        .at(2.0, Dropped(ANN))
        .when_due(602.0, MatchEnded(BEN, "m", EndReason.LOST))
        .at(603.0, seek(BEN), agreed(BEN))
        .rests()
    )


def test_both_away_too_long_leave_nothing_behind() -> None:
    book = (
        talk_of_ann_and_ben()
        .at(2.0, Dropped(ANN))
        .at(2.0, Dropped(BEN))
        .when_due(602.0, MatchEnded(BEN, "m", EndReason.LOST))
    )
    node = node_of(book)
    assert (ongoing(node), state_of(node, ANN), state_of(node, BEN)) == (0, None, None)
    book.rests()


def test_who_was_away_when_it_ended_is_told_on_return() -> None:
    (
        talk_of_ann_and_ben()
        .at(2.0, Dropped(ANN))
        .at(
            3.0,
            end(BEN, "m", EndReason.HUNG_UP),
            agreed(BEN),
            MatchEnded(ANN, "m", EndReason.HUNG_UP),
        )
        .at(4.0, back(ANN, "m"), MatchEnded(ANN, "m", EndReason.HUNG_UP))
        .at(5.0, seek(ANN), agreed(ANN))
    )


def test_who_ended_a_match_is_not_believed_that_it_goes_on() -> None:
    (
        talk_of_ann_and_ben()
        .at(2.0, Returned(ANN, (), ""), MatchEnded(BEN, "m", EndReason.LEFT))
        .at(3.0, back(ANN, "m"), MatchEnded(ANN, "m", EndReason.LEFT))
        .at(3.0, back(BEN, "m"), MatchEnded(BEN, "m", EndReason.LEFT))
        .at(3.0, back(BEN, "m"), MatchEnded(BEN, "m", EndReason.LEFT))
    )


def test_a_talk_that_is_older_than_the_server_is_believed() -> None:
    node, book = a_node()
    (
        book.at(0.0, back(ANN, "old"))
        .at(0.0, seek(ANN), refused(ANN, Code.IN_A_TALK))
        .at(1.0, back(BEN, "old"))
        .at(2.0, back(CAT, "old"), MatchEnded(CAT, "old", EndReason.LEFT))
        .at(
            3.0,
            end(ANN, "old", EndReason.HUNG_UP),
            agreed(ANN),
            MatchEnded(BEN, "old", EndReason.HUNG_UP),
        )
    )
    assert [state_of(node, user) for user in (ANN, BEN, CAT)] == [SeatState.IDLE] * 3


def test_coming_back_with_another_match_ends_the_one_before() -> None:
    talk_of_ann_and_ben().at(2.0, back(ANN, "other"), MatchEnded(BEN, "m", EndReason.LEFT))


@pytest.mark.parametrize("stranger", ["contact's", "stranger's", ""])
def test_of_matches_that_are_older_than_the_server_the_stranger_s_alone_takes_the_seat(stranger: str) -> None:
    node, book = a_node()
    names = ("contact's", "stranger's")
    book.at(0.0, Returned(ANN, names, "", stranger))
    assert node.match_of(ANN) == stranger
    assert [node.is_over(name, ANN) for name in names] == [False, False]
    answer = refused(ANN, Code.IN_A_TALK) if stranger else agreed(ANN)
    book.at(1.0, seek(ANN), answer)


def test_a_match_that_is_not_the_account_s_own_takes_no_seat() -> None:
    book = talk_of_ann_and_ben().at(2.0, back(CAT, "m"), MatchEnded(CAT, "m", EndReason.LEFT))
    assert node_of(book).match_of(CAT) == ""


def test_a_stale_hint_is_struck_out_and_the_next_one_taken() -> None:
    node, book = a_node()
    for user in (ANN, BEN, CAT):
        book.at(0.0, Returned(user, (), ""))
    book.at(0.0, seek(ANN), agreed(ANN))
    node._strangers._seats[ANN].stand()  # as if another node had taken it
    book.at(0.0, seek(BEN), agreed(BEN))
    book.at(0.0, seek(CAT, "n"), agreed(CAT), *matched("n", leader=CAT, follower=BEN, caller=CAT))


def test_who_has_moved_to_another_node_is_forgotten_and_the_peer_is_not_told() -> None:
    book = talk_of_ann_and_ben().at(2.0, Moved(ANN)).at(2.0, Moved(ANN)).at(2.0, Left(DAN))
    node = node_of(book)
    assert (state_of(node, ANN), node.match_of(BEN), ongoing(node)) == (None, "m", 1)
    book.at(3.0, end(BEN, "m", EndReason.HUNG_UP), agreed(BEN))


def test_a_new_name_is_what_the_next_stranger_sees() -> None:
    book = node_with(ANN, BEN).at(0.0, seek(ANN), agreed(ANN)).at(0.0, Renamed(ANN, "Anna"))
    assert waiting(node_of(book)) == 1
    came = book.machine.feed(seek(BEN, "m"), now=0.0)
    assert [effect.peer.username for effect in came if isinstance(effect, Matched)] == ["user 2", "Anna"]


HERE = Candidate(CandidateKind.PRIVATE, "127.0.0.1", 40_000)


def update(user: int, match_id: str, *candidates: Candidate) -> UpdateCandidates:
    return UpdateCandidates(asked(user), match_id, candidates, UNKNOWN_NAT, "127.0.0.1", ())


def talk_on_one_computer() -> Playbook[Event, Effect]:
    """Both say by their first update that they are on this computer."""
    book = talk_of_ann_and_ben().at(2.0, update(BEN, "m"), agreed(BEN))
    return book.at(2.0, update(ANN, "m", HERE), agreed(ANN), PeerCandidates("m", BEN, (HERE,), UNKNOWN_NAT))


def test_candidates_and_open_nats_are_told_to_the_peer_in_a_match_alone() -> None:
    (
        talk_on_one_computer()
        .at(2.0, update(CAT, "m", HERE), refused(CAT, Code.NO_SUCH_MATCH))
        .at(2.0, Opened(asked(ANN), "m", 0), agreed(ANN), PeerOpened("m", BEN, 0))
        .at(2.0, Opened(asked(ANN), "n", 1), refused(ANN, Code.NO_SUCH_MATCH))
    )


def test_who_comes_back_is_told_where_the_peer_is() -> None:
    (
        talk_on_one_computer()
        .at(3.0, Dropped(BEN))
        .at(4.0, Returned(BEN, ("m",), "127.0.0.1"), PeerCandidates("m", BEN, (HERE,), UNKNOWN_NAT))
    )


def test_a_client_does_not_say_what_a_server_alone_says() -> None:
    talk_of_ann_and_ben().at(2.0, end(ANN, "m", EndReason.LEFT), refused(ANN, Code.BAD_FIELD))


def test_who_says_that_several_talks_go_on_is_believed_and_seeks_when_the_first_is_over() -> None:
    (
        node_with(BEN)
        .at(0.0, back(ANN, "old", "other"))
        .at(0.0, seek(ANN), refused(ANN, Code.IN_A_TALK))
        .at(1.0, end(ANN, "old", EndReason.HUNG_UP), agreed(ANN))
        .at(1.0, seek(ANN), agreed(ANN))
        .at(1.0, back(BEN, "other"))
        .at(
            2.0,
            end(BEN, "other", EndReason.HUNG_UP),
            agreed(BEN),
            MatchEnded(ANN, "other", EndReason.HUNG_UP),
        )
    )


def test_a_match_id_that_is_not_new_is_a_bug() -> None:
    with pytest.raises(LocalProtocolError):
        talk_of_ann_and_ben().machine.feed(seek(CAT, "m"), now=2.0)


@pytest.mark.search
def test_everybody_meets_everybody_equally_often() -> None:
    """Ten seek one after the other in random order: each of the 45 pairs is as likely as any other."""
    draw = random.Random(20261121)
    pairs: Counter[tuple[int, int]] = Counter()
    leads: Counter[int] = Counter()
    rounds = 4_000
    for number in range(rounds):
        node = SettledNode(Node())
        people = list(range(10))
        draw.shuffle(people)
        for user in people:
            node.feed(Returned(user, (), ""), now=0.0)
        for user in people:
            for effect in node.feed(seek(user, f"{number}/{user}", pick=draw.random()), now=0.0):
                if isinstance(effect, Matched) and effect.role is Role.LEADER:
                    peer = peer_of(node.node, effect.user)
                    assert peer is not None
                    pairs[min(effect.user, peer), max(effect.user, peer)] += 1
                    leads[effect.user] += 1
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
        self.node = Node(absence_limit=30.0)
        self.machine = SettledNode(self.node)
        self.now = 0.0
        self.number = 0
        self.in_match: dict[int, str] = {}
        self.last_match: dict[int, str] = {}
        self.pairs: dict[str, set[int]] = {}
        self.apart: dict[frozenset[int], float] = {}
        self.logged_in: set[int] = set()

    def feed(self, event: Event | Tick) -> None:
        for effect in self.machine.feed(event, now=self.now):
            match effect:
                case Matched(match_id, user):
                    peer = peer_of(self.node, user)
                    assert peer is not None
                    assert peer != user
                    assert user not in self.in_match, "two matches"
                    self.in_match[user] = self.last_match[user] = match_id
                    assert self.apart.get(frozenset((user, peer)), 0.0) <= self.now
                    self.pairs[match_id] = {user, peer}
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
        self.feed(Returned(user, (), ""))
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
        self.feed(back(user, match_id))
        self.in_match.pop(user, None)
        if self.node.match_of(user) == match_id:  # one that had ended may be believed again
            self.in_match[user] = self.last_match[user] = match_id
            self.pairs.setdefault(match_id, set()).add(user)

    @precondition(lambda self: self.logged_in)
    @rule(data=st.data(), pick=st.floats(0, 1, exclude_max=True))
    def seeks(self, data: st.DataObject, pick: float) -> None:
        user = data.draw(st.sampled_from(sorted(self.logged_in)))
        self.number += 1
        self.feed(seek(user, f"m{self.number}", self.last_match.get(user, ""), pick))

    @precondition(lambda self: self.logged_in)
    @rule(data=st.data())
    def cancels(self, data: st.DataObject) -> None:
        self.feed(cancel(data.draw(st.sampled_from(sorted(self.logged_in)))))

    @precondition(lambda self: self.logged_in)
    @rule(data=st.data(), reason=st.sampled_from(EndReason))
    def ends(self, data: st.DataObject, reason: EndReason) -> None:
        user = data.draw(st.sampled_from(sorted(self.logged_in)))
        match_id = self.last_match.get(user, "none")
        self.feed(end(user, match_id, reason))
        if self.in_match.get(user) == match_id and reason is not EndReason.LEFT:  # which is refused
            del self.in_match[user]

    @rule(seconds=st.sampled_from([0.1, 5.0, 20.0]))
    def waits(self, seconds: float) -> None:
        until = self.now + seconds
        while (due := self.node.deadline) is not None and due <= until:
            self.now = max(self.now, due)
            self.feed(Tick())
            for user in set(range(6)) - self.logged_in:
                if state_of(self.node, user) is None:  # given up; if nobody else was there, nobody was told
                    self.in_match.pop(user, None)
        self.now = until

    @invariant()
    def seats_agree_with_what_people_were_told(self) -> None:
        for user in range(6):
            assert self.node.match_of(user) == self.in_match.get(user, "")
            peer = peer_of(self.node, user)
            assert peer is None or self.node.match_of(peer) == self.node.match_of(user)

    @invariant()
    def nobody_waits_while_another_waits_whom_they_may_meet(self) -> None:
        here = [user for user in range(6) if state_of(self.node, user) is SeatState.WAITING]
        assert len(here) == waiting(self.node)
        for user in here:
            assert user in self.logged_in
            for other in here:
                kept_apart = other in self.node._strangers._matching._avoid.get(user, ())
                assert user == other or kept_apart

    @invariant()
    def nobody_is_remembered_who_has_nothing_here(self) -> None:
        for user in range(6):
            if user not in self.logged_in and user not in self.in_match:
                assert state_of(self.node, user) is None
        assert ongoing(self.node) == len(set(self.in_match.values()))


Histories.TestCase.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestHistories = Histories.TestCase


def test_a_match_that_a_log_in_names_twice_is_one_match() -> None:
    node = Node()
    node.feed(back(ANN, "x", "y", "x"), now=0.0)
    assert ongoing(node) == 2
    node.feed(back(BEN, "x"), now=0.1)
    node.feed(Left(ANN), now=0.2)
    node.feed(Left(BEN), now=0.3)
    assert ongoing(node) == 0
    node.feed(back(BEN, "x", "y"), now=0.4)
