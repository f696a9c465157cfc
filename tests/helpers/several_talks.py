"""Two people with several talks at once: all is real, engines, links, relay and files, but for the server."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from floater import api
from floater.client.reach import Reach
from floater.client.server import engine_by
from floater.client.talks import Talks
from floater.client.words import Words
from floater.config import ClientConfig
from floater.core import engine
from floater.core.emit import Emit
from floater.core.meet import orders as meet
from floater.core.meet.introduction import Introduction, introduction_of
from floater.core.person import ports, session, standing
from floater.crypto.certificate import CertifiedKey, make_certified_key
from floater.drive import Driver
from floater.net.meeting import Performer
from floater.store.settings import SettingsFile
from floater.wire import control
from floater.wire.url import ServerUrl
from tests.helpers.meeting import MatchMaker, tiny_relay
from tests.helpers.witness import PATIENCE

Told = TypeVar("Told", bound=api.Event)


class Someone:
    """One person: the engine, driven, and the talks that perform its orders."""

    def __init__(self, folder: Path, server: ServerUrl) -> None:
        self.events: list[api.Event] = []
        "Everything that the person was told."
        self._came = asyncio.Event()
        self.words = Words(self._emit, lambda: "en")
        self.orders: list[engine.Effect] = []
        "What the server would have heard of."
        self.asked: list[control.Request] = []
        "What the talks asked of the server."
        self.keys: dict[str, CertifiedKey] = {}
        self._server = server
        self.engine = engine_by(ClientConfig(data_dir=folder))
        self.driver: Driver[engine.Event, engine.Effect] = Driver(self.engine, self._perform)
        self.reach = Reach(None, may_map=lambda: False, changed=lambda _: None)
        for event in (ports.Configured(hides=True), ports.Online(), ports.LoggedIn()):
            self.reach.feed(event)  # all who ask hear that there is no port
        self.settings = SettingsFile(folder)
        self.talks = Talks(
            self.engine,
            feed=self.driver.feed,
            reach=self.reach,
            settings=self.settings,
            connect=self._connect,
            tell_server=self._tell,
        )
        self.driver.feed(session.Online())
        self.driver.feed(session.LoggedIn("Ann", "token"))

    async def sees(self, kind: type[Told], talk: str = "", count: int = 1) -> list[Told]:
        """Wait until the person was told so many events of a kind, of a talk if one is named; return them."""
        async with asyncio.timeout(PATIENCE):
            while len(found := self.told(kind, talk)) < count:
                self._came.clear()
                await self._came.wait()
        return found

    def told(self, kind: type[Told], talk: str = "") -> list[Told]:
        """List the events of a kind so far."""
        events = [event for event in self.events if isinstance(event, kind)]
        return [event for event in events if not talk or getattr(event, "talk", "") == talk]

    async def stands(self, talk: str, where: api.Standing) -> None:
        """Wait until a talk stands there."""
        count = 1
        while (await self.sees(api.TalkChanged, talk, count))[-1].standing is not where:
            count += 1

    def _emit(self, event: api.Event) -> None:
        self.events.append(event)
        self._came.set()

    async def close(self) -> None:
        """Leave without a word, and end."""
        self.driver.close()
        await self.talks.close()
        await self.reach.close()

    def _perform(self, effect: engine.Effect) -> None:
        match effect:
            case engine.Order() | engine.Open():
                self.talks.perform(effect)
            case Emit(event):
                self.words.tell(event)
            case _:
                self.orders.append(effect)

    def _connect(
        self,
        introduction: Introduction,
        feed: Callable[[meet.Event], None],
        received: Callable[[], int],
    ) -> Performer:
        return Performer(
            introduction,
            match_key=self.keys[introduction.match_id],
            server_time=time.time,
            punch_port=None,
            server=self._server,
            feed=feed,
            received=received,
        )

    async def _tell(self, message: control.Request) -> None:
        self.asked.append(message)


class Two:
    """Ann and Bob, and who introduces them."""

    def __init__(self, ann: Someone, bob: Someone) -> None:
        self.ann, self.bob = ann, bob
        self._maker = MatchMaker()

    def introduce(self, *, only_ann: bool = False) -> str:
        """Begin a talk of the lobby, and return its id; with `only_ann`, Bob does not hear of it."""
        keys = make_certified_key(), make_certified_key()
        told = self._maker.match(*keys, relay_only=True)
        sides = zip((self.ann, self.bob), told, keys, strict=True)
        for someone, matched, key in list(sides)[: 1 if only_ann else 2]:
            someone.keys[matched.match_id] = key
            introduction = introduction_of(matched, own=key.certificate, signer=self._maker.ticket_key)
            someone.driver.feed(standing.Introduced(introduction, api.TalkKind.LOBBY))
        return told[0].match_id

    async def meet(self) -> str:
        """Begin a talk of the lobby, and return its id when both have greeted."""
        talk = self.introduce()
        for someone in (self.ann, self.bob):
            await someone.stands(talk, api.Standing.GREETING)
        for someone in (self.ann, self.bob):
            await someone.talks.do(api.Greet("en", talk=talk))
        for someone in (self.ann, self.bob):
            await someone.stands(talk, api.Standing.OPEN)
        return talk


@asynccontextmanager
async def two(folder: Path) -> AsyncIterator[Two]:
    """Two people who are logged in, and a relay."""
    async with tiny_relay() as relay:
        ann, bob = Someone(folder / "ann", relay.url), Someone(folder / "bob", relay.url)
        try:
            yield Two(ann, bob)
        finally:
            await ann.close()
            await bob.close()
