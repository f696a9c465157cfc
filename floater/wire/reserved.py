"""Usernames that are refused, because a person with one would pass for the operator (spec §8.1)."""

import unicodedata
from typing import Final

_LOOK_ALIKES: Final = str.maketrans(
    "авеокмнрстухіјѕԁӏɡɩıαβεικνορτυχηλ014$@|!",
    "abeokmhpctyxijsdlgiiabeikvoptuxhl" + "oiasail",
)
"Lower-case Cyrillic, Greek, other letters and signs, each with the Latin letter that it looks like."
_SIGNS_OF_ONE_LETTER: Final = str.maketrans("l", "i")
_WORDS: Final = (
    "admin", "administrator", "moderator", "mod", "operator", "support", "helpdesk", "staff", "system",
    "official", "server", "root", "security", "floater", "floaterteam", "floatersupport", "floateradmin",
    "漂", "系统", "系統", "系统消息", "系統訊息", "管理员", "管理員", "客服", "官方", "官方客服", "版主",
    "运营", "工作人员", "站长",
)  # fmt: skip


def is_reserved(username: str) -> bool:
    """Return True if a clean username reads like the product, its operator, or a part of it.

    Capitals, full-width and look-alike letters, spaces, signs, accents and
    digits at the end make no difference: `Аdmin 2` (Cyrillic А) is `admin`.
    """
    return not _skeletons(username).isdisjoint(_RESERVED)


def _skeletons(text: str) -> set[str]:
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    bare = folded.rstrip("0123456789 ._-#")
    return {_skeleton(folded), _skeleton(bare)} - {""}


def _skeleton(folded: str) -> str:
    looks = folded.translate(_LOOK_ALIKES)
    return "".join(char for char in looks if char.isalnum()).translate(_SIGNS_OF_ONE_LETTER)


_RESERVED: Final = frozenset(_skeleton(word) for word in _WORDS)
