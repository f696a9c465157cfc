"""Choose the server, and run servers in this program: for the people around, or to practise.

::

    one server ──use──▶ another       only while logged out; the new one is tested first
        │ ▲
        │ └─end_practice─┐
        └─practise──▶ a server in this program, with a partner on it
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from floater import api
from floater.client.hosting import Hosting, qr_picture
from floater.client.person import Person
from floater.client.practice import Practice, enrol
from floater.client.server import link_to, ping
from floater.client.words import Words
from floater.codes import Code
from floater.config import ClientConfig
from floater.errors import FloaterError, Refused
from floater.store.paths import expand
from floater.wire.url import ServerUrl, parse_server_url


class Servers:
    """Keeps the person on the server in use, and changes servers.

    Args:
        url: the first server; None if there is none.
        config: the options.
        words: takes the events.
        make_person: (server or None, whether to keep the log-in) → the person on that server.
        make_practice: makes a practice.
    """

    def __init__(
        self,
        url: ServerUrl | None,
        *,
        config: ClientConfig,
        words: Words,
        make_person: Callable[[ServerUrl | None, bool], Person],
        make_practice: Callable[[], Practice],
    ) -> None:
        self._config = config
        self._words = words
        self._make_person = make_person
        self._make_practice = make_practice
        self._hosting = Hosting()
        self._practice: Practice | None = None
        self._before: ServerUrl | None = None
        self._turn = asyncio.Lock()
        self.person = make_person(url, True)
        "The person on the server in use."

    @property
    def practising(self) -> bool:
        """Whether the server in use belongs to a practice."""
        return self._practice is not None

    @property
    def mail_folder(self) -> Path | None:
        """The folder of the mails of the server in use; None if it is not on this computer."""
        hosted = self._hosting.hosted
        if hosted is not None and self.person.url == parse_server_url(hosted.url):
            return hosted.outbox
        return expand(self._config.mail_folder) if self._config.mail_folder else None

    def begin(self) -> None:
        """Connect to the server."""
        self.person.begin()

    async def close(self) -> None:
        """Leave the server, and stop the servers of this program."""
        await self.person.close()
        if self._practice is not None:
            await self._practice.close()
        await self._hosting.close()

    # -- changing -------------------------------------------------------------------------

    async def use(self, url: ServerUrl) -> None:
        """Use another server, after a test connection to it.

        Raises:
            Refused: ALREADY_LOGGED_IN.
            Unreachable: the test failed; the old server stays in use.
        """
        async with self._turn:
            self._need_nobody()
            await self._use(url)

    async def host(self) -> api.HostReply:
        """Run a server here, and use it unless the person is logged in on another one.

        Raises:
            Refused: see `Hosting.start`.
        """
        async with self._turn:
            hosted = await self._hosting.start(self._config.data_dir / "server")
            if self.person.state is api.State.SIGNED_OUT:
                await self._use(parse_server_url(hosted.url))
            return api.HostReply(hosted.url, qr_picture(hosted.url), str(hosted.outbox))

    async def practise(self) -> None:
        """Start a practice server with a partner on it, use it, and log in there.

        Raises:
            Refused: ALREADY_LOGGED_IN, or see `Practice.start`; the old server stays in use.
        """
        async with self._turn:
            self._need_nobody()
            self._before = self.person.url
            self._practice = practice = self._make_practice()
            try:
                hosted = await practice.start()
                await self._move(parse_server_url(hosted.url), remember=False)
                await enrol(self.person.account, hosted, self._words.say("practice.you"))
            except FloaterError:
                await self._go_back(practice)
                raise

    async def end_practice(self) -> None:
        """End the practice, if there is one, and use the previous server again."""
        async with self._turn:
            if self._practice is not None:
                await self._go_back(self._practice)

    def _need_nobody(self) -> None:
        if self.person.state is not api.State.SIGNED_OUT:
            raise Refused(Code.ALREADY_LOGGED_IN)

    async def _use(self, url: ServerUrl) -> None:
        if url != self.person.url:
            await self._try(url)
            await self._move(url)
        await ping(self.person.link)

    async def _try(self, url: ServerUrl) -> None:
        link = link_to(url, self._config, lambda: self._words.language)
        link.start()
        try:
            await ping(link)
        finally:
            await link.close()

    async def _move(self, url: ServerUrl | None, *, remember: bool = True) -> None:
        before = self.person
        await before.close()
        if before.engine.standing.online and url is None:  # otherwise the new person emits its state
            self._words.tell(api.Online(False))
        self.person = self._make_person(url, remember)
        self._words.tell(api.ServerChanged("" if url is None else str(url), self.practising))
        self.person.begin()

    async def _go_back(self, practice: Practice) -> None:
        self._practice = None
        if self.person.url != self._before:
            await self._move(self._before)
        await practice.close()
