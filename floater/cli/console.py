"""Print what a console can show: some write no Chinese, and some no half blocks."""

import io
import sys

from floater.sentences import sentence


def forgive() -> None:
    """Have stdout and stderr write `?`, and not fail, for a character that their encoding does not have."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def can_show(text: str) -> bool:
    """Return whether stdout can write all of a text."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def spoken(key: str, language: str, **values: object) -> str:
    """Return the sentence of a key, in English if the console cannot show it in `language`."""
    text = sentence(key, language, **values)
    return text if can_show(text) else sentence(key, "en", **values)
