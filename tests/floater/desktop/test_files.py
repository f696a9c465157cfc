import os
from pathlib import Path
from typing import Any

import pytest

from floater import api
from floater.desktop.files import MAX_UPLOADS, Files
from tests.helpers.pictures import claimed_png, noise_png

ENDED = api.TalkEnded(api.Ended.PEER_LOST, 1.0, talk="a")


def received(talk: str, transfer: str, path: Path) -> api.Event:
    return api.Received(transfer, str(path), "00", talk=talk)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "staging")


def test_a_received_file_belongs_to_its_talk_until_that_ends(files: Files, tmp_path: Path) -> None:
    for talk in ("a", "b"):
        files.note(received(talk, "F1", tmp_path / talk))
    assert files.received("a", "F1") == tmp_path / "a"
    assert files.received("b", "F1") == tmp_path / "b"
    assert files.received("c", "F1") is None
    files.note(api.Matched("m", api.PeerName("Bob"), talk="c"))
    assert files.received("a", "F1") is not None
    files.note(ENDED)
    assert files.received("a", "F1") is None
    assert files.received("b", "F1") == tmp_path / "b"
    files.clear()
    assert files.received("b", "F1") is None


def test_a_picture_is_what_its_bytes_say(files: Files, tmp_path: Path) -> None:
    contents = {
        "real": noise_png(2_000),
        "giant": claimed_png(60_000, 60_000),
        "text": b"\x89PNG no",
        "vector": b"<svg/>",
    }
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
        files.note(received("a", name, tmp_path / name))
    files.note(received("a", "gone", tmp_path / "gone"))
    assert files.picture("a", "real") == ("image/png", str(tmp_path / "real"))
    assert [files.picture("a", name) for name in ("giant", "text", "vector", "gone", "unknown")] == [None] * 5
    assert files.picture("b", "real") is None


def test_an_upload_is_sent_once_and_in_its_own_talk(files: Files, tmp_path: Path) -> None:
    number = files.upload("a", "../x/a.png", b"abc")
    assert files.send("b", number) is None
    path = files.send("a", number)
    assert path is not None
    assert (path.name, path.read_bytes(), path.stat().st_mode & 0o777) == ("a.png", b"abc", 0o600)
    assert tmp_path / "staging" in path.parents
    assert files.send("a", number) is None
    assert files.send("a", 99) is None


def test_uploads_stay_on_disk_while_their_talk_goes_on(files: Files, tmp_path: Path) -> None:
    sent, waiting, other = (files.upload(talk, "a", b"x") for talk in ("a", "a", "b"))
    path = files.send("a", sent)
    assert path is not None
    files.note(ENDED)
    assert not path.exists()
    assert files.send("a", waiting) is None
    left = files.send("b", other)
    assert left is not None
    assert left.exists()
    files.drop(other)
    assert not (tmp_path / "staging").exists(), "the last one takes the folder with it"
    files.drop(other)


def test_no_more_wait_than_may(files: Files) -> None:
    sent = files.upload("a", "sent", b"x")
    files.send("a", sent)
    numbers = [files.upload("a", str(number), b"x") for number in range(MAX_UPLOADS + 1)]
    assert files.send("a", numbers[0]) is None
    assert all(files.send("a", number) for number in numbers[1:])


def test_what_an_earlier_run_left_is_removed(files: Files, tmp_path: Path) -> None:
    (tmp_path / "staging" / "1").mkdir(parents=True)
    files.clear()
    assert not (tmp_path / "staging").exists()


def test_a_photo_is_shown_however_much_its_camera_put_before_its_size(files: Files, tmp_path: Path) -> None:
    long = b"\xff\xe1\xff\xff" + bytes(0xFFFD)
    table = b"\xff\xdb\x00\x04ab"

    def frame(height: int, width: int) -> bytes:
        return b"\xff\xc0\x00\x0b\x08" + height.to_bytes(2, "big") + width.to_bytes(2, "big") + bytes(4)

    for name, body, shown in (
        ("depth", long * 6 + table + frame(240, 320), True),
        ("megapixels", frame(6936, 9248), True),
        ("giant", long * 6 + frame(31_000, 31_000), False),
        ("cut", long * 6, False),
    ):
        (tmp_path / name).write_bytes(b"\xff\xd8" + body)
        files.note(api.Received(name, str(tmp_path / name), "", talk="a"))
        assert (files.picture("a", name) is not None) is shown, name


def test_an_upload_that_finds_no_room_leaves_nothing(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def fail(path: Any, flags: int, *mode: Any, **where: Any) -> int:
        if flags & os.O_CREAT:
            raise OSError(28, "no space")
        return real(path, flags, *mode, **where)

    with monkeypatch.context() as full:
        full.setattr("os.open", fail)
        with pytest.raises(OSError, match="no space"):
            files.upload("t", "a", b"x")
    assert [path for path in tmp_path.rglob("*") if path.name.isdigit()] == []
