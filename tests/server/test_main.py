"""The program as an operator meets it: its one line, its goodbye, its complaints."""

import asyncio
import json
import os
import re
import signal
import socket
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import pytest

from floater.codes import Code
from floater.wire import control
from floater.wire.url import parse_server_url
from server.__main__ import main, read_config
from server.app import running_server
from server.config import ServerConfig, parse_place
from server.errors import CannotStart
from server.services.accounts import DATABASE_FILE
from tests.server.gateway.guests import Stream


async def start(*argv: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "server",
        "run",
        *argv,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if not name.startswith("FLOATER_")},
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.asyncio
async def test_it_says_one_line_and_goodbye(tmp_path: Path, number: signal.Signals) -> None:
    server = await start("--data-dir", str(tmp_path / "new"), "--listen", "127.0.0.1:0")
    assert server.stdout
    async with asyncio.timeout(20):
        line = await server.stdout.readline()
    assert re.fullmatch(
        rb'\{"event": "ready", "url": "floater://127\.0\.0\.1:\d+#[A-Za-z0-9_-]{43}"\}\n', line
    )
    url = parse_server_url(json.loads(line)["url"])
    async with await Stream.open(url.port) as guest, await Stream.open(url.port, tls=None) as silent:
        guest.say(control.Hello(versions=(1,)))
        await guest.expect(control.Welcome)
        server.send_signal(number)
        closing = await guest.expect(control.Closing)
        assert closing.code == Code.SERVER_CLOSING
        assert closing.retry_after >= 1.0
        await guest.expect_end()
        await silent.expect_end()
    async with asyncio.timeout(30):
        out, err = await server.communicate()
    assert (server.returncode, out) == (0, b"")
    assert b"127.0.0.1" not in err
    assert b"Traceback" not in err


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-"])
@pytest.mark.asyncio
async def test_it_says_goodbye_without_standard_descriptors(tmp_path: Path, closed: str) -> None:
    command = f'exec "$0" -m server run --data-dir "$1" --listen 127.0.0.1:0 {closed}'
    server = await asyncio.create_subprocess_exec(
        "sh", "-c", command, sys.executable, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout
    async with asyncio.timeout(60):
        await server.stdout.readline()
        server.send_signal(signal.SIGTERM)
        assert await server.wait() == 0


def complaint(capsys: pytest.CaptureFixture[str], argv: Sequence[str]) -> str:
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    last = err.splitlines()[-1]
    assert last.startswith("floater-server: ")
    assert last.endswith(".")
    return last


def test_a_port_in_use_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        assert f"Cannot listen at {place}: the port is in use" in complaint(
            capsys, ["run", "--data-dir", str(tmp_path), "--listen", place]
        )


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    argv = ["run", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "file" / "x")]
    assert "cannot be used" in complaint(capsys, argv)


@pytest.mark.asyncio
async def test_a_second_server_on_a_folder_says_so_and_ends_and_the_first_goes_on(tmp_path: Path) -> None:
    async with running_server(ServerConfig(data_dir=tmp_path, listen="127.0.0.1:0")) as first:
        second = await start("--listen", "127.0.0.1:0", "--data-dir", str(tmp_path))
        async with asyncio.timeout(30):
            out, err = await second.communicate()
        assert (second.returncode, out) == (2, b"")
        assert err.decode() == (
            f"floater-server: Another server works on the data folder {tmp_path}; stop it, or use another"
            " folder.\n"
        )
        await first.backend.accounts.check_health()


def test_a_later_schema_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def once() -> None:
        async with running_server(ServerConfig(data_dir=tmp_path, listen="127.0.0.1:0")):
            pass

    asyncio.run(once())
    with closing(sqlite3.connect(tmp_path / DATABASE_FILE)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    argv = ["run", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path)]
    assert "later version" in complaint(capsys, argv)


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["stop"],
        ["run"],
        ["run", "--no-such-flag"],
        ["run", "--data-dir", "x", "--listen", "nowhere"],
        ["run", "--data-dir", "x", "--listen", "::1:7443"],
        ["run", "--data-dir", "x", "--listen", "127.0.0.1:99999"],
        ["run", "--data-dir", "x", "--silence-limit", "soon"],
        ["run", "--data-dir", "x", "--silence-limit", "-1"],
        ["run", "--data-dir", "x", "--silence-limit", "nan"],
        ["run", "--data-dir", "x", "--message-rate", "0"],
        ["run", "--data-dir", "x", "--max-relays", "1.5"],
        ["run", "--data-dir", ""],
        ["run", "--data-dir", "x", "--listen", "127.0.0.1:0", "--smtp-url", "gopher://x"],
        ["run", "--data-dir", "x", "--listen", "127.0.0.1:0", "--log-in-limit", "many"],
        ["run", "--data-dir", "x", "--log-level", "loud"],
    ],
    ids=" ".join,
)
def test_an_option_that_makes_no_sense_is_said(
    argv: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    complaint(capsys, argv)


def test_flags_come_before_variables_and_those_before_defaults() -> None:
    environ = {
        "FLOATER_DATA_DIR": "/var/lib/floater",
        "FLOATER_STUN": "1.2.3.4:1, 5.6.7.8:2",
        "FLOATER_SILENCE_LIMIT": "7",
        "FLOATER_FORWARD_PRIVATE": "yes",
        "FLOATER_MAX_RELAYS": "0",
        "FLOATER_SERVER": "somebody else's",
    }
    config, level = read_config(["run", "--silence-limit", "8", "--no-forward-private"], environ)
    assert config == ServerConfig(
        data_dir=Path("/var/lib/floater"),
        stun=("1.2.3.4:1", "5.6.7.8:2"),
        silence_limit=8.0,
        forward_private=False,
        max_relays=0,
    )
    assert level == 20
    assert read_config(["run"], environ)[0].forward_private
    with pytest.raises(CannotStart, match="FLOATER_FORWARD_PRIVATE"):
        read_config(["run"], {**environ, "FLOATER_FORWARD_PRIVATE": "perhaps"})


def test_help_says_a_sentence_for_every_knob(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["run", "--help"])
    assert end.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for field in fields(ServerConfig):
        assert f"--{field.name.replace('_', '-')}" in text
    assert "Seconds without a word from a client before it is given up." in text


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        (":80", ("0.0.0.0", 80)),
        ("[::]:0", ("::", 0)),
        ("example.org:443", ("example.org", 443)),
    ],
)
def test_a_place_is_host_and_port(text: str, place: tuple[str, int]) -> None:
    assert parse_place(text) == place


@pytest.mark.parametrize("text", ["", "80", "x:", "x:-1", "x:１", "::1:80", "x:65536"])
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(ValueError, match=r"HOST:PORT|brackets"):
        parse_place(text)
