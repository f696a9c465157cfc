"""What the window does for the page: dialogs, copies, links, uploads (see `floater.desktop.api`)."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from PyQt6.QtCore import QUrl
from PyQt6.QtGui import QDesktopServices, QGuiApplication
from PyQt6.QtWidgets import QFileDialog, QWidget

from floater import api
from floater.codes import Code
from floater.core.talk.pixels import HEAD, may_be_shown
from floater.core.talk.sniff import IMAGE_TYPES, sniff
from floater.desktop.api import (
    ChooseDownloads,
    ChosenReply,
    CopyReceipt,
    Keep,
    Kept,
    KeptReply,
    OpenLink,
    PickedReply,
    PickFiles,
    SaveCopy,
    SaveReceipt,
    SecondWindow,
    SendUpload,
    ShowFile,
)
from floater.wire.names import clean_file_name

MAX_UPLOADS: Final = 16
"Uploads that may lie in memory and wait to be sent."
RECEIPT: Final = "floater.txt"
"The name that is proposed for a receipt."


class Shell:
    """Carries out the window's own commands.

    Args:
        ask: (command as a dict, what to do with its reply line) → sends it to the client.
        say: key of a sentence → the sentence.
        staging: a private folder for pasted and dropped bytes while their talk goes on.
    """

    def __init__(
        self,
        ask: Callable[[dict[str, Any], Callable[[dict[str, Any]], None]], None],
        say: Callable[[str], str],
        staging: Path,
    ) -> None:
        self._ask = ask
        self._say = say
        self._staging = staging
        self._uploads: dict[int, Path] = {}
        self._last_upload = 0
        self._received: dict[str, Path] = {}
        self._page = ""
        self.parent: QWidget | None = None

    # -- what the scheme asks -------------------------------------------------------------

    def upload(self, name: str, data: bytes) -> int:
        """Keep pasted or dropped bytes until they are sent, or the talk ends. Returns their number."""
        if len(self._uploads) >= MAX_UPLOADS:
            self._uploads.pop(next(iter(self._uploads))).unlink(missing_ok=True)
        self._last_upload += 1
        folder = self._staging / str(self._last_upload)
        folder.mkdir(mode=0o700, parents=True)
        path = folder / clean_file_name(name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        self._uploads[self._last_upload] = path
        return self._last_upload

    def picture(self, transfer_id: str) -> tuple[str, str] | None:
        """Type and path of a received picture, by its own first bytes; None if it is none, or too large."""
        path = self._received.get(transfer_id)
        if path is None:
            return None
        try:
            with path.open("rb") as file:
                head = file.read(HEAD)
        except OSError:
            return None
        kind = sniff(head)
        return (kind, str(path)) if kind in IMAGE_TYPES and may_be_shown(head) else None

    # -- what the client tells ------------------------------------------------------------

    def note(self, event: api.Event) -> None:
        """Learn which files there are, and forget them with their talk."""
        match event:
            case api.Received(transfer_id=transfer_id, path=path):
                self._received[transfer_id] = Path(path)
            case api.Matched():
                self.clear()
            case api.TalkEnded():
                self._drop_uploads()
            case _:
                pass

    def clear(self) -> None:
        """Forget everything of a talk."""
        self._received.clear()
        self._drop_uploads()

    def _drop_uploads(self) -> None:
        self._uploads.clear()
        shutil.rmtree(self._staging, ignore_errors=True)

    # -- what the page asks ---------------------------------------------------------------

    def do(
        self,
        command: api.Command,
        reply: Callable[[api.Reply], None],
        refuse: Callable[[dict[str, Any]], None],
    ) -> None:
        """Carry one command out. `reply` or `refuse` is called once, perhaps later."""
        match command:
            case PickFiles():
                self._pick(reply)
            case SendUpload(upload=number):
                path = self._uploads.pop(number, None)
                wish = {"command": "send_file", "path": str(path or "")}
                self._ask(wish, lambda line: self._offered(line, reply, refuse))
            case SaveCopy(transfer_id=transfer_id):
                reply(ChosenReply(chosen=self._save(transfer_id)))
            case ShowFile(transfer_id=transfer_id):
                self._show(transfer_id)
                reply(api.Empty())
            case OpenLink(url=url):
                target = QUrl(url, QUrl.ParsingMode.StrictMode)
                if target.isValid() and target.scheme() in ("http", "https"):
                    QDesktopServices.openUrl(target)
                reply(api.Empty())
            case CopyReceipt():
                self._receipt(lambda text: reply(self._copy(text)), refuse)
            case SaveReceipt():
                self._save_receipt(reply, refuse)
            case ChooseDownloads():
                self._choose_downloads(reply)
            case SecondWindow():
                argv = [sys.executable, "-m", "floater", "demo", "--windows"]
                subprocess.Popen(argv, stdin=subprocess.DEVNULL, start_new_session=True)
                reply(api.Empty())
            case Keep(page=page):
                self._page = page
                reply(api.Empty())
            case Kept():
                reply(KeptReply(page=self._page))
            case _:
                raise AssertionError(command)

    def _pick(self, reply: Callable[[api.Reply], None]) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self.parent, self._say("dialog.send"))
        ids: list[str] = []
        left = len(paths)

        def one(line: dict[str, Any]) -> None:
            nonlocal left
            left -= 1
            if line.get("ok"):
                ids.append(line["transfer_id"])
            if left == 0:
                reply(PickedReply(transfer_ids=ids))

        for path in paths:
            self._ask({"command": "send_file", "path": path}, one)
        if not paths:
            reply(PickedReply(transfer_ids=[]))

    def _offered(
        self,
        line: dict[str, Any],
        reply: Callable[[api.Reply], None],
        refuse: Callable[[dict[str, Any]], None],
    ) -> None:
        if line.get("ok"):
            reply(api.FileReply(transfer_id=line["transfer_id"]))
        else:
            refuse(line["error"])

    def _save(self, transfer_id: str) -> bool:
        source = self._received.get(transfer_id)
        if source is None:
            return False
        target, _ = QFileDialog.getSaveFileName(self.parent, self._say("dialog.save"), source.name)
        if not target:
            return False
        shutil.copyfile(source, target)
        return True

    def _receipt(self, take: Callable[[str], None], refuse: Callable[[dict[str, Any]], None]) -> None:
        """Have the client write the receipt: what the page says is never copied or saved."""
        wish = {"command": "receipt"}
        self._ask(wish, lambda line: take(line["text"]) if line.get("ok") else refuse(line["error"]))

    def _copy(self, text: str) -> api.Reply:
        clipboard = QGuiApplication.clipboard()
        assert clipboard is not None
        clipboard.setText(text)
        return api.Empty()

    def _save_receipt(
        self, reply: Callable[[api.Reply], None], refuse: Callable[[dict[str, Any]], None]
    ) -> None:
        target, _ = QFileDialog.getSaveFileName(self.parent, self._say("dialog.save"), RECEIPT)
        if not target:
            reply(ChosenReply(chosen=False))
            return

        def write(text: str) -> None:
            try:
                Path(target).write_text(text, "utf-8")
            except OSError:
                code = Code.STORAGE_FAILED.value
                refuse({"code": code, "message": self._say(f"code.{code}")})
            else:
                reply(ChosenReply(chosen=True))

        self._receipt(write, refuse)

    def _show(self, transfer_id: str) -> None:
        if (path := self._received.get(transfer_id)) is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.parent)))

    def _choose_downloads(self, reply: Callable[[api.Reply], None]) -> None:
        folder = QFileDialog.getExistingDirectory(self.parent, self._say("dialog.downloads"))
        if not folder:
            reply(ChosenReply(chosen=False))
            return
        wish = {"command": "set", "downloads": folder}
        self._ask(wish, lambda line: reply(ChosenReply(chosen=bool(line.get("ok")))))


def encode(command: dict[str, Any], number: str) -> str:
    """One command as a line."""
    return json.dumps({**command, "id": number}, ensure_ascii=False)
