import pytest

from floater.wire.limits import MIN_PASSWORD
from server.services.passwords import PASSWORDS_FILE, _lines, is_password_good, is_too_common


@pytest.mark.parametrize(
    "password",
    """
    password Password1! P@ssw0rd123 passwordpassword 12345678 123456789012 19900101 13800138000
    qwertyuiop 1q2w3e4r 1qaz2wsx aaaaaaaaaa abcabcabc abcd1234 qwer1234 asdfghjkl iloveyou520
    woaini1314 a1234567 11223344 letmein99 5201314520 welcome1 Summer2024! dragon123 princess99
    monkey!!! zhangwei88 piaoliu123 987654321 poiuytrewq !@#$%^&* sunshine7 Football10 anna1990
    alice@example.org
    """.split(),
)
def test_the_first_that_anybody_would_try_is_refused(password: str) -> None:
    assert is_too_common(password, "alice@example.org", "Anna")


@pytest.mark.parametrize(
    "password",
    ["correct horse battery staple", "Tr0ub4dor&3x", "xK9#mQ2v", "lantern-river-42", "a good passphrase",
     "漂流瓶在海上走了很远", "mein Hund frisst Käse", "9f8e7d6c5b4a", "20240131 was a Wednesday"],
)  # fmt: skip
def test_a_password_that_takes_thought_is_taken(password: str) -> None:
    assert is_password_good(password, "alice@example.org", "Anna")


@pytest.mark.parametrize("password", "q1w2e3r4 softball yankees1 maverick danielle Scorpion".split())
def test_a_password_that_is_used_much_is_refused(password: str) -> None:
    assert is_too_common(password)


def test_the_three_thousand_most_used_that_are_long_enough_are_refused_however_they_are_typed() -> None:
    known = [password for password in _lines(PASSWORDS_FILE) if len(password) >= MIN_PASSWORD]
    assert len(set(known)) >= 3_000
    wide = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)})
    for password in known:
        for typed in (password, password.upper(), password.translate(wide)):
            assert is_too_common(typed), typed


def test_spaces_and_accents_are_one_however_they_are_encoded() -> None:
    assert is_too_common("sunshine\u3000\u3000")
    assert is_too_common("zoe\u0301 1990", "zo\u00e9@example.org")
    assert is_too_common("zo\u00e9 1990", "zoe\u0301@example.org")


@pytest.mark.parametrize("length", [0, 7, 129, 5_000])
def test_a_password_of_an_unfit_length_is_refused(length: int) -> None:
    unfit = "".join(chr(0x4E00 + n * 37 % 5_000) for n in range(length))
    assert not is_password_good(unfit)


def test_a_long_password_takes_no_long_look() -> None:
    assert is_too_common("ab" * 64)
    assert not is_too_common("ab" * 63 + "cd")
