from floater.sentences import choose_language, sentence


def test_chinese_of_every_kind_is_spoken_to_in_chinese_and_all_others_in_english() -> None:
    assert [choose_language(tag) for tag in ("zh", "zh-TW", "zh_CN.UTF-8", "ZH-Hant")] == ["zh-CN"] * 4
    assert [choose_language(tag) for tag in ("", "en-GB", "C", "fr", "zhx")] == ["en"] * 5


def test_a_code_of_a_later_version_gets_a_sentence_all_the_same() -> None:
    assert sentence("code.of_the_future", "en") == sentence("code.internal", "en")


def test_blanks_are_filled_in_and_hostile_values_stay_what_they_are() -> None:
    said = sentence("doctor.public", "en", endpoint="{0.__class__}")
    assert "{0.__class__}" in said
    assert "{endpoint}" in sentence("doctor.public", "en")
