"""One person on one server: drive the engine, and give each of its orders to the part that does it.

::

    Client ──command──▶ Person ──wish──▶ Engine ──effects──▶ requests, Talks ──▶ server, peers, disk
    Words  ◀───event─── Person ◀──Emit── Engine ◀─────────────────news─────────────────────┘

Another server means another `Person`: this one closes, and a new one begins.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from floater import api
from floater.client.account import AccountCommand, carry_out
from floater.client.preferences import tell_of_addresses
from floater.client.reach import Reach
from floater.client.search import SearchRequests
from floater.client.server import connect, engine_by, link_to
from floater.client.session import SessionRequests
from floater.client.talks import Talks
from floater.client.tokens import Tokens
from floater.client.words import Words
from floater.codes import Code
from floater.config import ClientConfig
from floater.core import engine
from floater.core.emit import Emit
from floater.core.meet.introduction import introduction_of
from floater.core.person import encounter, ports, search, session, standing
from floater.core.person.reconnect import Reached
from floater.drive import Driver
from floater.store.settings import SettingsFile
from floater.store.token import TokenStore
from floater.wire import control
from floater.wire.control import code_of
from floater.wire.endpoint import Address
from floater.wire.url import ServerUrl

log = logging.getLogger("floater.client")

LEAVE_TIME: Final = 4.0
"Longest time, in seconds, for hang-up, cancel and log-out at the end."


class Person:
    """One person's presence on one server, from `begin` to `close`.

    Args:
        url: the server; None while none is chosen: every command is then refused.
        config: the options.
        settings: of this computer.
        words: takes the events.
        remember: whether the log-in is kept for the next start.
        reached: called each time a stream to the server opens.
    """

    def __init__(
        self,
        url: ServerUrl | None,
        *,
        config: ClientConfig,
        settings: SettingsFile,
        words: Words,
        remember: bool,
        reached: Callable[[], None],
    ) -> None:
        self.link = (
            None if url is None else link_to(url, config, lambda: words.language, self._reached, self._news)
        )
        "None if there is no server."
        self._config = config
        self._settings = settings
        self._words = words
        self._on_reached = reached
        self._clock_told = False
        self.engine = engine_by(config)
        self._driver: Driver[engine.Event, engine.Effect] = Driver(self.engine, self._perform)
        self.reach = Reach(
            self.link,
            may_map=lambda: settings.values.map_port and not settings.values.hide_address,
            changed=self._network_changed,
        )
        store = TokenStore(config.data_dir, str(url)) if remember and url is not None else None
        self._session = SessionRequests(self.link, Tokens(store), self._driver.feed, self._log_in_is_on)
        self.search = SearchRequests(
            self.engine.standing,
            self._driver.feed,
            self._session,
            self.reach,
            lambda: (settings.values.hide_address, words.language),
        )
        self.talks = Talks(
            self.engine,
            feed=self._driver.feed,
            reach=self.reach,
            settings=settings,
            connect=partial(connect, self.link, config, self.search.take),
            tell_server=self._session.tell,
        )

    @property
    def url(self) -> ServerUrl | None:
        """The server."""
        return None if self.link is None else self.link.url

    @property
    def state(self) -> api.State:
        """The state that the person is shown."""
        return self.engine.standing.state

    # -- life -----------------------------------------------------------------------------

    def begin(self) -> None:
        """Connect to the server, and restore the log-in if its token is stored."""
        if self.link is not None:
            self._configure()
            self._session.begin()
            self.link.start()
            self.reach.begin()

    async def close(self) -> None:
        """Hang up, stop seeking and close all, within `LEAVE_TIME` seconds. The log-in is kept."""
        self._driver.feed(standing.Leave())
        try:
            async with asyncio.timeout(LEAVE_TIME):
                await self.talks.closed()
                await self._session.finished()
        except TimeoutError:
            log.info("= left without all last words")
        self._driver.close()
        if self.link is not None:
            await self.link.close()
        await self.talks.close()
        await self.search.close()
        await self._session.close()
        await self.reach.close()

    # -- commands -------------------------------------------------------------------------

    async def account(self, command: AccountCommand) -> api.Reply:
        """See `floater.client.account.carry_out`."""
        return await carry_out(command, self._session.ask, self.state, self._words, self._driver.feed)

    async def log_out(self) -> None:
        """Log out and end every talk; return when the server has answered, or after `LEAVE_TIME` seconds."""
        self._driver.feed(standing.LogOut())
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_TIME):
                await self._session.finished()

    async def reach_changed(self) -> None:
        """Apply a changed setting about addresses; return when a running search uses it."""
        self._configure()
        if self.engine.standing.encounters:
            self._words.notice(Code.FROM_NEXT_TALK)
        await self.search.renew()

    # -- the server and the network -------------------------------------------------------

    def _network_changed(self, gone: frozenset[Address]) -> None:
        assert self.link is not None
        self.link.network_changed(gone)
        self.reach.feed(ports.NetworkChanged())
        self.talks.network_changed(gone)
        self.search.renew_soon()

    def _reached(self, reached: Reached) -> None:
        assert self.link is not None
        if not reached.online:
            error = None if reached.code is None else self._words.error(reached.code.value)
            retry = None if reached.retry is None else round(reached.retry, 1)
            self._words.tell(api.Online(False, error, retry))
            self._driver.feed(session.Offline())
            self.reach.feed(ports.Offline())
            return
        self._words.tell(api.Online(True))
        if abs(self.link.clock.offset) > self._config.clock_tolerance and not self._clock_told:
            self._clock_told = True
            self._words.notice(Code.CLOCK_WRONG)
        self._on_reached()
        self.reach.feed(ports.Online())
        self._driver.feed(session.Online())

    def _log_in_is_on(self) -> None:
        if self.engine.standing.logged_in:
            self.reach.feed(ports.LoggedIn())

    def _configure(self) -> None:
        self.reach.feed(ports.Configured(hides=self._settings.values.hide_address))

    def _news(self, message: control.News) -> None:
        match message:
            case control.Matched():
                assert self.link is not None
                assert self.link.welcome is not None
                introduction = introduction_of(
                    message, own=self.search.certificate, signer=self.link.welcome.ticket_key
                )
                self._driver.feed(standing.Introduced(introduction))
            case control.MatchEnded(match_id, reason):
                self._driver.feed(encounter.MatchEnded(match_id, reason))
            case control.PeerCandidates() | control.PeerOpened():
                self.talks.heard(message)
            case control.Notice(code):
                self._words.notice(code_of(code))
            case control.Closing(code):
                if code in (Code.LOGGED_IN_ELSEWHERE, Code.SESSION_ENDED):
                    self._driver.feed(session.Closed(code_of(code)))

    # -- what the engine orders -----------------------------------------------------------

    def _perform(self, effect: engine.Effect) -> None:
        match effect:
            case engine.Order() | engine.Open():
                self.talks.perform(effect)
            case Emit(event):
                self._words.tell(event)
                if isinstance(event, api.TalkChanged | api.Path | api.PeerAway | api.PeerBack):
                    log.info("= talk: %s", type(event).__name__)
                if isinstance(event, api.StateChanged):
                    self._entered(event.state)
            case search.SendSeek() | search.SendCancel() | search.Settled() | search.Unmatched():
                self.search.perform(effect)
            case engine.Fault(_, code, is_ours):
                log.warning("= %s broke the protocol: %s", "we" if is_ours else "the peer", code.value)
            case engine.CheckServer():
                assert self.link is not None
                self.link.check()
            case _:
                self._session.perform(effect)

    def _entered(self, state: api.State) -> None:
        if state is api.State.SIGNED_OUT:
            self.reach.feed(ports.LoggedOut())
            return
        self._log_in_is_on()
        self.reach.feed(ports.Wanted() if state is api.State.HOME else ports.NotWanted())
        if state is api.State.HOME:
            tell_of_addresses(self._settings, self._words.notice)
