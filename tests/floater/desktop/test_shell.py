import errno
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("PyQt6.QtWidgets")

from PyQt6.QtGui import QDesktopServices, QGuiApplication
from PyQt6.QtWidgets import QFileDialog

from floater import api
from floater.bridge.turns import Answer
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
from floater.desktop.files import Files
from floater.desktop.shell import Shell

RECEIPT = api.ReceiptReply(None, "", None, True, None, None, None, None, [], None, ["said"], "the text")

pytestmark = pytest.mark.usefixtures("qt")


class Window:
    """A shell whose dialogs choose what a test says, and whose core answers what it says."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, *answers: Answer) -> None:
        self.files = Files(folder / "staging")
        self.asked: list[api.Command] = []
        self.opened: list[str] = []
        self.chosen: list[str] = []
        self.titles: list[str] = []
        self._answers = list(answers)
        self.shell = Shell(self._core, lambda key: f"<{key}>", self.files)

        def dialog(parent: object, title: str, *more: str) -> tuple[str, str]:
            self.titles.append(title)
            return (self.chosen[0] if self.chosen else ""), ""

        def several(parent: object, title: str) -> tuple[list[str], str]:
            self.titles.append(title)
            return self.chosen, ""

        monkeypatch.setattr(QFileDialog, "getSaveFileName", dialog)
        monkeypatch.setattr(QFileDialog, "getOpenFileNames", several)
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *args: dialog(*args)[0])
        monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: self.opened.append(url.toString()))

    def do(self, command: api.Command) -> Answer:
        came: list[Answer] = []
        self.shell.do(command, came.append)
        (answer,) = came
        return answer

    def _core(self, command: api.Command, answer: Callable[[Answer], None]) -> None:
        self.asked.append(command)
        answer(self._answers.pop(0))


def test_chosen_files_are_offered_in_their_talk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window = Window(
        tmp_path, monkeypatch, api.FileReply("L1"), api.Error("busy", "Busy."), api.FileReply("L3")
    )
    assert window.do(PickFiles(talk="t")) == PickedReply([])
    window.chosen = ["/a", "/b", "/c"]
    assert window.do(PickFiles(talk="t")) == PickedReply(["L1", "L3"], ["Busy."])
    assert window.asked == [api.SendFile(path, talk="t") for path in window.chosen]
    assert window.titles == ["<dialog.send>"] * 2


def test_an_upload_is_offered_and_dropped_if_that_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = Window(tmp_path, monkeypatch, api.FileReply("L1"), api.Error("no_talk", "None."))
    for reply in (api.FileReply("L1"), api.Error("no_talk", "None.")):
        number = window.files.upload("t", "a.png", b"x")
        assert window.do(SendUpload(number, talk="t")) == reply
    kept, dropped = (Path(command.path) for command in window.asked if isinstance(command, api.SendFile))
    assert (kept.exists(), dropped.exists()) == (True, False)
    assert window.do(SendUpload(99, talk="t")) == api.Error("no_such_file", "<code.no_such_file>")


def test_a_received_file_is_copied_and_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window = Window(tmp_path, monkeypatch)
    source, copy = tmp_path / "a.txt", tmp_path / "copy.txt"
    source.write_text("words")
    window.files.note(api.Received("F1", str(source), "", talk="t"))
    assert window.do(SaveCopy("F1", talk="other")) == ChosenReply(chosen=False)
    assert window.do(SaveCopy("F1", talk="t")) == ChosenReply(chosen=False), "the person chose no place"
    window.chosen = [str(copy)]
    assert window.do(SaveCopy("F1", talk="t")) == ChosenReply(chosen=True)
    assert copy.read_text() == "words"
    assert window.do(ShowFile("F1", talk="t")) == window.do(ShowFile("F1", talk="other")) == api.Empty()
    assert window.opened == [tmp_path.as_uri()]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "javascript:alert(1)", "floater://app/", "no address"])
def test_only_web_addresses_are_opened(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window = Window(tmp_path, monkeypatch)
    assert window.do(OpenLink(url)) == api.Empty()
    assert window.opened == []
    window.do(OpenLink("https://a.example/"))
    assert window.opened == ["https://a.example/"]


def test_a_receipt_is_copied_and_saved_as_the_client_wrote_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = api.Error("no_talk", "None.")
    window = Window(tmp_path, monkeypatch, RECEIPT, refusal, RECEIPT, RECEIPT)
    assert window.do(CopyReceipt(talk="t")) == api.Empty()
    clipboard = QGuiApplication.clipboard()
    assert clipboard is not None
    assert clipboard.text() == "the text"
    assert window.do(CopyReceipt(talk="t")) == refusal
    assert window.do(SaveReceipt(talk="t")) == ChosenReply(chosen=False)
    window.chosen = [str(tmp_path / "r.txt")]
    assert window.do(SaveReceipt(talk="t")) == ChosenReply(chosen=True)
    assert (tmp_path / "r.txt").read_text() == "the text"
    window.chosen = [str(tmp_path)]
    assert window.do(SaveReceipt(talk="t")) == api.Error("storage_failed", "<code.storage_failed>")
    assert set(window.asked) == {api.GetReceipt(talk="t")}


def test_a_folder_is_chosen_and_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window = Window(tmp_path, monkeypatch, api.Empty(), api.Error("no_such_file", ""))
    assert window.do(ChooseDownloads()) == ChosenReply(chosen=False)
    window.chosen = ["/d"]
    assert window.do(ChooseDownloads()) == ChosenReply(chosen=True)
    assert window.do(ChooseDownloads()) == api.Error("no_such_file", ""), "a refusal is not a cancel"
    assert window.asked == [api.Set(downloads="/d")] * 2


def test_what_the_page_kept_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window = Window(tmp_path, monkeypatch)
    assert window.do(Kept()) == KeptReply("")
    assert window.do(Keep("here")) == api.Empty()
    assert window.do(Kept()) == KeptReply("here")


def test_a_command_of_the_core_is_not_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError):
        Window(tmp_path, monkeypatch).do(api.Seek())


def test_what_the_system_refuses_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = api.Error("no_such_file", "<code.no_such_file>")
    window = Window(tmp_path, monkeypatch)
    source = tmp_path / "a.txt"
    source.write_text("words")
    window.files.note(api.Received("F1", str(source), "", talk="t"))
    window.chosen = [str(tmp_path / "not there" / "a.txt")]
    assert window.do(SaveCopy("F1", talk="t")) == failed
    window.chosen = [str(source)]
    assert window.do(SaveCopy("F1", talk="t")) == ChosenReply(chosen=True), "it is there already"
    assert source.read_text() == "words"
    source.unlink()
    window.chosen = [str(tmp_path / "b.txt")]
    assert window.do(SaveCopy("F1", talk="t")) == failed
    monkeypatch.setattr("sys.executable", str(tmp_path / "no program"))
    assert window.do(SecondWindow()) == api.Error("internal", "<code.internal>")


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "disk_full"), (errno.EROFS, "not_writable"), (errno.EIO, "storage_failed")],
)
def test_each_kind_of_disk_that_takes_no_copy_has_its_sentence(
    number: int, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, "")

    window = Window(tmp_path, monkeypatch, RECEIPT)
    window.files.note(api.Received("F1", str(tmp_path / "a.txt"), "", talk="t"))
    window.chosen = [str(tmp_path / "b.txt")]
    monkeypatch.setattr("shutil.copyfile", fail)
    monkeypatch.setattr(Path, "write_text", fail)
    failed = api.Error(code, f"<code.{code}>")
    assert [window.do(SaveCopy("F1", talk="t")), window.do(SaveReceipt(talk="t"))] == [failed] * 2


def test_half_a_copy_is_removed_unless_a_file_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object, target: str) -> None:
        Path(target).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "")

    window = Window(tmp_path, monkeypatch)
    window.files.note(api.Received("F1", str(tmp_path / "a.txt"), "", talk="t"))
    monkeypatch.setattr("shutil.copyfile", fail)
    new, old = tmp_path / "new.txt", tmp_path / "old.txt"
    old.write_bytes(b"whole")
    for target in (new, old):
        window.chosen = [str(target)]
        assert window.do(SaveCopy("F1", talk="t")) == api.Error("disk_full", "<code.disk_full>")
    assert (new.exists(), old.exists()) == (False, True)
