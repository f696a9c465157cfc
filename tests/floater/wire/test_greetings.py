import pytest

from floater.wire.greetings import GREETINGS, greeting_in, known_language


@pytest.mark.parametrize(
    ("tag", "known", "greeting"),
    [
        ("zh", "zh", "你好"),
        ("zh-TW", "zh-TW", "你好"),
        ("zh_tw", "zh-TW", "你好"),
        ("zh-Hans-CN", "zh", "你好"),
        ("pt-BR", "pt", "Olá"),
        ("DE-at", "de", "Hallo"),
        ("tlh", "en", "Hello"),
        ("", "en", "Hello"),
        ("----", "en", "Hello"),
    ],
)
def test_every_language_tag_leads_to_a_greeting(tag: str, known: str, greeting: str) -> None:
    assert known_language(tag) == known
    assert greeting_in(tag) == greeting


def test_every_language_in_the_table_is_found() -> None:
    for tag, greeting in GREETINGS.items():
        assert known_language(tag) == tag
        assert greeting_in(tag.upper()) == greeting
