"""One person on one server: drive the engine, and give each of its orders to the part that does it.

::

    Client ──command──▶ Person ──wish──▶ Engine ──effects──▶ Session, Search, Talks ──▶ server, peers, disk
    Words  ◀───event─── Person ◀──Emit── Engine ◀─────────────────news─────────────────────┘

Another server means another `Person`: this one closes, and a new one begins.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from floater import __version__, api
from floater.client.account import AccountCommand, reply_of, request_for
from floater.client.reach import Reach
from floater.client.search import Search
from floater.client.session import Session
from floater.client.talks import Talks
from floater.client.tokens import Tokens
from floater.client.words import Words
from floater.codes import Code
from floater.config import ClientConfig
from floater.core import engine
from floater.core.emit import Emit
from floater.core.engine import Engine
from floater.core.meet import orders as meet
from floater.core.meet.introduction import Introduction, introduction_of
from floater.core.meet.meeting import DEAF
from floater.core.meet.technique import Allowance
from floater.core.person import encounter, search, session, standing
from floater.core.talk.talk import TalkConfig
from floater.drive import Driver
from floater.errors import Refused
from floater.net.meeting import Performer
from floater.net.proxies import choose_proxy
from floater.net.punch_port import PunchPort
from floater.net.server_link import UNNUMBERED, Reached, ServerLink
from floater.net.sockets import RULES
from floater.store.settings import SettingsFile
from floater.store.token import TokenStore
from floater.wire import control
from floater.wire.control import code_of
from floater.wire.endpoint import Address
from floater.wire.url import ServerUrl

log = logging.getLogger("floater.client")

AGENT: Final = f"floater/{__version__}"
LAST_WORDS: Final = 4.0
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
        self.engine = Engine(
            config.meeting,
            TalkConfig(max_file=config.max_file),
            Allowance(),
            deaf=DEAF if RULES.prompts else 0.0,
        )
        self._driver: Driver[engine.Event, engine.Effect] = Driver(self.engine, self._perform)
        self.reach = Reach(
            self.link,
            is_wanted=self._wants_ports,
            is_idle=lambda: self.state is api.State.HOME,
            is_known=lambda: self.engine.standing.logged_in,
            may_map=lambda: settings.values.map_port and not settings.values.hide_address,
            changed=self._network_changed,
        )
        store = TokenStore(config.data_dir, str(url)) if remember and url is not None else None
        self._session = Session(self.link, Tokens(store), self._driver.feed, self.reach.restored)
        self.search = Search(
            self.engine.standing,
            self._driver.feed,
            self._session,
            self.reach.ports,
            lambda: (settings.values.hide_address, words.language),
        )
        self.talks = Talks(
            self.engine,
            feed=self._driver.feed,
            reach=self.reach,
            settings=settings,
            connect=self._connect,
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
            self._session.begin()
            self.link.start()
            self.reach.begin()

    async def close(self) -> None:
        """Hang up, stop seeking and close all, within `LAST_WORDS` seconds. The log-in is kept."""
        self._driver.feed(standing.Leave())
        try:
            async with asyncio.timeout(LAST_WORDS):
                await self.talks.closed()
                await self._session.last_words()
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

    async def ping(self) -> None:
        """Return when the server has answered a `ping`.

        Raises:
            FloaterError: the server is out of reach or not trusted.
        """
        if self.link is None:
            raise Refused(Code.SERVER_URL_INVALID)
        await self.link.request(control.Ping(UNNUMBERED), wait=True)

    async def account(self, command: AccountCommand) -> api.Reply:
        """Carry out a command about the account."""
        signed_out = self.state is api.State.SIGNED_OUT
        if isinstance(command, api.LogIn) and not signed_out:
            raise Refused(Code.ALREADY_LOGGED_IN)
        if isinstance(command, api.SetUsername | api.ChangePassword) and signed_out:
            raise Refused(Code.NOT_LOGGED_IN)
        if self.link is None:
            raise Refused(Code.SERVER_URL_INVALID)
        answer = await self.link.request(request_for(command, self._words.language), wait=True)
        if isinstance(answer, control.LoggedIn):
            self._driver.feed(session.LoggedIn(answer.username, answer.token))
        reply = reply_of(answer)
        if isinstance(reply, api.Noticed) and reply.notice:
            said = self._words.error(code_of(reply.notice).value)
            reply = api.Noticed(said.code, said.message)
        return reply

    async def log_out(self) -> None:
        """Log out and end every talk; return when the server has answered, or after `LAST_WORDS` seconds."""
        self._driver.feed(standing.LogOut())
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                await self._session.last_words()

    async def reach_changed(self) -> None:
        """Apply a changed setting about addresses; return when a running search uses it."""
        self.reach.ports.drop()
        self.reach.ports.prepare()
        if self.engine.standing.encounters:
            self._words.notice(Code.FROM_NEXT_TALK)
        await self.search.renew()

    # -- the server and the network -------------------------------------------------------

    def _network_changed(self, gone: frozenset[Address]) -> None:
        assert self.link is not None
        was_online = self.link.online
        self.link.network_changed(gone)
        self.talks.network_changed(gone)
        if self.engine.standing.stranger is None and was_online and self.link.online:
            # Otherwise this is done when the stream to the server is open again.
            self.reach.ports.drop()
            self.reach.ports.prepare()
            self.search.renew_soon()

    def _reached(self, reached: Reached) -> None:
        assert self.link is not None
        if not reached.online:
            error = None if reached.code is None else self._words.error(reached.code.value)
            retry = None if reached.retry is None else round(reached.retry, 1)
            self._words.tell(api.Online(False, error, retry))
            self._driver.feed(session.Offline())
            return
        self._words.tell(api.Online(True))
        if abs(self.link.clock_offset) > self._config.clock_tolerance and not self._clock_told:
            self._clock_told = True
            self._words.notice(Code.CLOCK_WRONG)
        self._on_reached()
        self.reach.server_reached()
        self._driver.feed(session.Online())

    def _news(self, message: control.News) -> None:
        match message:
            case control.Matched():
                assert self.link is not None
                assert self.link.welcome is not None
                introduction = introduction_of(
                    message, own=self.search.key.certificate, signer=self.link.welcome.ticket_key
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
                if isinstance(event, api.StateChanged):
                    self._entered(event.state)
            case search.SendSeek() | search.SendCancel() | search.Settled():
                self.search.perform(effect)
            case engine.Fault(code, is_ours):
                log.warning("= %s broke the protocol: %s", "we" if is_ours else "the peer", code.value)
            case engine.CheckServer():
                assert self.link is not None
                self.link.check()
            case _:
                self._session.perform(effect)

    def _entered(self, state: api.State) -> None:
        if state is api.State.HOME:
            self.reach.ports.prepare()
            self._tell_of_addresses()
        elif state is api.State.SIGNED_OUT:
            self.reach.ports.drop()

    def _tell_of_addresses(self) -> None:
        """Tell the person once, before the first search, that a direct link shows addresses."""
        if not (self._settings.values.addresses_told or self._settings.values.hide_address):
            self._words.notice(Code.DIRECT_SHOWS_ADDRESSES)
            with suppress(Refused):  # it is logged; the notice will come once more
                self._settings.change(addresses_told=True)

    def _wants_ports(self) -> bool:
        known = self.engine.standing
        return (known.logged_in or bool(known.encounters)) and not self._settings.values.hide_address

    def _connect(
        self,
        introduction: Introduction,
        port: PunchPort | None,
        feed: Callable[[meet.Event], None],
        received: Callable[[], int],
    ) -> Performer:
        assert self.link is not None
        return Performer(
            introduction,
            match_key=self.search.key,
            server_time=self.link.server_time,
            punch_port=port,
            server=self.link.url,
            proxy=choose_proxy(self._config.proxy, self.link.url),
            feed=feed,
            received=received,
        )


def link_to(
    url: ServerUrl,
    config: ClientConfig,
    language: Callable[[], str],
    reached: Callable[[Reached], None] = lambda _: None,
    news: Callable[[control.News], None] = lambda _: None,
) -> ServerLink:
    """Return a link to a server, not started yet."""
    choose_proxy(config.proxy, url)  # raises now if the setting is invalid
    return ServerLink(
        url,
        config=config,
        proxy=lambda: choose_proxy(config.proxy, url),
        agent=AGENT,
        language=language,
        reached=reached,
        news=news,
    )
