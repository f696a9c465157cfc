"""Punch ports on a real server's observers; what is decided about them is tested with the machine."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from floater.client import reach as module
from floater.client.reach import Reach
from floater.client.server import link_to
from floater.config import ClientConfig
from floater.core.person import ports
from floater.net.punch_port import PunchPort
from floater.net.server_link import ServerLink
from floater.wire import control
from floater.wire.url import parse_server_url
from server.app import running_server
from server.config import ServerConfig

pytestmark = pytest.mark.asyncio


class House:
    """A reach, and a search and talks that ask it for ports."""

    def __init__(self, link: ServerLink | None) -> None:
        self.link = link
        self.announced: list[PunchPort | None] = []
        self.given: dict[str, list[PunchPort | None]] = {}
        self._came = asyncio.Event()
        self.reach = Reach(link, may_map=lambda: False, changed=lambda _: None)
        self.reach.announce = self._announce

    def feed(self, *events: ports.Event) -> None:
        for event in events:
            self.reach.feed(event)

    def ask(self, *talks: str) -> None:
        for talk in talks:
            self.reach.renew(talk, self._take(talk))

    async def gets(self, *talks: str) -> None:
        """Wait until these talks, and no other, have got a port each, no two the same."""
        await self._until(lambda: len(self.given) >= len(talks))
        assert {talk: len(given) for talk, given in self.given.items()} == dict.fromkeys(talks, 1)
        numbers = {port.facts.port for given in self.given.values() for port in given if port is not None}
        assert len(numbers) == len(talks)

    async def announces(self, count: int = 1) -> PunchPort:
        """Wait until the search has announced so often, and return the last port."""
        await self._until(lambda: len(self.announced) >= count)
        port = self.announced[-1]
        assert port is not None
        return port

    async def close(self) -> None:
        await self.reach.close()
        for given in self.given.values():
            for port in given:
                if port is not None:
                    await port.close()

    def _announce(self, port: PunchPort | None) -> None:
        self.announced.append(port)
        self._came.set()

    def _take(self, talk: str) -> Callable[[PunchPort | None], None]:
        def take(port: PunchPort | None) -> None:
            self.given.setdefault(talk, []).append(port)
            self._came.set()

        return take

    async def _until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not done():
                self._came.clear()
                await self._came.wait()


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    """A reach on a real server. The log-in is on, and nobody has asked for a port."""
    async with running_server(ServerConfig(data_dir=folder, listen="127.0.0.1:0")) as server:
        config = ClientConfig(data_dir=folder, proxy="none")
        link = link_to(parse_server_url(server.url), config, lambda: "en")
        link.start()
        try:
            await link.request(control.Ping(1), wait=True)
            at = House(link)
            at.feed(ports.Online(), ports.LoggedIn())
            try:
                yield at
            finally:
                await at.close()
        finally:
            await link.close()


async def test_a_port_is_announced_by_the_search_and_given_to_its_match(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        at.feed(ports.Wanted(), ports.NotWanted(), ports.SearchAsks())
        port = await at.announces()
        assert port.facts.public
        assert at.reach.found("a") is port
        at.feed(ports.Leave())
        assert port.candidates, "it is the match's now"
        await port.close()


async def test_a_cancelled_search_leaves_its_port_to_the_next(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        at.feed(ports.SearchAsks())
        port = await at.announces()
        at.feed(ports.SearchOver(told=False))
        async with at.reach.at_hand() as ready:
            assert ready is port
        at.feed(ports.SearchAsks())
        assert at.announced == [port, port]


async def test_each_talk_gets_a_port_of_its_own(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        at.ask("a", "b", "c")
        await at.gets("a", "b", "c")
        assert list(at.given) == ["a", "b", "c"], "the talk that asked first is served first"


async def test_a_talk_that_is_over_gets_none(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        at.ask("a", "b")
        at.reach.forget("a")
        at.reach.forget("of no talk")
        await at.gets("b")


async def test_a_talk_that_ends_while_others_hear_that_there_is_no_port_hears_nothing(tmp_path: Path) -> None:
    at = House(None)
    at.feed(ports.Online(), ports.Configured(hides=True))
    at.reach.renew("a", lambda _: at.reach.forget("b"))
    at.ask("b", "c")
    at.feed(ports.LoggedIn())
    assert at.given == {"c": [None]}
    await at.close()


async def test_none_is_prepared_while_the_address_is_hidden_but_one_can_be_looked_at(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        at.feed(ports.Configured(hides=True), ports.SearchAsks())
        assert at.announced == [None]
        async with at.reach.at_hand() as port:
            assert port.facts.public


@pytest.mark.logs("no punch port")
async def test_a_computer_without_ports_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def prepare(**_: object) -> PunchPort:
        raise OSError("no port to punch from")

    monkeypatch.setattr(module, "prepare_punch_port", prepare)
    async with house(tmp_path) as at:
        at.ask("a")
        await at._until(lambda: bool(at.given))
        assert at.given == {"a": [None]}


@pytest.mark.logs("task prepare a port failed")
async def test_who_waits_for_a_port_hears_that_there_is_none_whatever_went_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def prepare(**_: object) -> PunchPort:
        raise ValueError("what nobody expects")

    monkeypatch.setattr(module, "prepare_punch_port", prepare)
    async with house(tmp_path) as at:
        at.ask("a")
        await at._until(lambda: bool(at.given))
        at.feed(ports.SearchAsks())
        await at._until(lambda: bool(at.announced))
        assert (at.given, at.announced) == ({"a": [None]}, [None])


async def test_a_port_that_becomes_stale_is_replaced(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        at.feed(ports.Wanted(), ports.SearchAsks())
        first = await at.announces()
        assert first._on_stale is not None
        first._on_stale()
        at.feed(ports.SearchOver(told=False), ports.SearchAsks())
        assert await at.announces(2) is not first


@pytest.mark.parametrize("turns", range(12))
async def test_whenever_it_is_closed_nothing_stays_open(tmp_path: Path, turns: int) -> None:
    """Sockets that stay open fail the test, as every warning does."""
    async with house(tmp_path) as at:
        at.reach.begin()
        at.feed(ports.Wanted())
        for _ in range(turns):
            await asyncio.sleep(0)
        at.feed(ports.NetworkChanged())
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
    async with house(tmp_path) as at:
        at.feed(ports.SearchAsks())
        await at.announces()
        at.feed(ports.SearchOver(told=True))
        await closing.wait()
        asyncio.get_running_loop().call_later(0.01, may_close.set)
