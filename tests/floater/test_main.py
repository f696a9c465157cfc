"""`floater` as it is called: its flags, and what it says when it cannot begin."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import floater
from floater import __main__ as program
from floater.__main__ import main
from floater.config import ClientConfig
from floater.lock import FolderLock

NO_KEYRING = "keyring.backends.null.Keyring"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("FLOATER_", "LC_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LANG", "en_GB.UTF-8")


def starts(monkeypatch: pytest.MonkeyPatch, name: str) -> list[tuple[Any, ...]]:
    """Note how a face is called in place of running it."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(program, name, lambda *given: calls.append(given))
    monkeypatch.setattr(program, "run", lambda work, level: 5)
    return calls


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out == f"{floater.__version__}\n"
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert (end.value.code, capsys.readouterr().out) == (0, f"{floater.__version__}\n")


@pytest.mark.parametrize("face", ["headless", "doctor"])
def test_flags_come_before_variables_and_those_before_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, face: str
) -> None:
    calls = starts(monkeypatch, face)
    (tmp_path / "file.toml").write_text('grace = 7\nserver = "file"\nproxy = "none"')
    monkeypatch.setenv("FLOATER_SERVER", "variable")
    argv = ["--data-dir", str(tmp_path), "--config", str(tmp_path / "file.toml")]
    assert main([face, *argv]) == 5
    (((config,),)) = calls
    assert isinstance(config, ClientConfig)
    assert (config.data_dir, config.server, config.proxy) == (tmp_path, "variable", "none")
    assert config.meeting.grace == 7.0


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["--config", "nowhere.toml"], "nowhere.toml cannot be read (FileNotFoundError)."),
        (["--proxy", "socks5://x"], "proxy"),
        (["--data-dir", ""], "--data-dir: '' is not the name of a folder."),
    ],
)
def test_a_flag_that_makes_no_sense_is_said(tmp_path: Path, argv: list[str], complaint: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(["headless", *argv])
    assert str(end.value.code).startswith("floater: ")
    assert complaint in str(end.value.code)


def test_a_demo_speaks_the_language_that_is_wished_for(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = starts(monkeypatch, "demo")
    for argv in ([], ["--language", "zh"], ["--language", "zh-CN"], ["--language", "en", "--terminal"]):
        assert main(["demo", *argv]) == 5
    assert [(str(way.value), language) for way, language, _, _ in calls] == [
        ("best", "en"),
        ("best", "zh-CN"),
        ("best", "zh-CN"),
        ("terminal", "en"),
    ]


def test_a_server_is_hosted_in_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = starts(monkeypatch, "host")
    assert main(["host", "--data-dir", str(tmp_path), "--listen", "127.0.0.1:0"]) == 5
    ((folder, listen, language, environment),) = calls
    assert (folder, listen, language, environment) == (tmp_path, "127.0.0.1:0", "en", os.environ)


def test_a_folder_that_another_client_holds_is_said_in_the_persons_language(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "settings.json").write_text('{"language": "zh-CN"}')
    lock = FolderLock(tmp_path)
    lock.take()
    try:
        assert main(["headless", "--data-dir", str(tmp_path)]) == 2
    finally:
        lock.give_back()
    said = capsys.readouterr().err
    assert said.startswith("floater: ")
    assert "文件夹" in said


def test_a_person_who_interrupts_is_not_shown_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(work: object, level: str) -> int:
        raise KeyboardInterrupt

    starts(monkeypatch, "doctor")
    monkeypatch.setattr(program, "run", interrupt)
    assert main(["doctor"]) == 130


# -- the window ---------------------------------------------------------------------------


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[Any, ...]]:
    """The calls of `floater.desktop.app.run`, which opens no window here; its page is there."""
    calls: list[tuple[Any, ...]] = []

    def run(*given: Any) -> int:
        calls.append(given)
        return 0

    app = SimpleNamespace(run=run)
    monkeypatch.setitem(sys.modules, "floater.desktop.app", app)
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").touch()
    monkeypatch.setattr(program, "resources", SimpleNamespace(files=lambda name: tmp_path))
    monkeypatch.setattr(program, "set_up_log", lambda level: None)
    return calls


@pytest.mark.parametrize(
    ("argv", "geometry"),
    [
        ([], ()),
        (["window"], ()),
        (["--size", "800x600"], ((800, 600), None)),
        (["window", "--size", "800x600+10+20"], ((800, 600), (10, 20))),
    ],
)
def test_floater_alone_is_the_window(
    windows: list[tuple[Any, ...]], tmp_path: Path, argv: list[str], geometry: tuple[object, ...]
) -> None:
    data = ["--data-dir", str(tmp_path)]
    assert main([*argv, *data]) == 0
    ((config, *place),) = windows
    assert (config.data_dir, tuple(place)) == (tmp_path, geometry)


def test_a_window_without_its_page_is_said(
    windows: list[tuple[Any, ...]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "page" / "index.html").unlink()
    assert main(["--data-dir", str(tmp_path)]) == 1
    assert (windows, capsys.readouterr().err != "") == ([], True)


def test_a_window_without_what_draws_it_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "floater.desktop.app", None)
    assert main(["--data-dir", str(tmp_path)]) == 1
    assert "floater.desktop.app" in capsys.readouterr().err


@pytest.mark.usefixtures("homeless")
def test_a_user_without_a_home_is_told_to_name_a_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["version"]) == 0
    with pytest.raises(SystemExit, match="0"):
        main(["headless", "--help"])
    starts(monkeypatch, "headless")
    starts(monkeypatch, "host")
    assert main(["headless", "--data-dir", str(tmp_path)]) == 5
    assert main(["host", "--data-dir", str(tmp_path)]) == 5
    for face in ("headless", "host"):
        with pytest.raises(SystemExit, match="--data-dir"):
            main([face])


