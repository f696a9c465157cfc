import sys
from dataclasses import fields
from pathlib import Path

import platformdirs
import pytest

from floater.config import ClientConfig, default_data_dir
from floater.core.meet.settings import MeetingSettings
from floater.knobs import BadKnob, knobs_of, read


def test_what_is_given_wins_over_the_environment_and_that_over_the_defaults(tmp_path: Path) -> None:
    environment = {"FLOATER_GRACE": "2.5", "FLOATER_SERVER": "example.org", "FLOATER_MAX_FILE": "10"}
    flags = {"data_dir": str(tmp_path), "server": "other.org", "proxy": None}
    made = read(ClientConfig, flags, environment)
    assert (made.meeting.grace, made.server, made.max_file, made.data_dir) == (2.5, "other.org", 10, tmp_path)
    assert made.meeting.head_start == MeetingSettings.head_start


def test_a_value_that_is_none_is_named() -> None:
    with pytest.raises(BadKnob, match="FLOATER_GRACE"):
        read(ClientConfig, {}, {"FLOATER_GRACE": "long"})


def test_the_knobs_of_a_meeting_keep_their_names() -> None:
    names = {knob.name for knob in knobs_of(ClientConfig)}
    assert names == {field.name for field in fields(ClientConfig)} - {"meeting"} | {
        "head_start", "meeting_timeout", "grace", "punch_delay", "punch_budget", "punch_attempts"
    }  # fmt: skip
    made = read(ClientConfig, {}, {"FLOATER_MEETING_TIMEOUT": "3", "FLOATER_HEAD_START": "0"})
    assert made.meeting == MeetingSettings(timeout=3.0, head_start=0.0)


def test_every_knob_has_a_sentence() -> None:
    assert all(knob.sentence.endswith(".") for knob in knobs_of(ClientConfig))


def test_data_lies_where_the_system_wants_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert default_data_dir() == tmp_path / "data" / "floater"
    monkeypatch.delenv("XDG_DATA_HOME")
    assert default_data_dir() == tmp_path / ".local" / "share" / "floater"


@pytest.mark.parametrize(
    ("platform", "earlier"), [("darwin", "Library/Application Support/floater"), ("win32", "floater")]
)
def test_a_folder_of_an_earlier_version_goes_on_being_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, earlier: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    said = platformdirs.user_data_path("floater", appauthor=False)
    assert default_data_dir() == said
    (tmp_path / earlier).mkdir(parents=True)
    assert default_data_dir() == tmp_path / earlier != said


@pytest.mark.usefixtures("homeless")
def test_a_user_without_a_home_can_name_a_folder_and_has_no_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert read(ClientConfig, {"data_dir": str(tmp_path)}, {}).data_dir == tmp_path
    assert [knob.default for knob in knobs_of(ClientConfig) if knob.name == "data_dir"] == [None]
    with pytest.raises(ValueError, match="--data-dir"):
        read(ClientConfig, {}, {})
