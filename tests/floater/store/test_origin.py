import os
import sys
from pathlib import Path

import pytest

from floater.store import origin
from floater.store.origin import QUARANTINE, ZONE, ZONE_STREAM, mark_as_received, quarantine_value


def test_windows_is_told_by_a_stream_beside_the_file_that_it_came_from_the_internet(tmp_path: Path) -> None:
    """Elsewhere the stream is a file of that name, with the same bytes."""
    path = tmp_path / "a.exe"
    path.write_bytes(b"MZ")
    mark_as_received(str(path), platform="win32")
    assert (tmp_path / f"a.exe{ZONE_STREAM}").read_bytes() == ZONE == b"[ZoneTransfer]\r\nZoneId=3\r\n"
    assert path.read_bytes() == b"MZ"


def test_macos_is_told_by_an_attribute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, bytes, bytes]] = []
    monkeypatch.setattr(origin, "_set_attribute", lambda *what: told.append(what))
    mark_as_received("a.app", platform="darwin", now=1_800_000_000.5)
    assert told == [("a.app", QUARANTINE, b"0083;6b49d200;FLOATER;")]
    assert quarantine_value(0.0) == b"0083;00000000;FLOATER;"


def test_on_linux_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.sh"
    path.write_bytes(b"#!")
    mark_as_received(str(path), platform="linux")
    assert os.listdir(tmp_path) == ["a.sh"]
    if sys.platform == "linux":
        assert os.listxattr(path) == []


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_a_file_that_cannot_be_marked_stays_as_it_is(tmp_path: Path, platform: str) -> None:
    mark_as_received(str(tmp_path / "no such folder" / "a.exe"), platform=platform)
    assert os.listdir(tmp_path) == []
