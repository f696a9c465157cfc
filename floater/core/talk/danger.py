"""Which files may run a program when they are opened, by the ending of their name."""

from typing import Final

DANGEROUS_ENDINGS: Final = frozenset(
    "apk app appimage bat cmd com deb desktop dmg exe jar js lnk msi pkg ps1 reg rpm scr sh vbs".split()
)
"In lower case, without the dot; systems ignore case here. The person is warned before accepting such a file."
