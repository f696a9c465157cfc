"""Columns of a terminal: what stands in one never runs into the other."""

from hypothesis import given
from hypothesis import strategies as st

from floater.cli.columns import side_by_side, width_of, wrap

PRINTABLE = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z", "M")) | st.just(" "), max_size=80
)


def test_a_chinese_character_is_two_cells_wide() -> None:
    assert width_of("安 An") == 5
    assert width_of("「聊一聊」") == 10
    assert width_of("e\u0301") == 1


def test_latin_breaks_at_spaces_and_chinese_anywhere() -> None:
    assert wrap("one two three", 8) == ["one two", "three"]
    assert wrap("今天天气很好", 6) == ["今天天", "气很好"]
    assert wrap("abcdefgh", 3) == ["abc", "def", "gh"]
    assert wrap("", 5) == [""]
    assert wrap("a\nb", 5) == ["a", "b"]


def test_no_line_begins_with_closing_punctuation() -> None:
    assert wrap("今天天气。", 8) == ["今天天", "气。"]


@given(PRINTABLE, st.integers(2, 30))
def test_nothing_is_too_wide_and_nothing_is_lost(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(width_of(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@given(st.tuples(PRINTABLE, PRINTABLE), st.integers(4, 20))
def test_columns_stay_beside_each_other(cells: tuple[str, str], width: int) -> None:
    for row in side_by_side(cells, (width, width), "|"):
        assert width_of(row) <= 2 * width + 1
    rows = side_by_side(("安", "b"), (width, width), "|")
    assert rows == ["安" + " " * (width - 2) + "|b"]
