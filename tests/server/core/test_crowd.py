from hypothesis import given
from hypothesis import strategies as st

from server.core.crowd import Crowd


def test_the_oldest_of_the_key_that_holds_most_is_found() -> None:
    crowd: Crowd[int] = Crowd()
    assert crowd.oldest_of_most() is None
    for number, key in enumerate((b"a", b"b", b"b", b"a", b"b")):
        crowd.add(key, number)
    assert (len(crowd), crowd.count(b"b"), crowd.count(b"c")) == (5, 3, 0)
    assert (crowd.oldest_of_most(), crowd.oldest(b"a"), crowd.oldest(b"c")) == (1, 0, None)
    crowd.remove(b"b", 1)
    crowd.remove(b"b", 2)
    crowd.remove(b"b", 2)
    assert (len(crowd), crowd.oldest_of_most()) == (3, 0)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([b"a", b"b", b"c"]), st.integers(0, 5))))
def test_the_counts_are_those_of_a_plain_list(steps: list[tuple[bool, bytes, int]]) -> None:
    crowd: Crowd[tuple[bytes, int]] = Crowd()
    plain: list[tuple[bytes, int]] = []
    for is_added, key, number in steps:
        thing = key, number
        if is_added and thing not in plain:
            plain.append(thing)
            crowd.add(key, thing)
        elif not is_added:
            crowd.remove(key, thing)
            plain = [one for one in plain if one != thing]
        counts = {key: sum(one[0] == key for one in plain) for key in (b"a", b"b", b"c")}
        assert len(crowd) == len(plain)
        assert crowd.holds(key, thing) == (thing in plain)
        assert {key: crowd.count(key) for key in counts} == counts
        found = crowd.oldest_of_most()
        if not plain:
            assert found is None
        else:
            assert found is not None
            assert counts[found[0]] == max(counts.values())
            assert found == next(one for one in plain if one[0] == found[0])
