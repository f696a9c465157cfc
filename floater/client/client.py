"""The composition root.

::

    face ──do(command)──▶ Client ──wish──▶ Stranger, Talk (machines) ──effects──▶ ServerLink, Meeting, Files
    face ◀──emit(event)── Client ◀──── Emit ◀───── Stranger, Talk ◀───── events ───────────┘
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from floater import __version__
from floater.bridge import api
from floater.client.account import ACCOUNT_COMMANDS, AccountCommand, reply_of, request_for
from floater.client.aside import aside
from floater.client.encounter import Encounter
from floater.client.history import History
from floater.client.hosting import Hosting, qr_picture
from floater.client.practice import Practice, enrol
from floater.codes import Code
from floater.config import ClientConfig
from floater.core import stranger
from floater.core.reachability import Facts, lines_about, reachability_of
from floater.core.stranger import Stranger
from floater.core.talk import TalkConfig
from floater.crypto.certificate import Identity, make_identity
from floater.drive import Driver
from floater.errors import FloaterError, Refused, ServerRefused, Unreachable
from floater.net.meeting import Meeting, MeetingSettings
from floater.net.proxies import choose_proxy
from floater.net.punch_port import PunchPort, prepare_punch_port
from floater.net.server_link import UNNUMBERED, Reached, ServerLink
from floater.sentences import choose_language, sentence
from floater.store.settings import SettingsFile
from floater.store.token import TokenStore
from floater.tasks import Tasks
from floater.wire import control
from floater.wire.control import Mapping, code_of
from floater.wire.greetings import greeting_in, known_language
from floater.wire.url import ServerUrl, parse_server_url

log = logging.getLogger("floater.client")

AGENT: Final = f"floater/{__version__}"
KEYRING_TIME: Final = 10.0
"Seconds that a keyring may take, its dialog included, before we go on without it."
LAST_WORDS: Final = 4.0
"Seconds that leaving may take: hang-up, cancel, log-out."
MAX_LANGUAGE: Final = 35
APPEARANCES: Final = ("auto", "light", "dark", "contrast")

_TALK: Final = (api.State.GREETING, api.State.TALKING)


class Client:
    """One person's client. Use it as `async with Client(config, emit) as client`.

    Args:
        config: the knobs.
        emit: called in the loop with every event, in order; returns at once.

    Raises:
        Refused: SERVER_URL_INVALID, from the constructor: `config.server` is no address.
    """

    def __init__(self, config: ClientConfig, emit: Callable[[api.Event], None]) -> None:
        self.config = config
        self.quitting = asyncio.Event()
        "Set when the person has said `quit`."
        self._emit = emit
        self._settings = SettingsFile(config.data_dir)
        self._url = self._server()
        self._tasks = Tasks()
        self._machine = Stranger()
        self._person: Driver[stranger.Event, stranger.Effect] = Driver(self._machine, self._perform)
        self._link: ServerLink | None = None
        self._tokens: TokenStore | None = None
        self._token_turn = asyncio.Lock()
        self._port: PunchPort | None = None
        self._preparing: asyncio.Task[None] | None = None
        self._identity: Identity | None = None
        self._unsent_seek: int | None = None
        self._seek_reply: asyncio.Future[None] | None = None
        self._moved: asyncio.Future[None] | None = None
        self._encounter: Encounter | None = None
        self._ending: set[Encounter] = set()
        self._parting: set[asyncio.Task[None]] = set()
        self._history = History()
        self._clock_told = False
        self._hosting = Hosting()
        self._practice: Practice | None = None
        self._before_practice: ServerUrl | None = None

    def _server(self) -> ServerUrl | None:
        if self.config.server:
            return parse_server_url(self.config.server)
        try:
            return parse_server_url(self._settings.values.server) if self._settings.values.server else None
        except Refused:
            return None

    # -- life -----------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._tell(api.Ready(__version__))
        if self._settings.set_aside:
            self._tell(api.Notice(Code.SETTINGS_RESET.value, ""))
        if self._url is not None:
            self._turn_to(self._url)
        return self

    def _turn_to(self, url: ServerUrl) -> None:
        """Use this server. Nobody may be logged in on another."""
        self._url = url
        self._link = ServerLink(
            url,
            config=self.config,
            proxy=choose_proxy(self.config.proxy, url),
            agent=AGENT,
            language=lambda: self.language,
            reached=self._reached,
            news=self._news,
        )
        self._tokens = TokenStore(self.config.data_dir, str(url))
        self._tasks.start(self._remember(self._tokens), "read the token")
        self._link.start()

    async def _turn_from(self) -> None:
        """Use no server. What the person's machine knew was of that server, and so it begins anew."""
        self._person.close()
        self._machine = Stranger()
        self._person = Driver(self._machine, self._perform)
        self._drop_port()
        link, self._link, self._tokens, self._url = self._link, None, None, None
        if link is not None:
            await link.close()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._person.feed(stranger.Leave())
        try:
            async with asyncio.timeout(LAST_WORDS):
                await asyncio.gather(*(encounter.closed() for encounter in self._ending))
                while self._parting:
                    await asyncio.wait(set(self._parting))
        except TimeoutError:
            log.info("= left without all last words")
        self._person.close()
        if self._link is not None:
            await self._link.close()
        await self._tasks.close()
        if self._port is not None:
            await self._port.close()
        if self._practice is not None:
            await self._practice.close()
        await self._hosting.close()

    @property
    def language(self) -> str:
        """The language to speak with the person."""
        return self._settings.language

    @property
    def state(self) -> api.State:
        """Where the person stands."""
        return self._machine.state

    def explain(self, error: FloaterError) -> api.Error:
        """The code and its sentence in the person's language."""
        return self._error(error.code.value)

    # -- commands -------------------------------------------------------------------------

    async def do(self, command: api.Command) -> api.Reply:
        """Carry a command out.

        Raises:
            FloaterError: it was not; `explain` makes a sentence of it.
        """
        match command:
            case api.LogOut():
                self._person.feed(stranger.LogOut())
                await self._last_words()
                await self._end_practice()
            case api.Quit():
                self.quitting.set()
            case api.Seek():
                await self._seek()
            case api.CancelSeek():
                await self._cancel_seek()
            case api.HangUp():
                self._person.feed(stranger.HangUp())
            case api.UseServer(url):
                return await self._use_server(parse_server_url(url))
            case api.HostHere():
                return await self._host()
            case api.Practise():
                await self._practise()
            case api.Set():
                self._set(command)
            case api.Status():
                return self._status()
            case api.History():
                return api.HistoryReply(self._history.events)
            case api.Network():
                return await self._network()
            case _ if isinstance(command, ACCOUNT_COMMANDS):
                return await self._account(command)
            case _:
                return await self._talk(command)
        return api.Empty()

    async def _use_server(self, url: ServerUrl) -> api.ServerReply:
        if self._machine.state is not api.State.SIGNED_OUT:
            raise Refused(Code.ALREADY_LOGGED_IN)
        before = self._url
        if url != before:
            await self._turn_from()
            self._turn_to(url)
        try:
            await self._need_link().request(control.Ping(UNNUMBERED), wait=True)
        except FloaterError:
            if url != before:
                await self._turn_from()
                if before is not None:
                    self._turn_to(before)
            raise
        return api.ServerReply(str(url))

    async def _host(self) -> api.HostReply:
        hosted = await self._hosting.start(self.config.data_dir / "server")
        if self._machine.state is api.State.SIGNED_OUT:
            await self._use_server(parse_server_url(hosted.url))
        return api.HostReply(hosted.url, qr_picture(hosted.url), str(hosted.outbox))

    async def _practise(self) -> None:
        if self._machine.state is not api.State.SIGNED_OUT:
            raise Refused(Code.ALREADY_LOGGED_IN)
        practice = Practice(Client, self.language)
        self._before_practice = self._url
        self._practice = practice
        try:
            hosted = await practice.start()
            await self._use_server(parse_server_url(hosted.url))
            await enrol(self, hosted, sentence("practice.you", self.language))
        except FloaterError:
            await self._end_practice()
            raise

    async def _end_practice(self) -> None:
        practice, self._practice = self._practice, None
        if practice is None:
            return
        await self._turn_from()
        if self._before_practice is not None:
            self._turn_to(self._before_practice)
        await practice.close()

    async def _account(self, command: AccountCommand) -> api.Reply:
        signed_out = self._machine.state is api.State.SIGNED_OUT
        if isinstance(command, api.LogIn) and not signed_out:
            raise Refused(Code.ALREADY_LOGGED_IN)
        if isinstance(command, api.SetUsername | api.ChangePassword) and signed_out:
            raise Refused(Code.NOT_LOGGED_IN)
        link = self._need_link()
        answer = await link.request(request_for(command, self.language), wait=True)
        if isinstance(answer, control.LoggedIn):
            self._person.feed(stranger.LoggedIn(answer.username, answer.token))
        reply = reply_of(answer)
        if isinstance(reply, api.Noticed) and reply.notice:
            said = self._error(code_of(reply.notice).value)
            reply = api.Noticed(said.code, said.message)
        return reply

    async def _talk(self, command: api.Command) -> api.Reply:
        encounter = self._encounter
        if encounter is None or self._machine.state not in _TALK:
            raise Refused(Code.NO_TALK)
        match command:
            case api.Greet(language):
                tag = known_language(language or self.language)
                encounter.wish(api.Greet(tag), lambda _: api.Greeted(tag, greeting_in(tag)))
            case api.SendText(text):
                return api.TextReply(encounter.wish(command, lambda created: api.Said(created, text)))
            case api.SendFile(path):
                return api.FileReply(await encounter.offer(str(Path(path).expanduser())))
            case api.Accept(transfer_id, to):
                encounter.accept(transfer_id, self._folder(to))
            case api.Retry() | api.Typing() | api.Decline() | api.Pause() | api.Resume() | api.Cancel():
                encounter.wish(command)
            case _:
                raise Refused(Code.BAD_COMMAND)
        return api.Empty()

    async def _seek(self) -> None:
        self._person.feed(stranger.Seek())
        reply = self._seek_reply = asyncio.get_running_loop().create_future()
        await reply

    async def _cancel_seek(self) -> None:
        self._person.feed(stranger.CancelSeek())
        while self._machine.state is api.State.SEEKING and self._machine.is_cancelling:
            if self._moved is None:
                self._moved = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._moved)

    def _set(self, wish: api.Set) -> None:
        if wish.downloads and not Path(wish.downloads).expanduser().is_dir():
            raise Refused(Code.NO_SUCH_FILE)
        if wish.language is not None and len(wish.language) > MAX_LANGUAGE:
            raise Refused(Code.BAD_COMMAND)
        hidden = self._settings.values.hide_address
        downloads = wish.downloads and str(Path(wish.downloads).expanduser().absolute())
        if wish.appearance is not None and wish.appearance not in APPEARANCES:
            raise Refused(Code.BAD_COMMAND)
        self._settings.change(
            hide_address=wish.hide_address,
            language=wish.language,
            downloads=downloads,
            appearance=wish.appearance,
            address_asked=wish.address_asked,
        )
        if self._settings.values.hide_address != hidden:
            self._drop_port()
            self._prepare()

    def _status(self) -> api.StatusReply:
        encounter = self._encounter
        talking = encounter if self._machine.state in _TALK else None
        matched = self._machine.matched
        return api.StatusReply(
            state=self._machine.state,
            username=self._machine.username,
            path=talking.path if talking else None,
            online=self._machine.online,
            server="" if self._url is None else str(self._url),
            peer=api.PeerName(matched.peer.username) if matched else None,
            greeted=talking is not None and talking.talk.greeted,
            peer_greeted=talking is not None and talking.talk.peer_greeted,
            settings=api.Settings(
                hide_address=self._settings.values.hide_address,
                language=choose_language(self.language),
                downloads=str(self._settings.downloads),
                appearance=self._settings.values.appearance or "auto",
                address_asked=self._settings.values.address_asked,
            ),
            version=__version__,
            practising=self._practice is not None,
        )

    async def _network(self) -> api.NetworkReply:
        facts = await self._look_around()
        return api.NetworkReply(
            nat=facts.mapping.value,
            public=[str(place) for place in facts.public],
            private=[str(place) for place in facts.private],
            reachability=reachability_of(facts),
            words=[sentence(line.key, self.language, **line.values) for line in lines_about(facts)],
            server_ms=None if facts.server_rtt is None else round(facts.server_rtt * 1_000, 1),
        )

    async def _look_around(self) -> Facts:
        hidden = self._settings.values.hide_address
        link = self._link
        try:
            if link is None:
                raise Unreachable(Code.SERVER_URL_INVALID)
            await link.request(control.Ping(UNNUMBERED), wait=True)
        except (ServerRefused, Unreachable):
            return Facts(server_rtt=None, hidden=hidden)
        assert link.welcome is not None
        port, ours = self._port, None
        if port is None or port.is_stale:
            port = ours = await self._new_port(link, link.welcome)
        facts = Facts(
            server_rtt=link.rtt,
            mapping=port.mapping,
            public=port.public,
            private=port.private,
            observers_asked=len(link.welcome.observers),
            observers_answered=len(port.observations),
            hidden=hidden,
            clock_offset=link.clock_offset,
        )
        if ours is not None:
            await ours.close()
        return facts

    def _folder(self, to: str) -> Path:
        if to:
            folder = Path(to).expanduser().absolute()
            if not folder.is_dir():
                raise Refused(Code.NO_SUCH_FILE)
            return folder
        folder = self._settings.downloads
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Refused(Code.NO_SUCH_FILE) from error
        return folder

    def _need_link(self) -> ServerLink:
        if self._link is None:
            raise Refused(Code.SERVER_URL_INVALID)
        return self._link

    # -- the server -----------------------------------------------------------------------

    def _reached(self, reached: Reached) -> None:
        assert self._link is not None
        if not reached.online:
            error = None if reached.code is None else self._error(reached.code.value)
            retry = None if reached.retry is None else round(reached.retry, 1)
            self._tell(api.Online(False, error, retry))
            self._person.feed(stranger.Offline())
            self._settle_seek(None)  # a search goes on by itself when the server is back
            return
        self._tell(api.Online(True))
        if abs(self._link.clock_offset) > self.config.clock_tolerance and not self._clock_told:
            self._clock_told = True
            self._tell(api.Notice(Code.CLOCK_WRONG.value, ""))
        if self._practice is None:
            with suppress(Refused):  # logged; the next start needs to be given the server again
                self._settings.change(server=str(self._url))
        self._drop_port()  # the observers know this stream by another name
        self._person.feed(stranger.Online())

    def _news(self, message: control.News) -> None:
        match message:
            case control.Matched() | control.MatchEnded():
                self._person.feed(message)
            case control.PeerCandidates(match_id, candidates):
                if self._encounter is not None and self._encounter.matched.match_id == match_id:
                    self._encounter.links.update_candidates(candidates)
            case control.Notice(code):
                self._tell(api.Notice(code_of(code).value, ""))
            case control.Closing(code):
                if code in (Code.LOGGED_IN_ELSEWHERE, Code.SESSION_ENDED):
                    self._person.feed(stranger.Closed(code_of(code)))

    # -- what the person's machine asks for -----------------------------------------------

    def _perform(self, effect: stranger.Effect) -> None:
        match effect:
            case stranger.SendRestore(token, match_id):
                self._tasks.start(self._restore(token, match_id), "restore")
            case stranger.SendSeek(attempt, after):
                self._unsent_seek = attempt
                self._tasks.start(self._send_seek(attempt, after), "seek")
            case stranger.SendCancel(attempt):
                if self._unsent_seek == attempt:
                    self._person.feed(stranger.CancelAnswered(attempt, None))
                else:
                    self._part(self._send_cancel(attempt), "cancel")
            case stranger.SendEndMatch(match_id, reason):
                self._part(self._say(control.EndMatch(UNNUMBERED, match_id, reason)), "end match")
            case stranger.SendLogOut():
                self._part(self._say(control.LogOut(UNNUMBERED)), "log out")
            case stranger.KeepToken(token):
                self._part(self._store_token(token), "keep token")
            case stranger.DropToken():
                self._part(self._store_token(""), "drop token")
            case stranger.BeginMeeting(matched):
                self._begin(matched)
            case stranger.EndMeeting(_, reason):
                self._end(reason)
            case stranger.Emit(event):
                self._tell(event)
                if isinstance(event, api.StateChanged):
                    self._entered(event.state)

    def _entered(self, state: api.State) -> None:
        if self._moved is not None and not self._moved.done():
            self._moved.set_result(None)
        self._moved = None
        if state is not api.State.SEEKING:
            self._settle_seek(None)
        if state is api.State.HOME:
            self._prepare()
            self._tell_of_addresses()
        elif state is api.State.SIGNED_OUT:
            self._drop_port()

    def _part(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Start what is finished even when we leave."""
        task = self._tasks.start(work, name)
        self._parting.add(task)
        task.add_done_callback(self._parting.discard)

    async def _last_words(self) -> None:
        if self._parting:
            await asyncio.wait(set(self._parting), timeout=LAST_WORDS)

    async def _say(self, message: control.Request) -> None:
        try:
            await self._need_link().request(message)
        except (ServerRefused, Unreachable) as error:
            log.debug("= %s: %s", type(message).__name__, error.code.value)

    async def _restore(self, token: str, match_id: str) -> None:
        try:
            answer = await self._need_link().request(control.Restore(UNNUMBERED, token, match_id))
        except ServerRefused as error:
            self._person.feed(stranger.RestoreRefused(error.code, error.retry_after))
        except Unreachable:
            pass  # `Offline` has been or will be fed, and `Online` after it
        else:
            username = answer.username if isinstance(answer, control.LoggedIn) else ""
            new = answer.token if isinstance(answer, control.LoggedIn) else ""
            self._person.feed(stranger.LoggedIn(username, new))
            if self.state is api.State.HOME:
                self._prepare()

    async def _send_seek(self, attempt: int, after: str) -> None:
        code: Code | None = None
        error: FloaterError | None = None
        try:
            port = await self._ready_port()
            if self._unsent_seek != attempt or not self._is_seeking(attempt):
                return  # cancelled meanwhile, before the server heard of it
            self._unsent_seek = None
            self._identity = make_identity()
            await self._need_link().request(
                control.Seek(
                    UNNUMBERED,
                    certificate=self._identity.certificate,
                    candidates=port.candidates if port else (),
                    mapping=port.mapping if port else Mapping.UNKNOWN,
                    hide_address=self._settings.values.hide_address,
                    language=self.language,
                    after=after,
                )
            )
        except Unreachable:
            code = Code.SERVER_UNREACHABLE
        except ServerRefused as raised:
            code, error = raised.code, raised
        if self._is_seeking(attempt):
            self._settle_seek(error)
        self._person.feed(stranger.SeekAnswered(attempt, code))

    def _is_seeking(self, attempt: int) -> bool:
        return self.state is api.State.SEEKING and self._machine.attempt == attempt

    async def _send_cancel(self, attempt: int) -> None:
        code: Code | None = None
        try:
            await self._need_link().request(control.CancelSeek(UNNUMBERED))
        except (ServerRefused, Unreachable) as error:
            code = error.code
        self._person.feed(stranger.CancelAnswered(attempt, code))

    def _settle_seek(self, error: FloaterError | None) -> None:
        reply, self._seek_reply = self._seek_reply, None
        if reply is not None and not reply.done():
            if error is None:
                reply.set_result(None)
            else:
                reply.set_exception(error)

    # -- the token ------------------------------------------------------------------------

    async def _remember(self, tokens: TokenStore) -> None:
        async with self._token_turn:
            try:
                token = await aside(tokens.load, name="read the token", within=KEYRING_TIME)
            except TimeoutError:
                log.warning("= the keyring does not answer")
                return
        if token:
            self._person.feed(stranger.Remember(token))

    async def _store_token(self, token: str) -> None:
        tokens = self._tokens
        assert tokens is not None
        work = (lambda: tokens.keep(token)) if token else tokens.drop
        async with self._token_turn:
            try:
                await aside(work, name="store the token", within=KEYRING_TIME)
            except TimeoutError:
                log.warning("= the keyring does not answer")

    # -- the punch port -------------------------------------------------------------------

    def _prepare(self) -> None:
        """Have a port ready before the person presses 聊一聊."""
        running = self._preparing is not None and not self._preparing.done()
        fresh = self._port is not None and not self._port.is_stale
        if running or fresh or self._settings.values.hide_address or not self._machine.logged_in:
            return
        self._drop_port()
        self._preparing = self._tasks.start(self._prepare_port(), "prepare a port")

    async def _prepare_port(self) -> None:
        link = self._link
        if link is None or link.welcome is None:
            return
        port = await self._new_port(link, link.welcome)
        if self._settings.values.hide_address or not link.online:
            await port.close()
            return
        self._port = port

    async def _new_port(self, link: ServerLink, welcome: control.Welcome) -> PunchPort:
        return await prepare_punch_port(
            server=link.url,
            observers=welcome.observers,
            observer_key=welcome.observer_key,
            on_stale=self._port_is_stale,
        )

    def _port_is_stale(self) -> None:
        if self.state is api.State.HOME:
            self._prepare()

    async def _ready_port(self) -> PunchPort | None:
        self._prepare()
        if self._preparing is not None:
            await asyncio.wait([self._preparing])
        return self._port

    def _drop_port(self) -> None:
        if self._preparing is not None:
            self._preparing.cancel()
            self._preparing = None
        port, self._port = self._port, None
        if port is not None:
            self._tasks.start(port.close(), "close a port")

    # -- the match ------------------------------------------------------------------------

    def _begin(self, matched: control.Matched) -> None:
        link = self._need_link()
        assert link.welcome is not None
        assert self._identity is not None
        for ending in self._ending:
            ending.silence()
        encounter = self._encounter = Encounter(
            matched,
            TalkConfig(max_file=self.config.max_file),
            tell=self._tell,
            report=self._person.feed,
        )
        port, self._port = self._port, None
        encounter.start(
            Meeting(
                matched=matched,
                identity=self._identity,
                ticket_key=link.welcome.ticket_key,
                server_time=link.server_time,
                punch_port=port,
                server=link.url,
                proxy=choose_proxy(self.config.proxy, link.url),
                settings=self._meeting_settings(),
                report=encounter.reported,
                received=lambda: encounter.talk.received,
            )
        )

    def _meeting_settings(self) -> MeetingSettings:
        return MeetingSettings(
            head_start=self.config.head_start,
            timeout=self.config.meeting_timeout,
            grace=self.config.grace,
            punch_delay=self.config.punch_delay,
            punch_budget=self.config.punch_budget,
            punch_attempts=self.config.punch_attempts,
        )

    def _end(self, reason: api.Ended) -> None:
        encounter, self._encounter = self._encounter, None
        if encounter is not None:
            self._ending.add(encounter)
            encounter.end(reason)
            self._tasks.start(self._ended(encounter), "end of a match")

    async def _ended(self, encounter: Encounter) -> None:
        await encounter.closed()
        self._ending.discard(encounter)

    # -- words ----------------------------------------------------------------------------

    def _tell(self, event: api.Event) -> None:
        """Give an event its sentence, remember it, and pass it on."""
        match event:
            case api.Notice(code):
                event = api.Notice(code, self._error(code).message)
            case api.Undelivered(_, error) | api.Failed(_, error):
                event = msgspec.structs.replace(event, error=self._error(error.code))
        self._history.record(event)
        self._emit(event)

    def _tell_of_addresses(self) -> None:
        """Say once, before it happens, that a direct link shows addresses."""
        settings = self._settings.values
        if settings.addresses_told or settings.hide_address:
            return
        words = sentence("notice.direct_shows_addresses", self.language)
        self._emit(api.Notice("direct_shows_addresses", words))
        with suppress(Refused):  # logged; it will be said once more
            self._settings.change(addresses_told=True)

    def _error(self, code: str) -> api.Error:
        return api.Error(code, sentence(f"code.{code}", self.language))
