from dataclasses import replace
from pathlib import Path

import pytest

from floater import __version__
from floater.client.search import Announced
from floater.client.server import AGENT, connect, engine_by, link_to, ping
from floater.codes import Code
from floater.config import ClientConfig
from floater.core.meet import orders
from floater.crypto.certificate import make_certified_key
from floater.errors import Refused, ServerRefused
from floater.wire import control
from tests.helpers.introduced import introduced
from tests.helpers.scripted_server import WELCOME, Caller, scripted_server

pytestmark = pytest.mark.asyncio


async def test_a_server_is_told_who_we_are_and_in_which_language(tmp_path: Path) -> None:
    async def serve(caller: Caller) -> None:
        hello = await caller.hear()
        assert isinstance(hello, control.Hello)
        assert (hello.agent, hello.language) == (AGENT, "zh-CN")
        caller.say(WELCOME)
        caller.say(control.Done((await caller.request()).id))
        caller.say(control.Refused("busy", (await caller.request()).id))
        await caller.hear()

    assert AGENT == f"floater/{__version__}"
    config = ClientConfig(data_dir=tmp_path, proxy="none")
    async with scripted_server(serve) as url:
        link = link_to(url, config, lambda: "zh-CN")
        link.start()
        try:
            await ping(link)
            with pytest.raises(ServerRefused):
                await ping(link)
        finally:
            await link.close()


async def test_without_a_server_there_is_none_to_ping() -> None:
    with pytest.raises(Refused) as refused:
        await ping(None)
    assert refused.value.code is Code.SERVER_URL_INVALID


async def test_a_proxy_that_is_no_address_is_found_at_once(tmp_path: Path) -> None:
    async with scripted_server() as url:
        with pytest.raises(ValueError, match="proxy"):
            link_to(url, ClientConfig(data_dir=tmp_path, proxy="ftp://x"), lambda: "en")


@pytest.mark.logs("match refused")
async def test_a_match_without_a_proof_is_denied(tmp_path: Path) -> None:
    config = ClientConfig(data_dir=tmp_path, proxy="none")
    key = make_certified_key()
    fed: list[orders.Event] = []

    async def silent(caller: Caller) -> None:
        await caller.hear()

    async with scripted_server(silent) as url:
        link = link_to(url, config, lambda: "en")
        introduction = replace(introduced(), own=key.certificate)
        performer = connect(
            link, config, lambda *_: Announced(key, None), introduction, fed.append, lambda: 0
        )
        performer.begin()
        assert fed == [orders.Denied(Code.BAD_TICKET)]
        performer.perform(orders.CloseAll())
        await performer.closed()
        await link.close()


async def test_an_engine_begins_with_nothing_to_do(tmp_path: Path) -> None:
    engine = engine_by(ClientConfig(data_dir=tmp_path))
    assert engine.deadline is None
    assert engine.standing.encounters == ()
