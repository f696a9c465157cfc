"""What one side of a match may know of the other, and when it hears of it."""

from dataclasses import replace

import pytest

from floater.codes import Code
from floater.wire import control
from floater.wire.control import Role
from floater.wire.endpoint import Candidate, CandidateKind, Endpoint
from floater.wire.nat import UNKNOWN_NAT, Mapping, Nat
from server.core.events import (
    Agreed,
    HasOpened,
    Matched,
    Opened,
    PeerCandidates,
    PeerOpened,
    Refused,
    Request,
    Send,
    SideChanged,
    UpdateCandidates,
)
from server.core.pairing import Paired
from server.core.pool import Hint
from server.core.rates import Rate
from server.core.side import Side
from server.core.sides import Sides, side_of

ANN, BEN = 1, 2
HOST, OTHER_HOST = "203.0.113.1", "203.0.113.2"
SEEN = Endpoint(OTHER_HOST, 40_000)
PUBLIC = Candidate(CandidateKind.PUBLIC, *SEEN)
PRIVATE = Candidate(CandidateKind.PRIVATE, "192.168.1.5", 40_000)
LIE = Candidate(CandidateKind.PUBLIC, "198.51.100.1", 40_000)
OPEN = Nat(Mapping.OPEN)
GUESSED = Nat(Mapping.PORT_DEPENDENT, ports=(40_000, 50_000))
ASKED = Request(ANN, 1, 7)


def a_side(name: str, host: str = HOST, *candidates: Candidate, hides: bool = False) -> Side:
    return Side(name, "en", b"certificate", candidates, host, OPEN, hides)


def begun(own: Side, peer: Side, *, forward_private: bool = False) -> tuple[Sides, Matched]:
    sides = Sides(forward_private=forward_private)
    return sides, sides.begin(Paired("m", ANN, Hint(BEN, 6, "there"), Role.LEADER, own, peer, 77.0), now=0.0)


def test_the_two_are_introduced_with_what_they_may_know() -> None:
    own, peer = a_side("ann"), a_side("ben", OTHER_HOST, PUBLIC, PRIVATE)
    sides, matched = begun(own, peer)
    assert matched == Matched(
        "m", ANN, Role.LEADER, own, peer, (PUBLIC,), OPEN, relay_only=False, issued=77.0
    )
    assert len(sides) == 1
    sides.end("m", ANN)
    sides.end("m", ANN)
    assert len(sides) == 0


def test_private_addresses_are_told_where_the_operator_says_so() -> None:
    _, matched = begun(a_side("ann"), a_side("ben", OTHER_HOST, PUBLIC, PRIVATE), forward_private=True)
    assert matched.candidates == (PUBLIC, PRIVATE)


@pytest.mark.parametrize("who", ["ann", "ben"])
def test_if_either_hides_neither_is_told_anything(who: str) -> None:
    own = a_side("ann", hides=who == "ann")
    peer = a_side("ben", OTHER_HOST, PUBLIC, hides=who == "ben")
    sides, matched = begun(own, peer)
    assert (matched.candidates, matched.nat, matched.relay_only) == ((), UNKNOWN_NAT, True)
    assert sides.hear(SideChanged("m", BEN, peer, tell=True), now=0.0) == []
    assert sides.hear(HasOpened("m", BEN, 0), now=0.0) == []


def test_new_candidates_go_to_the_peer_s_node_as_far_as_they_are_believed() -> None:
    sides, _ = begun(a_side("ann"), a_side("ben"))
    event = UpdateCandidates(ASKED, "m", (PUBLIC, LIE), UNKNOWN_NAT, OTHER_HOST, {SEEN})
    changed = Side("ann", "en", b"certificate", (PUBLIC,), OTHER_HOST, UNKNOWN_NAT, hides=False)
    assert sides.update(event, now=0.0) == [
        Agreed(ASKED, Code.BAD_CANDIDATE),
        Send("there", SideChanged("m", ANN, changed, tell=True)),
    ]


def test_a_lie_is_told_once_a_match_and_sixteen_updates_in_ten_minutes_are_passed_on() -> None:
    sides, _ = begun(a_side("ann"), a_side("ben"))
    event = UpdateCandidates(ASKED, "m", (PUBLIC, LIE), UNKNOWN_NAT, OTHER_HOST, {SEEN})
    answers = [sides.update(event, now=float(second)) for second in range(100)]
    assert answers[0][0] == Agreed(ASKED, Code.BAD_CANDIDATE)
    assert [answer[0] for answer in answers[1:16]] == [Agreed(ASKED)] * 15
    assert answers[16:] == [[Refused(ASKED, Code.TOO_MANY_TRIES)]] * 84
    assert sides.update(event, now=600.0)[0] == Agreed(ASKED)


def test_openings_are_passed_on_thirty_two_times_in_ten_minutes() -> None:
    sides, _ = begun(a_side("ann"), a_side("ben"))
    answers = [sides.open(Opened(ASKED, "m", punch), now=1.0) for punch in range(40)]
    assert [answer[0] for answer in answers[:32]] == [Agreed(ASKED)] * 32
    assert answers[32:] == [[Refused(ASKED, Code.TOO_MANY_TRIES)]] * 8


