"""One person on one server: the link to it, the log-in there, the search and the talk.

::

    Client ──command──▶ Person ──wish──▶ Stranger, Talk (machines) ──effects──▶ ServerLink, Search, Encounter
    Words  ◀───event─── Person ◀──Emit── Stranger, Talk ◀────── events ──────────────┘

Whoever changes servers is another person there: this one ends, and a new one begins.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from floater import __version__, api
from floater.client.account import AccountCommand, reply_of, request_for
from floater.client.encounter import Encounter
from floater.client.ports import Ports
from floater.client.preferences import folder_for
from floater.client.search import Search
from floater.client.tokens import Tokens
from floater.client.words import Words
from floater.codes import Code
from floater.config import ClientConfig
from floater.core.emit import Emit
from floater.core.meet.settings import MeetingSettings
from floater.core.meet.technique import Allowance
from floater.core.person import stranger
from floater.core.person.stranger import Stranger
from floater.core.talk.talk import TalkConfig
from floater.drive import Driver
from floater.errors import Refused, ServerRefused, Unreachable
from floater.net.meeting import Meeting
from floater.net.network_watch import NetworkWatch
from floater.net.port_mapping import MappedPort
from floater.net.proxies import choose_proxy
from floater.net.punch_port import PunchPort
from floater.net.server_link import UNNUMBERED, Reached, ServerLink
from floater.store.settings import SettingsFile
from floater.store.token import TokenStore
from floater.tasks import Tasks
from floater.wire import control
from floater.wire.control import code_of
from floater.wire.endpoint import Address
from floater.wire.url import ServerUrl

log = logging.getLogger("floater.client")

AGENT: Final = f"floater/{__version__}"
LAST_WORDS: Final = 4.0
"Seconds that leaving may take: hang-up, cancel, log-out."

_TALK: Final = (api.State.GREETING, api.State.TALKING)


class Person:
    """One person's presence on one server, from `begin` to `close`.

    Args:
        url: the server; None while none is chosen, when every wish is refused.
        config: the knobs.
        settings: of this computer.
        words: where events go.
        remember: whether the log-in outlives the program.
        reached: called each time the server is reached.
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
        self.url = url
        self.link: ServerLink | None = None
        self.machine = Stranger()
        self._config = config
        self._settings = settings
        self._words = words
        self._on_reached = reached
        self._tasks = Tasks()
        self._driver: Driver[stranger.Event, stranger.Effect] = Driver(self.machine, self._perform)
        self._parting: set[asyncio.Task[None]] = set()
        self._encounter: Encounter | None = None
        self._ending: set[Encounter] = set()
        self._allowance = Allowance()
        self._renewal: asyncio.Task[None] | None = None
        self._port_wanted = False
        self._watch = NetworkWatch(self._network_changed)
        self._clock_told = False
        store = None
        if url is not None:
            store = TokenStore(config.data_dir, str(url)) if remember else None
            self.link = link_to(url, config, lambda: words.language, self._reached, self._news)
        self._tokens = Tokens(store)
        self.ports = Ports(
            self.link,
            wanted=lambda: (
                (self.machine.logged_in or self._encounter is not None) and not settings.values.hide_address
            ),
            idle=lambda: self.state is api.State.HOME,
            mapped=lambda: settings.values.map_port and not settings.values.hide_address,
        )
        self._search = Search(
            self.machine,
            self._driver.feed,
            self._request,
            self.ports,
            lambda: (settings.values.hide_address, words.language),
        )

    # -- life -----------------------------------------------------------------------------

    def begin(self) -> None:
        """Reach the server, and restore the log-in if one is kept."""
        if self.link is not None:
            self._tasks.start(self._remember(), "read the token")
            self.link.start()
            self._watch.start()

    async def close(self) -> None:
        """Leave: hang up, stop seeking, say goodbye, all within a bound. The log-in is kept."""
        self._driver.feed(stranger.Leave())
        try:
            async with asyncio.timeout(LAST_WORDS):
                await asyncio.gather(*(encounter.closed() for encounter in self._ending))
                while self._parting:
                    await asyncio.wait(set(self._parting))
        except TimeoutError:
            log.info("= left without all last words")
        self._watch.close()
        self._driver.close()
        if self.link is not None:
            await self.link.close()
        await self._tasks.close()
        await self.ports.close()

    @property
    def state(self) -> api.State:
        """Where the person stands."""
        return self.machine.state

    @property
    def talk(self) -> Encounter | None:
        """The talk that is on, if one is."""
        return self._encounter if self.state in _TALK else None

    # -- commands -------------------------------------------------------------------------

    async def ping(self) -> None:
        """Make sure that the server is there and is the right one.

        Raises:
            FloaterError: it is not.
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
            self._driver.feed(stranger.LoggedIn(answer.username, answer.token))
        reply = reply_of(answer)
        if isinstance(reply, api.Noticed) and reply.notice:
            said = self._words.error(code_of(reply.notice).value)
            reply = api.Noticed(said.code, said.message)
        return reply

    async def log_out(self) -> None:
        """End the log-in, and a talk; returns when the server has heard, within a bound."""
        self._driver.feed(stranger.LogOut())
        if self._parting:
            await asyncio.wait(set(self._parting), timeout=LAST_WORDS)

    async def seek(self) -> None:
        """See `Search.begin`."""
        await self._search.begin()

    async def cancel_seek(self) -> None:
        """See `Search.cancel`."""
        await self._search.cancel()

    def hang_up(self) -> None:
        """End the talk."""
        self._driver.feed(stranger.HangUp())

    async def say(self, command: api.Command) -> api.Reply:
        """Carry out a command about the talk."""
        encounter = self.talk
        if encounter is None:
            raise Refused(Code.NO_TALK)
        match command:
            case api.Greet(language):
                encounter.wish(api.Greet(language or self._words.language))
            case api.SendText():
                return api.TextReply(encounter.wish(command))
            case api.SendFile(path):
                return api.FileReply(await encounter.offer(str(Path(path).expanduser())))
            case api.Accept(transfer_id, to):
                encounter.accept(transfer_id, folder_for(self._settings, to))
            case api.Retry() | api.Typing() | api.Decline() | api.Pause() | api.Resume() | api.Cancel():
                encounter.wish(command)
            case _:
                raise Refused(Code.BAD_COMMAND)
        return api.Empty()

    async def reach_changed(self) -> None:
        """The person lets others reach them in another way now; returns when a search goes by that."""
        self.ports.drop()
        self.ports.prepare()
        if self.machine.matched is not None:
            self._words.notice(Code.FROM_NEXT_TALK)
        await self._search.renew()

    def _network_changed(self, gone: frozenset[Address]) -> None:
        assert self.link is not None
        online = self.link.online
        self.link.network_changed(gone)
        if self._encounter is not None:
            self._encounter.links.network_changed(gone)
        elif online and self.link.online:  # else all of this is done when the server is reached again
            self.ports.drop()
            self.ports.prepare()
            self._tasks.start(self._search.renew(), "seek from another place")

    # -- the server -----------------------------------------------------------------------

    async def _request(self, message: control.Request) -> control.Done | control.LoggedIn:
        if self.link is None:
            raise Unreachable(Code.SERVER_URL_INVALID)
        return await self.link.request(message)

    def _reached(self, reached: Reached) -> None:
        assert self.link is not None
        if not reached.online:
            error = None if reached.code is None else self._words.error(reached.code.value)
            retry = None if reached.retry is None else round(reached.retry, 1)
            self._words.tell(api.Online(False, error, retry))
            self._driver.feed(stranger.Offline())
            self._search.settle(None)  # a search goes on by itself when the server is back
            return
        self._words.tell(api.Online(True))
        if abs(self.link.clock_offset) > self._config.clock_tolerance and not self._clock_told:
            self._clock_told = True
            self._words.notice(Code.CLOCK_WRONG)
        self._on_reached()
        self.ports.drop()  # the observers know this stream by another name
        if self._port_wanted:
            self.ports.prepare()  # while the log-in is restored
        self._driver.feed(stranger.Online())

    def _news(self, message: control.News) -> None:
        match message:
            case control.Matched() | control.MatchEnded():
                self._driver.feed(message)
            case control.PeerCandidates(match_id, candidates, nat):
                if self._encounter is not None and self._encounter.matched.match_id == match_id:
                    self._encounter.links.update_candidates(candidates, nat)
            case control.PeerOpened(match_id):
                if self._encounter is not None and self._encounter.matched.match_id == match_id:
                    self._encounter.links.opened()
            case control.Notice(code):
                self._words.notice(code_of(code))
            case control.Closing(code):
                if code in (Code.LOGGED_IN_ELSEWHERE, Code.SESSION_ENDED):
                    self._driver.feed(stranger.Closed(code_of(code)))

    # -- what the machine asks for --------------------------------------------------------

    def _perform(self, effect: stranger.Effect) -> None:
        match effect:
            case stranger.SendRestore(token, match_id):
                self._tasks.start(self._restore(token, match_id), "restore")
            case stranger.SendSeek(attempt, after):
                self._search.announce(attempt)
                self._tasks.start(self._search.send(attempt, after), "seek")
            case stranger.SendCancel(attempt):
                if not self._search.withdraw(attempt):
                    self._part(self._search.send_cancel(attempt), "cancel")
            case stranger.SendEndMatch(match_id, reason):
                self._part(self._tell_server(control.EndMatch(UNNUMBERED, match_id, reason)), "end match")
            case stranger.SendLogOut():
                self._part(self._tell_server(control.LogOut(UNNUMBERED)), "log out")
            case stranger.KeepToken(token):
                self._part(self._tokens.keep(token), "keep token")
            case stranger.DropToken():
                self._part(self._tokens.drop(), "drop token")
            case stranger.BeginMeeting(matched):
                self._meet(matched)
            case stranger.EndMeeting(_, reason):
                self._end(reason)
            case Emit(event):
                self._words.tell(event)
                if isinstance(event, api.StateChanged):
                    self._entered(event.state)

    def _entered(self, state: api.State) -> None:
        self._search.entered(state)
        if state is api.State.HOME:
            self.ports.prepare()
            self._tell_of_addresses()
        elif state is api.State.SIGNED_OUT:
            self.ports.drop()

    def _part(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Start what is finished even when we leave."""
        task = self._tasks.start(work, name)
        self._parting.add(task)
        task.add_done_callback(self._parting.discard)

    async def _tell_server(self, message: control.Request) -> None:
        try:
            await self._request(message)
        except (ServerRefused, Unreachable) as error:
            log.debug("= %s: %s", type(message).__name__, error.code.value)

    async def _remember(self) -> None:
        if token := await self._tokens.load():
            self._driver.feed(stranger.Remember(token))

    async def _restore(self, token: str, match_id: str) -> None:
        try:
            answer = await self._request(control.Restore(UNNUMBERED, token, match_id))
        except ServerRefused as error:
            self._driver.feed(stranger.RestoreRefused(error.code, error.retry_after))
        except Unreachable:
            pass  # `Offline` has been or will be fed, and `Online` after it
        else:
            username = answer.username if isinstance(answer, control.LoggedIn) else ""
            new = answer.token if isinstance(answer, control.LoggedIn) else ""
            self._driver.feed(stranger.LoggedIn(username, new))
            if self.state is api.State.HOME:
                self.ports.prepare()
            self._renew_port()

    def _tell_of_addresses(self) -> None:
        """Say once, before it happens, that a direct link shows addresses."""
        if not (self._settings.values.addresses_told or self._settings.values.hide_address):
            self._words.notice(Code.DIRECT_SHOWS_ADDRESSES)
            with suppress(Refused):  # logged; it will be said once more
                self._settings.change(addresses_told=True)

    # -- the match ------------------------------------------------------------------------

    def _meet(self, matched: control.Matched) -> None:
        assert self.link is not None
        assert self.link.welcome is not None
        assert self._search.match_key is not None
        encounter = self._encounter = Encounter(
            matched,
            self._search.match_key.certificate,
            TalkConfig(max_file=self._config.max_file),
            tell=self._words.tell,
            report=self._driver.feed,
            renew=self._want_port,
            doubt=self.link.check,
            opened=self._tell_opened,
        )
        self._port_wanted = False
        port = self.ports.take()
        encounter.start(
            Meeting(
                matched=matched,
                match_key=self._search.match_key,
                ticket_key=self.link.welcome.ticket_key,
                server_time=self.link.server_time,
                punch_port=port,
                server=self.link.url,
                proxy=choose_proxy(self._config.proxy, self.link.url),
                settings=_meeting_settings(self._config),
                allowance=self._allowance,
                report=encounter.reported,
                received=lambda: encounter.talk.received,
            )
        )
        if port is not None:
            self._heed_router(encounter, port)

    def _tell_opened(self, match_id: str, punch: int) -> None:
        self._tasks.start(self._tell_server(control.Opened(UNNUMBERED, match_id, punch)), "opened")

    def _want_port(self) -> None:
        self._port_wanted = True
        self.ports.drop()  # one that is there, or on its way, is of before whatever gave rise to this
        self._renew_port()

    def _renew_port(self) -> None:
        """Get the meeting a fresh port, now or when the server is reached again."""
        if self._renewal is None or self._renewal.done():
            self._renewal = self._tasks.start(self._renew(), "renew the port")

    async def _renew(self) -> None:
        while self._port_wanted and self.machine.logged_in and (encounter := self._encounter) is not None:
            self._port_wanted = False
            await self.ports.ready()
            if encounter is not self._encounter:
                return
            if self._port_wanted or not self.machine.logged_in:
                self._port_wanted = True
                continue
            port = self.ports.take()
            if port is not None:
                port.introduce()
            if encounter.links.renew(port) and port is not None:
                await self._tell_places(encounter, port)
                self._heed_router(encounter, port)

    def _heed_router(self, encounter: Encounter, port: PunchPort) -> None:
        """Tell the peer where our router lets others in, if it does so only after the port was told of."""
        for wish in port.wishes:
            self._tasks.start(self._heed(encounter, port, wish), "heed the router")

    async def _heed(self, encounter: Encounter, port: PunchPort, wish: MappedPort) -> None:
        is_new = await port.is_let_in_later(wish, self._config.meeting_timeout)
        if is_new and encounter.links.is_seeking_from(port):
            port.introduce()
            await self._tell_places(encounter, port)
            encounter.links.expect()

    async def _tell_places(self, encounter: Encounter, port: PunchPort) -> None:
        match_id = encounter.matched.match_id
        await self._tell_server(control.UpdateCandidates(UNNUMBERED, match_id, port.candidates, port.told))

    def _end(self, reason: api.Ended) -> None:
        encounter, self._encounter = self._encounter, None
        if encounter is not None:
            self._ending.add(encounter)
            encounter.end(reason)
            self._tasks.start(self._ended(encounter), "end of a match")

    async def _ended(self, encounter: Encounter) -> None:
        await encounter.closed()
        self._ending.discard(encounter)


def link_to(
    url: ServerUrl,
    config: ClientConfig,
    language: Callable[[], str],
    reached: Callable[[Reached], None] = lambda _: None,
    news: Callable[[control.News], None] = lambda _: None,
) -> ServerLink:
    """A link to a server, not started yet."""
    choose_proxy(config.proxy, url)  # a setting that is none is found now
    return ServerLink(
        url,
        config=config,
        proxy=lambda: choose_proxy(config.proxy, url),
        agent=AGENT,
        language=language,
        reached=reached,
        news=news,
    )


def _meeting_settings(config: ClientConfig) -> MeetingSettings:
    return MeetingSettings(
        head_start=config.head_start,
        timeout=config.meeting_timeout,
        grace=config.grace,
        punch_delay=config.punch_delay,
        punch_budget=config.punch_budget,
        punch_attempts=config.punch_attempts,
    )
