"""Fresh ports for meetings, on a real server's observers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from floater.client.reach import Reach
from floater.net.punch_port import PunchPort
from floater.net.server_link import ServerLink
from tests.floater.client.test_ports import house

pytestmark = pytest.mark.asyncio


class Asking:
    """A reach, and the talks that ask it for ports."""

    def __init__(self, link: ServerLink | None) -> None:
        self.known = True
        self.idle = False
        self.given: dict[str, list[PunchPort | None]] = {}
        self._came = asyncio.Event()
        self.reach = Reach(
            link,
            is_wanted=lambda: True,
            is_idle=lambda: self.idle,
            is_known=lambda: self.known,
            may_map=lambda: False,
            changed=lambda _: None,
        )

    def give(self, talk: str) -> Callable[[PunchPort | None], None]:
        def take(port: PunchPort | None) -> None:
            self.given.setdefault(talk, []).append(port)
            self._came.set()

        return take

    def ask(self, *talks: str) -> None:
        for talk in talks:
            self.reach.renew(talk, self.give(talk))

    async def gets(self, *talks: str) -> None:
        """Wait until these talks, and no other, have got a port each, no two the same."""
        async with asyncio.timeout(30):
            while len(self.given) < len(talks):
                self._came.clear()
                await self._came.wait()
        assert {talk: len(ports) for talk, ports in self.given.items()} == dict.fromkeys(talks, 1)
        ports = [port for got in self.given.values() for port in got if port is not None]
        assert len({port.facts.port for port in ports}) == len(talks)


@asynccontextmanager
async def asking(folder: Path) -> AsyncIterator[Asking]:
    async with house(folder) as at:
        asked = Asking(at.link)
        try:
            yield asked
        finally:
            await asked.reach.close()
            for ports in asked.given.values():
                for port in ports:
                    if port is not None:
                        await port.close()


async def test_each_talk_gets_a_port_of_its_own(tmp_path: Path) -> None:
    async with asking(tmp_path) as at:
        at.ask("a", "b", "c")
        await at.gets("a", "b", "c")
        assert list(at.given) == ["a", "b", "c"], "the talk that asked first is served first"


async def test_a_port_that_was_ready_before_a_talk_asks_is_stale(tmp_path: Path) -> None:
    async with asking(tmp_path) as at:
        stale = await at.reach.ports.ready()
        assert stale is not None
        at.ask("a")
        await at.gets("a")
        assert at.given["a"] != [stale]


@pytest.mark.parametrize("turns", [1, 2, 3, 5])
async def test_a_talk_that_asks_while_another_is_served_takes_nothing_from_it(
    tmp_path: Path, turns: int
) -> None:
    async with asking(tmp_path) as at:
        at.ask("a")
        for _ in range(turns):
            await asyncio.sleep(0)
        assert at.given == {}, "its port is still being asked about"
        at.ask("b")
        await at.gets("a", "b")


async def test_a_talk_that_asks_again_is_given_the_last_port_alone(tmp_path: Path) -> None:
    async with asking(tmp_path) as at:
        at.ask("a")
        await asyncio.sleep(0)
        at.ask("a")
        await at.gets("a")


async def test_a_talk_that_is_over_gets_none(tmp_path: Path) -> None:
    async with asking(tmp_path) as at:
        at.ask("a", "b")
        await asyncio.sleep(0)
        at.reach.forget("a")
        at.reach.forget("of no talk")
        await at.gets("b")


async def test_while_the_server_does_not_know_us_ports_wait(tmp_path: Path) -> None:
    async with asking(tmp_path) as at:
        at.known = False
        at.ask("a")
        at.reach.server_reached()
        port = await at.reach.ports.ready()
        assert port is not None, "it is prepared while the log-in is restored"
        assert at.given == {}
        at.known = True
        at.reach.restored()
        await at.gets("a")
        assert at.given == {"a": [port]}


async def test_a_port_that_comes_when_the_server_is_away_again_waits(tmp_path: Path) -> None:
    async with asking(tmp_path) as at:
        at.ask("a")
        await asyncio.sleep(0)
        at.known = False
        await at.reach.ports.ready()
        for _ in range(3):
            await asyncio.sleep(0)
        assert at.given == {}
        at.known = True
        at.reach.restored()
        await at.gets("a")


async def test_a_person_at_home_has_a_port_in_stock_once_the_server_knows_them(tmp_path: Path) -> None:
    async with asking(tmp_path) as at:
        at.reach.begin()
        at.reach.server_reached()
        async with at.reach.ports.at_hand():
            pass
        at.idle = True
        at.reach.restored()
        assert await at.reach.ports.ready() is not None


async def test_without_a_server_there_is_no_port_and_that_is_said() -> None:
    at = Asking(None)
    at.ask("a")
    async with asyncio.timeout(10):
        while not at.given:
            await asyncio.sleep(0)
    assert at.given == {"a": [None]}
    await at.reach.close()
