import pytest

from floater.languages import LANGUAGES, choose_language, look_up


@pytest.mark.parametrize(
    "tag",
    ["zh", "zh-TW", "zh_CN.UTF-8", "ZH-Hant", "ZH_tw", "zh-Hant-HK,en;q=0.5", "zh-CN,zh;q=0.9,en;q=0.8"],
)
def test_chinese_of_every_kind_is_answered_in_chinese(tag: str) -> None:
    assert choose_language(tag) == "zh-CN"


@pytest.mark.parametrize("tag", ["", "en-GB", "C", "fr", "fr-FR,zh-CN", "zhx", "-", "-zh", "en-zh"])
def test_all_others_are_answered_in_english(tag: str) -> None:
    assert choose_language(tag) == "en"


def test_each_language_is_chosen_by_its_own_tag() -> None:
    assert [choose_language(tag) for tag in LANGUAGES] == list(LANGUAGES)


def test_the_longest_entry_that_fits_is_found() -> None:
    known = {"zh": "short", "zh-hant": "long"}
    assert look_up("zh-Hant-HK", known, "none") == "long"
    assert look_up("zh-Hans-CN", known, "none") == "short"
    assert look_up("nan", known, "none") == "none"
