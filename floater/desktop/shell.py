"""What the window does for the page: dialogs, copies, links (see `floater.desktop.api`)."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeAlias

from PyQt6.QtCore import QUrl
from PyQt6.QtGui import QDesktopServices, QGuiApplication
from PyQt6.QtWidgets import QFileDialog, QWidget

from floater import api
from floater.bridge.turns import Answer
from floater.codes import Code
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
from floater.desktop.channel import Do
from floater.desktop.files import Files
from floater.failures import write_failure

RECEIPT: Final = "floater.txt"
"The name that is proposed for a receipt."

_Take: TypeAlias = Callable[[Answer], None]


class Shell:
    """Carries out the window's own commands.

    Args:
        core: carries out commands of `floater.api`.
        say: key of a sentence → the sentence.
        files: of the talks.
    """

    def __init__(self, core: Do, say: Callable[[str], str], files: Files) -> None:
        self._core = core
        self._say = say
        self._files = files
        self._page = ""
        self.parent: QWidget | None = None

    def do(self, command: api.Command, answer: _Take) -> None:
        """Carry one command out. `answer` is called once, perhaps later."""
        try:
            self._do(command, answer)
        except OSError as error:  # of a copy: a full disk, a folder that takes none
            answer(self._error(write_failure(error)))

    def _do(self, command: api.Command, answer: _Take) -> None:
        match command:
            case PickFiles(talk=talk):
                self._pick(talk, answer)
            case SendUpload(number, talk=talk):
                self._send_upload(talk, number, answer)
            case SaveCopy(transfer, talk=talk):
                answer(ChosenReply(chosen=self._save(self._files.received(talk, transfer))))
            case ShowFile(transfer, talk=talk):
                if (path := self._files.received(talk, transfer)) is not None:
                    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.parent)))
                answer(api.Empty())
            case OpenLink(url):
                _open(url)
                answer(api.Empty())
            case CopyReceipt(talk=talk):
                self._receipt(talk, _copy, answer)
            case SaveReceipt(talk=talk):
                self._save_receipt(talk, answer)
            case ChooseDownloads():
                self._choose_downloads(answer)
            case SecondWindow():
                argv = [sys.executable, "-m", "floater", "demo", "--windows"]
                try:
                    subprocess.Popen(argv, stdin=subprocess.DEVNULL, start_new_session=True)
                except OSError:
                    answer(self._error(Code.INTERNAL))
                else:
                    answer(api.Empty())
            case Keep(page):
                self._page = page
                answer(api.Empty())
            case Kept():
                answer(KeptReply(self._page))
            case _:
                raise AssertionError(command)

    def _pick(self, talk: str, answer: _Take) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self.parent, self._say("dialog.send"))
        offered: list[str] = []
        refused: list[api.Error] = []
        left = len(paths)

        def one(reply: Answer) -> None:
            nonlocal left
            left -= 1
            if isinstance(reply, api.FileReply):
                offered.append(reply.transfer_id)
            elif isinstance(reply, api.Error):
                refused.append(reply)
            if left == 0:
                answer(PickedReply(offered, [error.message for error in refused]))

        for path in paths:
            self._core(api.SendFile(path, talk=talk), one)
        if not paths:
            answer(PickedReply([]))

    def _send_upload(self, talk: str, number: int, answer: _Take) -> None:
        path = self._files.send(talk, number)
        if path is None:
            answer(self._error(Code.NO_SUCH_FILE))
            return

        def hear(reply: Answer) -> None:
            if isinstance(reply, api.Error):
                self._files.drop(number)
            answer(reply)

        self._core(api.SendFile(str(path), talk=talk), hear)

    def _save(self, source: Path | None) -> bool:
        if source is None:
            return False
        target, _ = QFileDialog.getSaveFileName(self.parent, self._say("dialog.save"), source.name)
        if not target:
            return False
        with suppress(shutil.SameFileError), _no_half(Path(target)):  # it is there already
            shutil.copyfile(source, target)
        return True

    def _receipt(self, talk: str, use: Callable[[str], Answer], answer: _Take) -> None:
        """Have the client write the receipt: a text of the page is never copied or saved."""

        def hear(reply: Answer) -> None:
            answer(use(reply.text) if isinstance(reply, api.ReceiptReply) else reply)

        self._core(api.GetReceipt(talk=talk), hear)

    def _save_receipt(self, talk: str, answer: _Take) -> None:
        target, _ = QFileDialog.getSaveFileName(self.parent, self._say("dialog.save"), RECEIPT)
        if not target:
            answer(ChosenReply(chosen=False))
            return

        def write(text: str) -> Answer:
            try:
                with _no_half(Path(target)):
                    Path(target).write_text(text, "utf-8")
            except OSError as error:
                return self._error(write_failure(error))
            return ChosenReply(chosen=True)

        self._receipt(talk, write, answer)

    def _choose_downloads(self, answer: _Take) -> None:
        folder = QFileDialog.getExistingDirectory(self.parent, self._say("dialog.downloads"))
        if not folder:
            answer(ChosenReply(chosen=False))
            return
        self._core(
            api.Set(downloads=folder),
            lambda reply: answer(reply if isinstance(reply, api.Error) else ChosenReply(chosen=True)),
        )

    def _error(self, code: Code) -> api.Error:
        return api.Error(code.value, self._say(f"code.{code.value}"))


@contextmanager
def _no_half(target: Path) -> Iterator[None]:
    """Remove a file that did not exist before if writing it fails: half a copy looks like a copy."""
    is_new = not os.path.lexists(target)
    try:
        yield
    except OSError:
        if is_new:
            with suppress(OSError):
                target.unlink(missing_ok=True)
        raise


def _copy(text: str) -> Answer:
    clipboard = QGuiApplication.clipboard()
    assert clipboard is not None
    clipboard.setText(text)
    return api.Empty()


def _open(url: str) -> None:
    target = QUrl(url, QUrl.ParsingMode.StrictMode)
    if target.isValid() and target.scheme() in ("http", "https"):
        QDesktopServices.openUrl(target)
