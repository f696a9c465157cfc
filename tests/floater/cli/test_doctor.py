from pathlib import Path

import pytest

from floater.cli.doctor import HEALTHY, NO_SERVER, SICK, Doctor
from floater.config import ClientConfig
from floater.sentences import sentence
from floater.store.settings import SettingsFile
from tests.helpers.scripted_server import WELCOME, Caller, scripted_server

pytestmark = pytest.mark.asyncio


async def examine(folder: Path, server: str) -> tuple[int, list[str]]:
    SettingsFile(folder).change(language="en")
    said: list[str] = []
    config = ClientConfig(data_dir=folder, server=server, proxy="none")
    return await Doctor(config, said.append).examine(), said


async def test_without_a_server_there_is_nothing_to_examine(tmp_path: Path) -> None:
    code, said = await examine(tmp_path, "")
    assert (code, said) == (NO_SERVER, [sentence("code.server_url_invalid", "en")])


async def test_a_name_that_nobody_knows_ends_it(tmp_path: Path) -> None:
    code, said = await examine(tmp_path, "floater://nowhere.invalid:1")
    assert code == SICK
    assert sentence("doctor.no_name", "en", host="nowhere.invalid") in said


async def test_a_port_where_nobody_listens_ends_it(tmp_path: Path) -> None:
    code, said = await examine(tmp_path, "floater://127.0.0.1:1")
    assert code == SICK
    assert sentence("doctor.no_tcp", "en", port=1) in said


async def test_a_server_that_answers_is_told_step_by_step(tmp_path: Path) -> None:
    async def answer(caller: Caller) -> None:
        await caller.hear()
        caller.say(WELCOME)

    async with scripted_server(answer) as url:
        code, said = await examine(tmp_path, str(url))
    assert code in (HEALTHY, SICK)  # as the network of this machine is
    assert said[0] == sentence("doctor.server", "en", url=str(url))
    assert sentence("doctor.pinned", "en") in said
