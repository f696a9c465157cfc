"""Words of the world stay whole; what cannot be seen, and towers of marks, do not."""

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floater.wire.visible import bound_marks, clean_text

CASES = json.loads((Path(__file__).parents[2] / "vectors" / "visible.json").read_text("utf-8"))


@pytest.mark.parametrize("word", CASES["whole"])
def test_a_real_word_stays_whole(word: str) -> None:
    word = unicodedata.normalize("NFC", word)
    assert bound_marks(clean_text(word)) == word


@pytest.mark.parametrize(("tower", "bounded"), CASES["towers"])
def test_a_tower_of_marks_is_bounded(tower: str, bounded: str) -> None:
    assert bound_marks(tower) == bounded


@pytest.mark.parametrize(
    "hidden",
    [*"\u200b\u200c\u200d\ufe0f\ufe00\U000e0100\u180b\u17b4\U00016fe4\U0001d159\u202e\u2066\u3164\u034f"],
)
@pytest.mark.parametrize(("left", "right"), [("Ann", ""), ("", "Ann"), ("An", "n"), ("", ""), ("1", "2")])
def test_a_name_in_latin_takes_nothing_invisible(left: str, hidden: str, right: str) -> None:
    assert clean_text(left + hidden + right) == left + right


JOINED = "ab1#\u0645\u0915\u094d\u0f40\u845b\u1820\u20e3\u2194\U0001f642\U0001f3f4\u0301 "
LOOSE = "\u200c\u200d\ufe0f\ufe00\u180b\U000e0100\U000e0067\U000e0062\U000e007f\u200b\u202e"


@given(st.text(alphabet=JOINED + LOOSE, max_size=12))
def test_clean_text_is_not_changed_again(text: str) -> None:
    once = bound_marks(clean_text(text))
    assert clean_text(once) == once
    assert bound_marks(once) == once
