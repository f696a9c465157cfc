"""What `pip install` leaves on a computer that has nothing of ours yet."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.headless import Person, Program, Server
from tests.test_packaging import ROOT, build


class Installed:
    """An environment of its own, without anything of the checkout."""

    def __init__(self, folder: Path) -> None:
        self._wheel = build("wheel", ROOT, folder / "wheel")
        self._programs = folder / "venv" / "bin"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)

    def install(self, extra: str = "") -> None:
        """Install the wheel and what it declares."""
        python = ["--python", str(self._programs / "python"), "--disable-pip-version-check"]
        pip = [sys.executable, "-m", "pip", *python, "install", "--quiet"]
        subprocess.run([*pip, f"{self._wheel}{extra}"], check=True)

    def says(self, program: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run a program to its end."""
        argv = [str(self._programs / program), *options]
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)

    def take(self, program: str, run: Program) -> None:
        """Make something that a test will run from the checkout come from here."""
        run.argv[:3] = [str(self._programs / program)]


@pytest.mark.asyncio
@pytest.mark.timeout(300)  # it fetches all that is declared, and nothing else is there
async def test_an_installed_wheel_talks_and_with_its_server_serves(tmp_path: Path) -> None:
    installed = Installed(tmp_path)
    installed.install()
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", installed.says("floater", "--version").stdout)
    window = installed.says("floater", "--data-dir", str(tmp_path / "window"))
    assert window.returncode == 1
    assert "pip install 'floater[desktop]'" in window.stderr, "no window was asked for, and none came"
    person = Person(None, tmp_path / "alone")
    installed.take("floater", person)
    async with person:
        assert (await person.do("status"))["state"] == "signed_out"
        assert await person.end() == 0

    installed.install("[server]")
    server = Server(tmp_path / "server")
    installed.take("floater-server", server)
    async with server:
        person = Person(server, tmp_path / "ann")
        installed.take("floater", person)
        async with person:
            await person.sign_up_and_log_in("ann@example.org", "Ann")
            assert await person.end() == 0
        server.stop()
        assert await server.exited() == 0
