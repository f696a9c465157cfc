"""Which of a list of languages fits the one that a person or a computer asks for."""

from collections.abc import Mapping
from typing import Final

LANGUAGES: Final = ("zh-CN", "en")
"The languages of `floater/locales/` and `server/pages/`: BCP 47 tags, and the names of the files there."

_RANGES: Final = {"zh": "zh-CN", "en": "en"}


def choose_language(wanted: str) -> str:
    """The one of `LANGUAGES` that fits a BCP 47 tag or a POSIX locale name best; `en` if none does."""
    return look_up(wanted, _RANGES, "en")


def look_up(wanted: str, known: Mapping[str, str], default: str) -> str:
    """Find the entry for a language, dropping subtags from the right until there is one (RFC 4647 §3.4).

    Args:
        wanted: a BCP 47 tag or a POSIX locale name, in any case.
        known: entries by tag in lower case.
        default: the entry for a language without one.
    """
    tag = wanted.replace("_", "-").casefold()
    while tag:
        if tag in known:
            return known[tag]
        tag = tag.rpartition("-")[0]
    return default
