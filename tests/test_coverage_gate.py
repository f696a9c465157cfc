from tests.coverage_gate import MOST_EXCLUDED, Measured, complaints, ranges, unreasoned


def measured(points: int, *missing: str, excluded: int = 0, unreasoned: tuple[int, ...] = ()) -> Measured:
    return Measured(
        missing=missing, missed=len(missing), points=points, excluded=excluded, unreasoned=unreasoned
    )


def test_rooms_that_decide_are_covered_whole_and_all_others_by_nine_tenths() -> None:
    assert complaints({"floater/wire/a.py": measured(100), "floater/net/a.py": measured(10, "1")}) == []
    assert complaints({"floater/wire/a.py": measured(1000, "7->9"), "floater/wire/b.py": measured(1000)}) == [
        "floater/wire: 100.0 % of 100 %",
        "    floater/wire/a.py: 7->9",
    ]
    assert complaints({"floater/core/talk/a.py": measured(5, "1"), "server/core/b.py": measured(0)}) == [
        "floater/core: 80.0 % of 100 %",
        "    floater/core/talk/a.py: 1",
    ]
    assert complaints({"floater/net/a.py": measured(19, "1", "2")}) == [
        "floater/net: 89.5 % of 90 %",
        "    floater/net/a.py: 1, 2",
    ]


def test_a_room_does_not_lend_to_another() -> None:
    files = {
        "floater/log.py": measured(100),
        "floater/loop.py": measured(4, "1"),
        "server/log.py": measured(0),
    }
    assert complaints(files) == ["floater/loop.py: 75.0 % of 90 %", "    floater/loop.py: 1"]


def test_lines_that_are_excluded_are_counted_and_say_why() -> None:
    few, many = measured(1, excluded=MOST_EXCLUDED - 1), measured(1, excluded=1)
    assert complaints({"floater/a.py": few, "floater/b.py": many}) == []
    assert complaints({"floater/a.py": few, "floater/b.py": many, "floater/c.py": many}) == [
        f"{MOST_EXCLUDED + 1} lines are excluded, at most {MOST_EXCLUDED} may be"
    ]
    assert complaints({"floater/a.py": measured(1, unreasoned=(3,))}) == [
        "floater/a.py:3: a pragma without a reason: # pragma: no cover: why it cannot be tested"
    ]


def test_lines_that_follow_each_other_are_said_in_short() -> None:
    assert ranges([], [1, 2]) == []
    assert ranges([1, 2, 5, 9, 10, 12], [3, 11]) == ["1-2", "5-10", "12"]


def test_a_pragma_needs_a_reason_and_none_may_exclude_a_branch_alone() -> None:
    source = (
        "a = 1  # pragma: no cover\n"
        "b = 2  # pragma: no cover: the kernel says so\n"
        "c = '# pragma: no cover'\n"
        "d = 3  # pragma: no branch: for a reason\n"
        "e = 4  # pragma: no cover - dashed\n"
    )
    assert unreasoned(source) == (1, 4, 5)
