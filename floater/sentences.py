"""Codes to sentences, in the person's language. The words are in `floater/locales/`."""

import json
from functools import cache
from importlib import resources
from typing import Final

LANGUAGES: Final = ("zh-CN", "en")


def choose_language(wanted: str) -> str:
    """The one of our languages that fits a BCP 47 tag (or a POSIX locale name) best."""
    return "zh-CN" if wanted.replace("_", "-").lower().split("-")[0] == "zh" else "en"


def sentence(key: str, language: str, **values: object) -> str:
    """Say `key` (`code.busy`, `doctor.public` …) in `language`.

    A key of a later version gets the sentence of `code.internal`.
    """
    words = _words(choose_language(language))
    return (words.get(key) or words["code.internal"]).format_map(_Values(values))


class _Values(dict[str, object]):
    """What a sentence asks for and nobody gave stays as it is written."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


@cache
def _words(language: str) -> dict[str, str]:
    text = resources.files("floater").joinpath("locales", f"{language}.json").read_text("utf-8")
    words: dict[str, str] = json.loads(text)
    return words
