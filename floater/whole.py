"""Writing a file whole or not at all, for its owner only."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes, *, rehearse: bool = False) -> None:
    """Put a file with mode 0600 in place of `path`; a reader sees the old content or all of the new.

    The content is written to `.NAME.part` in the same folder, flushed to the disk and renamed.

    Args:
        path: the file; its folder exists.
        content: everything the file is to hold.
        rehearse: only try: do all but the renaming and leave nothing behind.

    Raises:
        OSError: `path` is as it was, and no part of the content is left in the folder.
    """
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)  # a program that was killed may have left it, readable for others
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if not rehearse:
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)
