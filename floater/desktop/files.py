"""The files of each talk that the page may show, copy or send, until the talk ends."""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from floater import api
from floater.core.talk.pixels import HEAD, may_be_shown
from floater.core.talk.sniff import IMAGE_TYPES, sniff
from floater.wire.names import clean_file_name

MAX_UPLOADS: Final = 16
"Uploads that may wait on disk to be sent; of more, the oldest is dropped."

_MAX_SEGMENTS: Final = 4096
"Segments of a JPEG that are stepped over, 64 KiB each at most."


@dataclass(slots=True)
class _Upload:
    talk: str
    path: Path
    sent: bool = False


class Files:
    """Received files and uploads, by talk.

    Args:
        staging: a private folder for pasted and dropped bytes while their talk goes on.
    """

    def __init__(self, staging: Path) -> None:
        self._staging = staging
        self._uploads: dict[int, _Upload] = {}
        self._last_upload = 0
        self._received: dict[tuple[str, str], Path] = {}

    def note(self, event: api.Event) -> None:
        """Learn which files a talk has brought, and forget all of its files when it ends."""
        match event:
            case api.Received(transfer, path, talk=talk):
                self._received[talk, transfer] = Path(path)
            case api.TalkEnded(talk=talk):
                self._received = {key: path for key, path in self._received.items() if key[0] != talk}
                for number in [number for number, upload in self._uploads.items() if upload.talk == talk]:
                    self.drop(number)
            case _:
                pass

    def clear(self) -> None:
        """Forget the files of all talks, and remove what an earlier run has left behind."""
        self._received.clear()
        self._uploads.clear()
        shutil.rmtree(self._staging, ignore_errors=True)

    # -- received -------------------------------------------------------------------------

    def received(self, talk: str, transfer: str) -> Path | None:
        """Return where a received file is; None if there is no such file."""
        return self._received.get((talk, transfer))

    def picture(self, talk: str, transfer: str) -> tuple[str, str] | None:
        """Return type and path of a received picture, by its own first bytes.

        None if the file is unknown, unreadable, no picture, or too large to be shown.
        """
        path = self.received(talk, transfer)
        if path is None:
            return None
        try:
            with path.open("rb") as file:
                head = _head(file)
        except OSError:
            return None
        kind = sniff(head)
        return (kind, str(path)) if kind in IMAGE_TYPES and may_be_shown(head) else None

    # -- uploads --------------------------------------------------------------------------

    def upload(self, talk: str, name: str, data: bytes) -> int:
        """Keep pasted or dropped bytes until their talk ends. Returns their number.

        Raises:
            OSError: they cannot be kept, and nothing of them is.
        """
        waiting = [number for number, upload in self._uploads.items() if not upload.sent]
        if len(waiting) >= MAX_UPLOADS:
            self.drop(waiting[0])
        self._last_upload += 1
        folder = self._staging / str(self._last_upload)
        path = folder / clean_file_name(name)
        try:
            folder.mkdir(mode=0o700, parents=True)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(data)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)  # half of it would take what room there is
            raise
        self._uploads[self._last_upload] = _Upload(talk, path)
        return self._last_upload

    def send(self, talk: str, number: int) -> Path | None:
        """Return the file of an upload that is sent now; None if this talk has none that waits."""
        upload = self._uploads.get(number)
        if upload is None or upload.talk != talk or upload.sent:
            return None
        upload.sent = True
        return upload.path

    def drop(self, number: int) -> None:
        """Remove an upload from the disk."""
        upload = self._uploads.pop(number, None)
        if upload is not None:
            shutil.rmtree(upload.path.parent, ignore_errors=True)
            with suppress(OSError):  # others are in it
                self._staging.rmdir()


def _head(file: BinaryIO) -> bytes:
    """Read the beginning of a picture, of a JPEG without what its camera put before its size.

    Depth maps and second photos stand there in segments of 64 KiB each. They are stepped over, not read.
    """
    head = file.read(HEAD)
    if sniff(head) != "image/jpeg":
        return head
    at = 2
    for _ in range(_MAX_SEGMENTS):
        file.seek(at)
        mark = file.read(4)
        # APPn and comments: all that may be long.
        if len(mark) < 4 or mark[0] != 0xFF or not (0xE0 <= mark[1] <= 0xEF or mark[1] == 0xFE):
            break
        at += 2 + max(2, int.from_bytes(mark[2:], "big"))
    file.seek(at)
    return head[:2] + file.read(HEAD)
