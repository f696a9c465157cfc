import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floater.wire.scripts import is_mixed


@pytest.mark.parametrize(
    "name",
    [
        "Ann", "Ann 7 🌊", "Анна", "Ελένη", "安娜", "安娜 Ann", "アンナ", "ー漢字かなカナ Ann", "안나 Ann",
        "佐々木", "ａｎｎ", "Ann อันนา", "محمد Ann", "Zoë", "", "7", "👩\u200d🚀",
        "한국 韓國", "ｱﾝﾅ", "O'Brien ʻOlu",
    ],
)  # fmt: skip
def test_names_as_languages_write_them_are_not_mixed(name: str) -> None:
    assert not is_mixed(name)


@pytest.mark.parametrize(
    "name", ["Аnn", "Anη", "Аνна", "安娜а", "Аnn 安娜", "Ꭺnn", "ann ա", "ไทย Анна", "محمد עברית", "Ⲁnn"]
)
def test_names_of_scripts_that_pass_for_each_other_are(name: str) -> None:
    assert is_mixed(name)


@settings(deadline=None)
@given(st.text(max_size=24), st.text(max_size=24))
def test_what_is_mixed_stays_so_whatever_is_added(name: str, more: str) -> None:
    if is_mixed(name):
        assert is_mixed(name + " " + more)
