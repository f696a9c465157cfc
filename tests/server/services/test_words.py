import string

import pytest

from floater.codes import Code
from floater.languages import LANGUAGES
from server.services.words import sentence_of, words_of


def blanks(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_every_language_says_everything_with_the_same_blanks() -> None:
    first = {key: blanks(sentence) for key, sentence in words_of(LANGUAGES[0]).items()}
    for language in LANGUAGES[1:]:
        assert {key: blanks(sentence) for key, sentence in words_of(language).items()} == first
    assert all(all(words_of(language).values()) for language in LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_a_sentence(language: str) -> None:
    for code in Code:
        assert sentence_of(code, language)
    assert sentence_of(Code.WRONG_CODE, language) != sentence_of(Code.INTERNAL, language)
