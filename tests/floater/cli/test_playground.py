import os
import sys
from pathlib import Path

import pytest

from floater import api
from floater.cli.playground import AN, BOB, ROOT_FLAGS, Playground
from floater.client import Client
from floater.config import ClientConfig

pytestmark = pytest.mark.asyncio


async def test_two_people_live_there_logged_in_and_nothing_of_it_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    async with Playground("zh-CN") as ground:
        assert ground.hosted.url.startswith("floater://127.0.0.1:")
        await ground.move_in(AN)
        config = ClientConfig(data_dir=ground.folder / AN.folder, server=ground.hosted.url, proxy="none")
        async with Client(config, lambda event: None) as client:
            status = await client.do(api.Status())
        assert isinstance(status, api.StatusReply)
        assert status.settings.language == "zh-CN"
        argv = ground.window(BOB, "460x760+1+2")
        assert argv[argv.index("--size") + 1] == "460x760+1+2"
        assert argv[argv.index("--data-dir") + 1] == str(ground.folder / "bob")
        log = ground.folder / "log"
        program = [sys.executable, "-c", "import os; print(os.environ['LANG'], os.environ['FLOATER_PROXY'])"]
        process = await ground.start(program, log, {})
        assert await process.wait() == 0
        assert log.read_text().split() == ["zh_CN.UTF-8", "none"]
    assert list(tmp_path.iterdir()) == []
    assert os.environ["PYTHON_KEYRING_BACKEND"] == "keyring.backends.null.Keyring"


async def test_programs_are_started_as_this_person_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QTWEBENGINE_CHROMIUM_FLAGS", raising=False)
    flags = Playground("en").environment.get("QTWEBENGINE_CHROMIUM_FLAGS")
    assert flags == (ROOT_FLAGS if os.geteuid() == 0 else None)
    monkeypatch.setenv("QTWEBENGINE_CHROMIUM_FLAGS", "--of-their-own")
    assert Playground("en").environment["QTWEBENGINE_CHROMIUM_FLAGS"] == "--of-their-own"
