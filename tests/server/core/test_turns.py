from hypothesis import given, settings
from hypothesis import strategies as st

from server.core.turns import Turns


def test_the_sites_take_turns() -> None:
    turns: Turns[str] = Turns(places=100, share=4)
    for site, one in ((b"a", "a1"), (b"a", "a2"), (b"a", "a3"), (b"b", "b1"), (b"c", "c1")):
        assert turns.join(site, one) is None
    assert [turns.next() for _ in range(6)] == ["a1", "b1", "c1", "a2", "a3", None]


def test_a_site_has_its_share_once_half_of_the_places_are_taken() -> None:
    turns: Turns[int] = Turns(places=10, share=4)
    answers = [turns.join(b"a", number) for number in range(8)]
    assert answers == [None] * 5 + [5, 6, 7]
    assert turns.join(b"b", 8) is None
    assert turns.join(b"", 9) is None


def test_the_last_of_the_site_that_holds_most_gives_way_to_another_site() -> None:
    turns: Turns[int] = Turns(places=4, share=4)
    assert [turns.join(b"", number) for number in range(4)] == [None] * 4
    assert turns.join(b"b", 4) == 3
    assert turns.join(b"", 5) == 5
    assert [turns.next() for _ in range(4)] == [0, 4, 1, 2]


def test_one_that_does_not_wait_any_more_has_no_turn() -> None:
    turns: Turns[int] = Turns(places=4, share=4)
    turns.join(b"a", 1)
    turns.join(b"a", 2)
    turns.leave(b"a", 1)
    turns.leave(b"a", 1)
    turns.leave(b"b", 1)
    assert (len(turns), turns.next(), turns.next()) == (1, 2, None)


def test_nothing_waits_where_there_are_no_places() -> None:
    turns: Turns[int] = Turns(places=0, share=4)
    assert turns.join(b"a", 1) == 1
    assert turns.join(b"", 1) == 1


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c", b""]), st.booleans(), st.booleans()), max_size=60)
)
def test_the_queue_never_grows_beyond_its_places_and_loses_none(
    steps: list[tuple[bytes, bool, bool]],
) -> None:
    turns: Turns[int] = Turns(places=5, share=2)
    here: set[int] = set()
    for number, (site, is_served, is_known) in enumerate(steps):
        loser = turns.join(site, number, is_known=is_known)
        here.add(number)
        if loser is not None:
            here.remove(loser)
        if is_served and (served := turns.next()) is not None:
            here.remove(served)
        assert len(turns) == len(here) <= 5
    while (served := turns.next()) is not None:
        here.remove(served)
    assert not here


def test_a_known_one_finds_a_place_in_a_full_queue_and_its_turn_is_the_next() -> None:
    turns = Turns[int](places=4, share=2)
    for one in range(4):
        assert turns.join(b"%d" % one, one) is None
    assert turns.join(b"new", 4) == 4
    assert turns.join(b"new", 5, is_known=True) == 0
    assert turns.join(b"other", 6, is_known=True) == 1
    assert turns.join(b"third", 7, is_known=True) == 7  # half of the places are theirs, no more
    assert len(turns) == 4
    assert [turns.next() for _ in range(5)] == [5, 2, 6, 3, None]


def test_known_ones_have_every_second_turn_alone() -> None:
    turns = Turns[int](places=10, share=4)
    for one in range(3):
        turns.join(b"known", one, is_known=True)
        turns.join(b"unknown", 10 + one)
    turns.leave(b"known", 1)
    assert [turns.next() for _ in range(6)] == [0, 10, 2, 11, 12, None]
