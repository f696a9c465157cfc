import errno
from pathlib import Path

import pytest

from floater import api
from floater.client.preferences import MAX_LANGUAGE, change, folder_for, shown, tell_of_addresses
from floater.codes import Code
from floater.errors import Refused
from floater.store.settings import FILE, SettingsFile


def test_what_is_set_is_shown_and_stored(tmp_path: Path) -> None:
    settings = SettingsFile(tmp_path)
    assert shown(settings).appearance == "auto"
    wish = api.Set(
        hide_address=True,
        map_port=False,
        language="zh-CN",
        downloads=str(tmp_path),
        appearance="dark",
        address_asked=True,
    )
    change(settings, wish)
    everything = api.Settings(
        hide_address=True,
        map_port=False,
        language="zh-CN",
        downloads=str(tmp_path),
        appearance="dark",
        address_asked=True,
    )
    assert shown(settings) == shown(SettingsFile(tmp_path)) == everything
    change(settings, api.Set())
    assert shown(settings) == everything


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (api.Set(downloads="/no/such/folder"), Code.NO_SUCH_FILE),
        (api.Set(language="x" * (MAX_LANGUAGE + 1)), Code.BAD_COMMAND),
        (api.Set(appearance="pink"), Code.BAD_COMMAND),
    ],
)
def test_what_cannot_be_set_changes_nothing(tmp_path: Path, wish: api.Set, code: Code) -> None:
    settings = SettingsFile(tmp_path)
    before = shown(settings)
    with pytest.raises(Refused) as refused:
        change(settings, wish)
    assert refused.value.code is code
    assert shown(settings) == before


def test_files_go_where_it_was_said_or_into_the_downloads(tmp_path: Path) -> None:
    settings = SettingsFile(tmp_path)
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    change(settings, api.Set(downloads=str(downloads)))
    downloads.rmdir()
    assert folder_for(settings, "") == downloads
    assert downloads.is_dir(), "it is made if need be"
    assert folder_for(settings, str(tmp_path)) == tmp_path
    for missing in (str(tmp_path / "none"), str(tmp_path / FILE)):
        with pytest.raises(Refused, match="no_such_file"):
            folder_for(settings, missing)
    downloads.rmdir()
    downloads.write_bytes(b"in the way")
    with pytest.raises(Refused, match="no_such_file"):
        folder_for(settings, "")


def test_that_addresses_are_shown_is_told_once_and_not_to_a_person_who_hides(tmp_path: Path) -> None:
    settings = SettingsFile(tmp_path / "data")
    told: list[Code] = []
    change(settings, api.Set(hide_address=True))
    tell_of_addresses(settings, told.append)
    assert told == []
    change(settings, api.Set(hide_address=False))
    for _ in range(2):
        tell_of_addresses(settings, told.append)
    assert told == [Code.DIRECT_SHOWS_ADDRESSES]


@pytest.mark.logs("settings cannot be")
def test_what_cannot_be_stored_is_told_again(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"in the way")
    settings = SettingsFile(tmp_path / "data")
    told: list[Code] = []
    for _ in range(2):
        tell_of_addresses(settings, told.append)
    assert told == [Code.DIRECT_SHOWS_ADDRESSES] * 2


@pytest.mark.parametrize("name", ["~$x", "~no-such-person", "a\0b", "\udce9\0"])
def test_a_folder_that_is_no_home_is_no_folder(name: str, tmp_path: Path) -> None:
    settings = SettingsFile(tmp_path)
    with pytest.raises(Refused, match="no_such_file"):
        change(settings, api.Set(downloads=name))
    with pytest.raises(Refused, match="no_such_file"):
        folder_for(settings, name)


@pytest.mark.parametrize(
    ("number", "code"), [(errno.EROFS, Code.NOT_WRITABLE), (errno.ENOSPC, Code.DISK_FULL)]
)
def test_downloads_that_cannot_be_made_are_told_for_what_they_are(
    number: int, code: Code, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **_more: object) -> None:
        raise OSError(number, "")

    monkeypatch.setattr(Path, "mkdir", fail)
    with pytest.raises(Refused) as refused:
        folder_for(SettingsFile(tmp_path), "")
    assert refused.value.code is code