def test_new_candidates_of_one_who_hides_go_nowhere() -> None:
    sides, _ = begun(a_side("ann", hides=True), a_side("ben"))
    event = UpdateCandidates(ASKED, "m", (PUBLIC,), OPEN, OTHER_HOST, {SEEN})
    assert sides.update(event, now=0.0) == [Agreed(ASKED)]


def test_nothing_is_known_of_a_match_that_is_older_than_the_server() -> None:
    sides = Sides()
    event = UpdateCandidates(ASKED, "m", (PUBLIC,), OPEN, OTHER_HOST, {SEEN})
    assert sides.update(event, now=0.0) == [Agreed(ASKED)]
    assert sides.open(Opened(ASKED, "m", 0), now=0.0) == [Agreed(ASKED)]
    assert sides.move("m", ANN, HOST, now=0.0) == []
    assert sides.hear(HasOpened("m", BEN, 0), now=0.0) == []


def test_the_peer_s_new_candidates_are_told() -> None:
    sides, _ = begun(a_side("ann"), a_side("ben"))
    moved = a_side("ben", OTHER_HOST, PUBLIC)
    assert sides.hear(SideChanged("m", ANN, moved, tell=True), now=0.0) == []  # it is our own
    assert sides.hear(SideChanged("m", BEN, moved, tell=True), now=0.0) == [
        PeerCandidates("m", ANN, (PUBLIC,), OPEN)
    ]


def test_who_comes_back_is_told_where_the_peer_is_and_the_peer_s_node_where_they_are() -> None:
    sides, _ = begun(a_side("ann"), a_side("ben"))
    assert sides.hear(SideChanged("m", BEN, a_side("ben", OTHER_HOST, PUBLIC), tell=False), now=0.0) == []
    assert sides.move("m", ANN, OTHER_HOST, now=0.0) == [
        Send("there", SideChanged("m", ANN, a_side("ann", OTHER_HOST), tell=False)),
        PeerCandidates("m", ANN, (PUBLIC,), OPEN),
    ]


def test_an_open_nat_is_told_once_for_each_punch_and_to_those_alone_who_know_the_peer() -> None:
    sides, _ = begun(a_side("ann"), a_side("ben"))
    assert sides.open(Opened(ASKED, "m", 3), now=0.0) == [
        Agreed(ASKED),
        Send("there", HasOpened("m", ANN, 3)),
    ]
    assert sides.hear(HasOpened("m", BEN, 1), now=0.0) == []  # no candidate is known
    sides.hear(SideChanged("m", BEN, a_side("ben", OTHER_HOST, PUBLIC), tell=True), now=0.0)
    heard = [sides.hear(HasOpened("m", BEN, punch), now=0.0) for punch in (1, 1, 0, 2)]
    assert heard == [[PeerOpened("m", ANN, 1)], [], [], [PeerOpened("m", ANN, 2)]]


def test_what_a_search_brings_is_what_is_believed_of_it() -> None:
    wish = control.Seek(1, bytes(64), (PUBLIC, LIE), OPEN, language="zh")
    side, notice = side_of(wish, username="ann", host=OTHER_HOST, seen={SEEN}, relay="relay:1")
    assert side == Side("ann", "zh", bytes(64), (PUBLIC,), OTHER_HOST, OPEN, hides=False, relay="relay:1")
    assert notice == Code.BAD_CANDIDATE


def test_who_hides_brings_no_candidates_and_is_not_told_off() -> None:
    wish = control.Seek(1, bytes(64), (PUBLIC, LIE), OPEN, hide_address=True)
    side, notice = side_of(wish, username="ann", host=OTHER_HOST, seen={SEEN})
    assert (side.candidates, side.hides, notice) == ((), True, "")


def test_the_seventh_stranger_in_ten_minutes_is_led_to_guess_no_ports_of_an_address() -> None:
    sides = Sides(wave_limit=Rate(6, 600.0))
    own = a_side("ann")
    peer = replace(a_side("ben", OTHER_HOST, PUBLIC), nat=GUESSED)

    def meet(user: int, now: float) -> Matched:
        hint = Hint(BEN, user, "there")
        return sides.begin(Paired(f"m{user}", user, hint, Role.LEADER, own, peer, 0.0), now=now)

    told = [meet(user, float(user)) for user in range(10, 17)]
    assert [matched.nat for matched in told] == [GUESSED] * 6 + [UNKNOWN_NAT]
    assert {matched.candidates for matched in told} == {(PUBLIC,)}
    # What is told in the course of a match counts, too, and the first place is free after ten minutes.
    news = SideChanged("m16", BEN, peer, tell=True)
    assert sides.hear(news, now=17.0) == [PeerCandidates("m16", 16, (PUBLIC,), UNKNOWN_NAT)]
    assert sides.move("m16", 16, HOST, now=610.0)[1:] == [PeerCandidates("m16", 16, (PUBLIC,), GUESSED)]
