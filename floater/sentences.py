"""Codes to sentences, in the person's language. The words are in `floater/locales/`."""

import json
from functools import cache
from importlib import resources

from floater.languages import choose_language


def sentence(key: str, language: str, **values: object) -> str:
    """Say `key` (`code.busy`, `doctor.public` …) in `language`.

    A key of a later version gets the sentence of `code.internal`.
    """
    words = _words(choose_language(language))
    return (words.get(key) or words["code.internal"]).format_map(_Values(values))


class _Values(dict[str, object]):
    """Leaves a placeholder without a value unchanged."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


@cache
def _words(language: str) -> dict[str, str]:
    text = resources.files("floater").joinpath("locales", f"{language}.json").read_text("utf-8")
    words: dict[str, str] = json.loads(text)
    return words
