from floater.sentences import sentence


def test_a_code_of_a_later_version_gets_a_sentence_all_the_same() -> None:
    assert sentence("code.of_the_future", "en") == sentence("code.internal", "en")


def test_blanks_are_filled_in_and_hostile_values_stay_what_they_are() -> None:
    said = sentence("doctor.public", "en", endpoint="{0.__class__}")
    assert "{0.__class__}" in said
    assert "{endpoint}" in sentence("doctor.public", "en")
