import json
import os
import stat
import sys
from pathlib import Path

import pytest

from floater.codes import Code
from floater.errors import Refused
from floater.store.settings import FILE, Settings, SettingsFile, system_language

pytestmark = pytest.mark.logs("settings are unreadable", "settings cannot be")


def test_settings_outlive_the_program(tmp_path: Path) -> None:
    SettingsFile(tmp_path / "new").change(hide_address=True, language="zh-CN")
    again = SettingsFile(tmp_path / "new")
    assert again.values == Settings(hide_address=True, language="zh-CN")
    assert again.language == "zh-CN"


def test_what_is_left_out_stays(tmp_path: Path) -> None:
    settings = SettingsFile(tmp_path)
    settings.change(hide_address=True)
    settings.change(downloads=str(tmp_path), hide_address=None)
    assert settings.values == Settings(hide_address=True, downloads=str(tmp_path))
    assert settings.downloads == tmp_path


def test_the_router_is_asked_unless_that_is_switched_off(tmp_path: Path) -> None:
    settings = SettingsFile(tmp_path)
    assert settings.values.map_port
    settings.change(map_port=False)
    assert not SettingsFile(tmp_path).values.map_port
    settings.change(map_port=True)
    assert SettingsFile(tmp_path).values.map_port


def test_keys_of_a_later_version_are_kept(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"theme": {"dark": true}, "hide_address": true}')
    SettingsFile(tmp_path).change(hide_address=False)
    assert json.loads((tmp_path / FILE).read_text()) == {"theme": {"dark": True}, "hide_address": False}


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[1]", b'{"hide', b"[" * 100_000])
def test_a_broken_file_is_set_aside(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    settings = SettingsFile(tmp_path)
    assert settings.set_aside
    assert settings.values == Settings()
    assert (tmp_path / f"{FILE}.broken").read_bytes() == content
    settings.change(hide_address=True)
    assert not SettingsFile(tmp_path).set_aside


def test_values_of_a_wrong_type_are_as_if_not_there(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"hide_address": "yes", "language": 5, "downloads": null, "map_port": 0}')
    assert SettingsFile(tmp_path).values == Settings()


def test_a_disk_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "no_folder").write_text("a file")
    settings = SettingsFile(tmp_path / "no_folder")
    with pytest.raises(Refused) as refused:
        settings.change(hide_address=True)
    assert refused.value.code is Code.STORAGE_FAILED
    assert settings.values == Settings()


def test_nothing_is_written_when_nothing_changes(tmp_path: Path) -> None:
    SettingsFile(tmp_path).change(hide_address=False)
    assert not (tmp_path / FILE).exists()


def test_the_system_says_which_language_to_speak() -> None:
    assert system_language({"LANG": "zh_CN.UTF-8"}) == "zh-CN"
    assert system_language({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_GB"}) == "en"
    assert system_language({"LANG": "fr_FR"}) == "en"


def test_downloads_go_where_the_system_puts_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DOWNLOAD_DIR", raising=False)
    assert SettingsFile(tmp_path).downloads == tmp_path / "Downloads"
    (tmp_path / "user-dirs.dirs").write_text('XDG_DOWNLOAD_DIR="$HOME/下载"\n', "utf-8")
    assert SettingsFile(tmp_path).downloads == tmp_path / "下载"


def test_nobody_else_may_read_them(tmp_path: Path) -> None:
    (tmp_path / f".{FILE}.part").write_text("left behind")
    SettingsFile(tmp_path).change(server="floater://example.org:7443")
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_what_can_be_no_path_is_as_if_not_there_and_can_be_set_anew(text: str, tmp_path: Path) -> None:
    for key in ("downloads", "server", "language"):
        (tmp_path / FILE).write_text(json.dumps({key: text}))
        settings = SettingsFile(tmp_path)
        assert settings.values == Settings()
        settings.change(hide_address=True)
        assert SettingsFile(tmp_path).values == Settings(hide_address=True)


def test_a_folder_whose_name_is_not_utf_8_is_kept(tmp_path: Path) -> None:
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    SettingsFile(tmp_path).change(downloads=folder)
    assert SettingsFile(tmp_path).downloads == Path(folder)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_files_go_to_the_data_folder(tmp_path: Path) -> None:
    assert SettingsFile(tmp_path).downloads == tmp_path / "downloads"
