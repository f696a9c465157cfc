"""Names that a stranger wrote."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floater.wire.names import (
    clean_file_name,
    clean_username,
    is_password_acceptable,
    normal_password,
)
from floater.wire.visible import clean_text

FAMILY = "\U0001f469\u200d\U0001f467"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Ann", "Ann"),
        ("  安\u3000\t娜 ", "安 娜"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("a\u200bb\ufeffc", "abc"),
        ("line\nbreak", "line break"),
        ("bell\x07", "bell"),
        ("\ue000private", "private"),
        ("e\u0301", "é"),
        (FAMILY, FAMILY),
        ("a\u200db", "ab"),
        ("\u2066iso\u2069", "iso"),
    ],
)
def test_what_is_not_meant_to_be_seen_is_dropped(text: str, clean: str) -> None:
    assert clean_text(text) == clean


@given(st.text(max_size=100))
def test_clean_text_stays_as_it_is(text: str) -> None:
    once = clean_text(text)
    assert clean_text(once) == once
    assert not any(unicodedata.category(c)[0] == "C" and c != "\u200d" for c in once)


@pytest.mark.parametrize("text", ["", " ", "\u200b\u200b", "...", "-", "\u3164", "x" * 25, "\u202e", "\x00"])
def test_a_name_that_nobody_sees_is_none(text: str) -> None:
    assert clean_username(text) is None


@given(st.text(max_size=60))
def test_a_username_is_visible_short_and_stays_as_it_is(text: str) -> None:
    name = clean_username(text)
    if name is not None:
        assert 1 <= len(name) <= 24
        assert name.split() == name.strip().split(" ")
        assert clean_username(name) == name


def test_no_name_climbs_out_of_its_line() -> None:
    tower = clean_username("a" + "\u0335\u0336\u0337\u0338" * 3 + "b")
    assert tower is not None
    assert sum(unicodedata.category(c) == "Mn" for c in tower) <= 2


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("moon.png", "moon.png"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\win.ini", "win.ini"),
        ("/", "file"),
        ("..", "file"),
        (".bashrc", "bashrc"),
        ("name.", "name"),
        ("con", "_con"),
        ("NUL.txt", "_NUL.txt"),
        ("aux .png", "_aux.png"),
        ("com¹.log", "_com¹.log"),
        ("a:b*c?.txt", "a_b_c_.txt"),
        ("Re. contract of the 3rd of November 2026 between A and B",) * 2,
        ("1.关于召开二〇二六年度工作会议的通知（最终版）",) * 2,
        ("notes v1.2 and what changed since then in the long run",) * 2,
        ("ශ\u0dca\u200dරී ලංකා.txt",) * 2,
        ("x" * 300 + ".tar.gz", "x" * 236 + ".gz"),
        ("CONIN$", "_CONIN$"),
        ("conout$.txt", "_conout$.txt"),
        ("Desktop.ini", "_Desktop.ini"),
        ("photo\u202egnp.exe", "photognp.exe"),
        ("a\x00b.txt", "ab.txt"),
        ("x" * 300 + ".jpeg", "x" * 234 + ".jpeg"),
        ("漂" * 200 + ".png", "漂" * 78 + ".png"),
    ],
)
def test_a_file_name_stays_in_its_folder(text: str, clean: str) -> None:
    assert clean_file_name(text) == clean


@given(st.text(max_size=300))
def test_every_file_name_is_fit_for_every_system(text: str) -> None:
    name = clean_file_name(text)
    assert name not in ("", ".", "..")
    assert not set(name) & set('/\\:*?"<>|\0')
    assert len(name.encode()) + 16 <= 255
    assert name == name.strip(" .")
    assert clean_file_name(name) == name


def test_an_ending_that_cutting_makes_is_an_ending_like_any_other() -> None:
    name = "x" * 228 + " .exe" + "x" * 40  # this ending is too long to be one, until it is cut
    clean = clean_file_name(name)
    assert clean == "x" * 228 + ".exe" + "x" * 6
    assert clean_file_name(clean) == clean


def test_a_password_is_judged_by_its_characters() -> None:
    assert not is_password_acceptable("1234567")
    assert is_password_acceptable("漂" * 8)
    assert is_password_acceptable(" " * 8)
    assert is_password_acceptable("x" * 128)
    assert not is_password_acceptable("x" * 129)


def test_two_spellings_of_a_password_are_one() -> None:
    assert normal_password("Zoe\u0308\u3000x") == normal_password("Zo\u00eb\u00a0x") == "Zo\u00eb x"
    assert normal_password(" Zoe ") == " Zoe "
    assert normal_password("\ud800") == "\ud800"