@pytest.mark.logs("settings cannot be read")
def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "file" / "data"
    folder.parent.write_bytes(b"")
    assert main(["headless", "--data-dir", str(folder)]) == 2
    assert str(folder) in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["--data-dir=~no-such-person/x"], ["--config=~no-such-person/x"]])
def test_a_home_that_is_not_there_is_said(argv: list[str]) -> None:
    with pytest.raises(SystemExit, match="no-such-person"):
        main(["headless", *argv])


def test_a_host_may_name_a_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    calls = starts(monkeypatch, "host")
    main(["host", "--data-dir=~/x"])
    assert calls[0][0] == tmp_path / "x"


@pytest.mark.parametrize("face", ["version", "doctor --help", "host --help"])
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_it_ends_well_without_standard_descriptors(face: str, closed: str) -> None:
    command = f'"$0" -m floater {face} {closed}'
    assert subprocess.run(["sh", "-c", command, sys.executable], capture_output=True).returncode == 0


def test_a_client_without_standard_descriptors_ends_well(tmp_path: Path) -> None:
    command = '"$0" -m floater headless --data-dir "$1" <&- >&- 2>&-'
    argv = ["sh", "-c", command, sys.executable, str(tmp_path)]
    assert subprocess.run(argv, capture_output=True, timeout=60).returncode == 0


def test_a_folder_whose_name_is_not_utf_8_is_a_folder(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    environment = {**os.environ, "HOME": os.fsdecode(folder), "PYTHON_KEYRING_BACKEND": NO_KEYRING}
    lines = b'{"id":1,"command":"status"}\n{"id":2,"command":"set","downloads":"' + (
        json.dumps(os.fsdecode(folder))[1:-1].encode()
        + b'"}\n{"id":3,"command":"status"}\n{"id":4,"command":"quit"}\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "floater", "headless", "--server", "floater://127.0.0.1:9", "--proxy", "none"],
        env=environment,
        input=lines,
        capture_output=True,
        timeout=60,
    )
    replies = [line for line in map(json.loads, done.stdout.splitlines()) if "reply" in line]
    assert [(line["reply"], line["ok"]) for line in replies] == [(1, True), (2, True), (3, True), (4, True)]
    assert os.fsencode(replies[2]["settings"]["downloads"]) == folder
    assert done.returncode == 0
