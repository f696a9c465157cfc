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


def speakable(language: str) -> str:
    """Return a language if the console can show its sentences, else English."""
    return language if can_show(sentence("code.internal", language)) else "en"
