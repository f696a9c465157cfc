from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from floater.cli.doctor import HEALTHY, NO_SERVER, SICK, Doctor, doctor
from floater.client.hosting import Hosting
from floater.config import ClientConfig
from floater.sentences import sentence
from floater.store.settings import SettingsFile
from tests.helpers.proxy import tiny_proxy
from tests.helpers.scripted_server import WELCOME, Caller, scripted_server

pytestmark = pytest.mark.asyncio


async def examine(
    folder: Path, server: str, *, proxy: str = "none", hidden: bool = False
) -> tuple[int, list[str]]:
    SettingsFile(folder).change(language="en", hide_address=hidden, map_port=False)
    said: list[str] = []
    config = ClientConfig(data_dir=folder, server=server, proxy=proxy)
    return await Doctor(config, said.append).examine(), said


@asynccontextmanager
async def real_server(folder: Path) -> AsyncIterator[str]:
    hosting = Hosting()
    hosted = await hosting.start(folder / "server", alone=True, hash_memory=1_024, hash_passes=1)
    try:
        yield hosted.url
    finally:
        await hosting.close()


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


async def silent(caller: Caller) -> None:
    """A server that greets and knows of no observer and no relay."""
    await caller.hear()
    caller.say(WELCOME)


async def test_a_healthy_network_is_told_step_by_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with real_server(tmp_path) as url:
        by_name = url.replace("127.0.0.1", "localhost")
        SettingsFile(tmp_path).change(language="en")
        code = await doctor(ClientConfig(data_dir=tmp_path, server=by_name, proxy="none"))
    said = capsys.readouterr().out
    told = [sentence(key, "en") for key in ("doctor.pinned", "doctor.relay", "doctor.relay_tls")]
    assert code == HEALTHY
    assert said.startswith(f"  {sentence('doctor.server', 'en', url=by_name)}\n")
    assert "  The name localhost leads to " in said
    assert [line for line in told if f"  {line}\n" not in said] == []


async def test_the_way_through_a_proxy_is_told(tmp_path: Path) -> None:
    async with real_server(tmp_path) as url, tiny_proxy() as way:
        host, port = way.proxy.host, way.proxy.port
        code, said = await examine(tmp_path, url, proxy=f"http://{host}:{port}")
    assert said[1] == sentence("doctor.proxy", "en", host=host, port=port)
    assert code == HEALTHY
    assert len(way.requests) >= 4  # the port, the server, the relay twice


async def test_a_server_with_another_key_ends_it(tmp_path: Path) -> None:
    async with scripted_server(silent, pin=b"x" * 32) as url:
        code, said = await examine(tmp_path, str(url))
    assert code == SICK
    assert sentence("code.server_not_trusted", "en") in said
    assert said[-1] == sentence("reachability.offline", "en")


async def test_a_person_who_hides_needs_the_relay(tmp_path: Path) -> None:
    async with scripted_server(silent) as url:
        code, said = await examine(tmp_path, str(url), hidden=True)
    assert code == SICK
    assert said[-3:] == [
        sentence(key, "en") for key in ("doctor.no_relay", "doctor.no_relay_tls", "doctor.no_way")
    ]
