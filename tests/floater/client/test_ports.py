"""The port that is ready, on a real server's observers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from floater.client.ports import Ports
from floater.client.server import link_to
from floater.config import ClientConfig
from floater.net.punch_port import PunchPort
from floater.net.server_link import ServerLink
from floater.wire import control
from floater.wire.url import parse_server_url
from server.app import running_server
from server.config import ServerConfig

pytestmark = pytest.mark.asyncio


@dataclass
class House:
    """Ports, and what they ask."""

    link: ServerLink
    wanted: bool = True
    idle: bool = True

    @asynccontextmanager
    async def ports(self) -> AsyncIterator[Ports]:
        ports = Ports(self.link, wanted=lambda: self.wanted, idle=lambda: self.idle, mapped=lambda: True)
        try:
            yield ports
        finally:
            await ports.close()


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    """A link to a real server."""
    async with running_server(ServerConfig(data_dir=folder, listen="127.0.0.1:0")) as server:
        link = link_to(
            parse_server_url(server.url), ClientConfig(data_dir=folder, proxy="none"), lambda: "en"
        )
        link.start()
        try:
            await link.request(control.Ping(1), wait=True)
            yield House(link)
        finally:
            await link.close()


async def test_a_port_is_ready_until_it_is_taken(tmp_path: Path) -> None:
    async with house(tmp_path) as at, at.ports() as ports:
        ports.prepare()
        port = await ports.ready()
        assert port is not None
        assert port.facts.public
        assert await ports.ready() is port
        async with ports.at_hand() as same:
            assert same is port
        assert await ports.take() is port
        await port.close()
        again = await ports.ready()
        assert again is not None
        assert again.facts.port != port.facts.port


async def test_each_of_two_who_wait_for_a_port_gets_its_own(tmp_path: Path) -> None:
    async with house(tmp_path) as at, at.ports() as ports:
        one, other = await asyncio.gather(ports.take(), ports.take())
        assert one is not None
        assert other is not None
        assert one.facts.port != other.facts.port
        for port in (one, other, None):
            ports.release(port)


async def test_none_is_prepared_where_none_is_wanted_but_one_can_be_looked_at(tmp_path: Path) -> None:
    async with house(tmp_path) as at, at.ports() as ports:
        at.wanted = False
        assert await ports.ready() is None
        async with ports.at_hand() as port:
            assert port.facts.public
        assert await ports.take() is None


async def test_a_port_that_is_no_longer_wanted_when_it_is_ready_is_closed(tmp_path: Path) -> None:
    async with house(tmp_path) as at, at.ports() as ports:
        ports.prepare()
        at.wanted = False
        assert await ports.ready() is None


async def test_without_a_server_there_is_no_port() -> None:
    ports = Ports(None, wanted=lambda: True, idle=lambda: True, mapped=lambda: True)
    assert await ports.ready() is None
    await ports.close()


@pytest.mark.parametrize("turns", range(12))
async def test_whenever_it_is_closed_nothing_stays_open(tmp_path: Path, turns: int) -> None:
    """Sockets that stay open fail the test, as every warning does."""
    async with house(tmp_path) as at, at.ports() as ports:
        ports.prepare()
        for _ in range(turns):
            await asyncio.sleep(0)
        ports.drop()
        ports.prepare()
        for _ in range(turns):
            await asyncio.sleep(0)


async def test_a_port_that_is_being_closed_is_closed_to_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing, may_close = asyncio.Event(), asyncio.Event()
    really_close = PunchPort.close

    async def close(self: PunchPort) -> None:
        closing.set()
        await may_close.wait()
        await really_close(self)

    monkeypatch.setattr(PunchPort, "close", close)
    async with house(tmp_path) as at, at.ports() as ports:
        ports.prepare()
        at.wanted = False
        await closing.wait()
        ports.drop()
        asyncio.get_running_loop().call_later(0.01, may_close.set)
