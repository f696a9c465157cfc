"""What a person writes for a path, as a path."""

import os
from pathlib import Path


def expand(text: str) -> Path:
    """Return the path that a person means; `~` and `~name` at its beginning are home folders.

    Where there is no such person or home, the text is the name itself: `~$report.docx` is a file.
    """
    return Path(os.path.expanduser(text))
