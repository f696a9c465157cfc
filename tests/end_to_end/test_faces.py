"""`floater host` and `floater doctor`, as a person starts them."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.helpers.headless import Person, Server

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def hosting(data_dir: Path) -> AsyncIterator[tuple[str, str]]:
    """Run `floater host` and give its address and all that it said; it has to end well when asked."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "floater", "host", "--data-dir", str(data_dir), "--listen", "127.0.0.1:0"),
        cwd=ROOT,
        env={"LANG": "en_GB.UTF-8", "PATH": "/usr/bin:/bin", "PYTHONIOENCODING": "utf-8"},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            said = ""
            while "Ctrl+C" not in said:
                line = await process.stdout.readline()
                assert line, said
                said += line.decode()
        found = re.search(r"floater://\S+", said)
        assert found, said
        yield found[0], said
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def doctor(*options: str, language: str = "en") -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "floater", "doctor", *options),
        cwd=ROOT,
        env={"LANG": language, "PATH": "/usr/bin:/bin", "PYTHONIOENCODING": "utf-8"},
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(40):
        said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


@pytest.mark.asyncio
async def test_whoever_hosts_gets_an_address_that_others_can_use(tmp_path: Path) -> None:
    async with hosting(tmp_path / "server") as (url, said):
        assert str(tmp_path / "server" / "outbox") in said
        assert said.count("█") > 100  # the QR code
        async with Person(url, tmp_path / "ann") as ann:
            await ann.event("online", online=True)
            await ann.do(
                "sign_up", email="ann@example.org", username="Ann", password="a long password", adult=True
            )
            mails = Server(tmp_path / "server")
            code = await mails.mailed_code("ann@example.org")
            await ann.do("activate", email="ann@example.org", code=code)


@pytest.mark.asyncio
async def test_the_doctor_finds_a_healthy_server_and_says_so_in_both_languages(tmp_path: Path) -> None:
    async with Server(tmp_path / "server") as server:
        options = ("--server", server.url, "--data-dir", str(tmp_path / "d"))
        code, said = await doctor(*options)
        assert code == 0, said
        assert "It has the key that its address promises." in said
        assert "The relay can be used." in said
        assert "The relay can be used inside TLS too." in said
        assert "3 of 3 observers answered." in said
        code, said = await doctor(*options, language="zh_CN.UTF-8")
        assert code == 0
        assert "中转可以使用。" in said


@pytest.mark.asyncio
async def test_the_doctor_tells_a_wrong_server_from_none(tmp_path: Path) -> None:
    data_dir = ("--data-dir", str(tmp_path / "d"))
    async with Server(tmp_path / "server") as server:
        place, _, pin = server.url.partition("#")
        other = pin[:-2] + ("AA" if not pin.endswith("AA") else "BA")
        code, said = await doctor("--server", f"{place}#{other}", *data_dir)
        assert code == 1
        assert "not the one its address promises" in said
        gone = server.url
    code, said = await doctor("--server", gone, *data_dir)
    assert code == 1
    assert "nobody is there" in said
    code, said = await doctor(*data_dir)
    assert code == 2
    code, said = await doctor("--server", "http://example.org/x", *data_dir)
    assert code == 2
