"""Tell whether a name mixes scripts whose letters look alike (UTS 39 §5.2, *moderately restrictive*).

`Аnn` with a Cyrillic А passes for `Ann`. A script is told by the first word of a letter's name in
Unicode, which is exact enough: letters that several scripts share have names of their own.
"""

import unicodedata
from typing import Final

_EAST_ASIAN: Final = frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA", "BOPOMOFO", "HANGUL"})
"Japanese, Chinese and Korean are written with several of them, and with Latin letters between."
_ALONE: Final = frozenset(
    {"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "DESERET", "GEORGIAN", "GOTHIC"}
)
"Their letters look like Latin ones, or like each other's."
_SAME: Final = {"IDEOGRAPHIC": "CJK", "KANGXI": "CJK", "HALFWIDTH": "KATAKANA"}
_SHARED: Final = frozenset({"MODIFIER", "KATAKANA-HIRAGANA", "FEMININE", "MASCULINE", "MICRO", "VERTICAL"})


def is_mixed(name: str) -> bool:
    """Return True if a name has letters of scripts that are not written together in any language.

    One script, or several of East Asia, or Latin and one other that does not look like it are not mixed.
    """
    found = _scripts(name)
    if len(found) <= 1 or found <= _EAST_ASIAN:
        return False
    return len(found) > 2 or "LATIN" not in found or not found.isdisjoint(_ALONE)


def _scripts(name: str) -> set[str]:
    scripts = set()
    for char in unicodedata.normalize("NFKC", name):
        if unicodedata.category(char).startswith("L"):
            word = unicodedata.name(char, "").partition(" ")[0]
            if word and word not in _SHARED:
                scripts.add(_SAME.get(word, word))
    return scripts
