import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.core.onetime import (
    CODES,
    RESET,
    SIGN_UP,
    OneTime,
    clean_code,
    find_by_code,
    is_link_good,
    spell_code,
)

RIGHT, WRONG = b"r" * 32, b"w" * 32
FRESH = OneTime(
    id=7,
    code_digest=RIGHT,
    link_digest=b"l" * 32,
    code_expires=600.0,
    link_expires=3_600.0,
    tries_left=5,
    decoy=False,
)


def test_the_right_code_is_good_until_it_expires() -> None:
    assert find_by_code([FRESH], [RIGHT], now=599.9) == FRESH
    assert find_by_code([FRESH], [RIGHT], now=600.0) is None


def test_a_wrong_code_is_good_for_nothing() -> None:
    assert find_by_code([FRESH], [WRONG], now=0.0) is None


def test_the_right_code_comes_too_late_after_the_last_try() -> None:
    assert find_by_code([dataclasses.replace(FRESH, tries_left=0)], [RIGHT], now=0.0) is None


def test_nothing_fits_a_decoy() -> None:
    decoy = dataclasses.replace(FRESH, decoy=True)
    assert find_by_code([decoy], [RIGHT], now=0.0) is None
    assert not is_link_good(decoy, now=0.0)


def test_each_record_answers_to_its_own_code_alone() -> None:
    other = dataclasses.replace(FRESH, id=8, code_digest=WRONG)
    assert find_by_code([FRESH, other], [WRONG, WRONG], now=0.0) == other
    assert find_by_code([FRESH, other], [RIGHT, RIGHT], now=0.0) == FRESH


def test_wrong_codes_do_not_spoil_a_link_and_time_does() -> None:
    spent = dataclasses.replace(FRESH, tries_left=0)
    assert is_link_good(spent, now=3_599.0)
    assert not is_link_good(spent, now=3_600.0)


@pytest.mark.parametrize("text", ["123456", " 123 456 ", "123-456", "１２３４５６", "123–456\n"])
def test_a_code_is_read_as_people_type_it(text: str) -> None:
    assert clean_code(SIGN_UP, text) == "123456"


@pytest.mark.parametrize("text", ["01KQM3XB", "oikqm3xb", " 0LKQ-M3XB ", "０１ＫＱ　Ｍ３ＸＢ", "OIkq M3xb"])
def test_a_code_for_a_new_password_is_read_as_people_type_it(text: str) -> None:
    assert clean_code(RESET, text) == "01KQM3XB"


@pytest.mark.parametrize("text", ["", "123456", "01KQM3X", "01KQM3XBB", "U1KQM3XB", "Б1KQM3XB"])
def test_what_is_no_code_for_a_new_password_is_none(text: str) -> None:
    assert clean_code(RESET, text) == ""


def test_a_code_for_a_new_password_takes_forty_bits_to_guess() -> None:
    assert CODES[RESET] == 2**40
    assert CODES[SIGN_UP] == 10**6


@given(st.sampled_from([SIGN_UP, RESET]), st.data())
def test_every_number_is_a_code_of_its_own_that_is_read_as_it_was_written(
    purpose: str, data: st.DataObject
) -> None:
    numbers = st.integers(0, CODES[purpose] - 1)
    one, other = data.draw(numbers), data.draw(numbers)
    assert (spell_code(purpose, one) == spell_code(purpose, other)) == (one == other)
    assert clean_code(purpose, spell_code(purpose, one).lower()) == spell_code(purpose, one)


@pytest.mark.parametrize("text", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "²²²²²²x"])
def test_what_is_no_code_is_none(text: str) -> None:
    assert clean_code(SIGN_UP, text) == ""


@given(st.text(max_size=30))
def test_what_comes_out_is_six_digits_or_nothing(text: str) -> None:
    code = clean_code(SIGN_UP, text)
    assert code == "" or (len(code) == 6 and set(code) <= set("0123456789"))
