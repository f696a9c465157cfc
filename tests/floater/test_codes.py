import re

from floater.codes import Code


def test_a_code_is_its_own_name_in_lower_case() -> None:
    assert all(code.value == code.name.lower() for code in Code)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code.value) for code in Code)


def test_every_code_fits_into_the_field_of_a_message() -> None:
    assert all(len(code.value) <= 64 for code in Code)  # `control.Refused.code`
