"""Combine all parts of a client, and give each command to the part that carries it out.

::

    face ──do(command)──▶ Client ──▶ Servers ──▶ Person ──▶ link, search, talk, files
    face ◀──emit(event)── Words ◀──────────────────┘
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from floater import __version__, api
from floater.client.account import ACCOUNT_COMMANDS, AccountCommand
from floater.client.mails import Inbox
from floater.client.network import look_around, reply_about
from floater.client.person import Person
from floater.client.practice import Practice
from floater.client.preferences import change, shown
from floater.client.receipt import receipt_of
from floater.client.servers import Servers
from floater.client.words import Words
from floater.codes import Code
from floater.config import ClientConfig
from floater.errors import FloaterError, Refused
from floater.lock import FolderLock
from floater.store.settings import SettingsFile
from floater.store.target import remove_leftovers
from floater.wire.scripts import is_mixed
from floater.wire.url import ServerUrl, parse_server_url


class Client:
    """One person's client. Use it as `async with Client(config, emit) as client`.

    Args:
        config: the options.
        emit: called in the loop with every event, in order; must return at once.
        remember: whether the log-in is kept for the next start.

    Raises:
        Refused: SERVER_URL_INVALID, from the constructor: `config.server` is malformed;
            DATA_DIR_IN_USE, on entering: another client works on this data folder.
    """

    def __init__(
        self, config: ClientConfig, emit: Callable[[api.Event], None], *, remember: bool = True
    ) -> None:
        self.config = config
        self.quitting = asyncio.Event()
        "Set by the command `quit`."
        self._remember = remember
        self._lock = FolderLock(config.data_dir)
        self._settings = SettingsFile(config.data_dir)
        self._words = Words(emit, lambda: self._settings.language)
        self._inbox = Inbox(self._words.tell)
        self._servers = Servers(
            self._first_server(),
            config=config,
            words=self._words,
            make_person=self._make_person,
            make_practice=lambda: Practice(_partner, self.language),
        )

    def _first_server(self) -> ServerUrl | None:
        if self.config.server:
            return parse_server_url(self.config.server)
        try:
            return parse_server_url(self._settings.values.server) if self._settings.values.server else None
        except Refused:
            return None

    def _make_person(self, url: ServerUrl | None, remember: bool) -> Person:
        return Person(
            url,
            config=self.config,
            settings=self._settings,
            words=self._words,
            remember=remember and self._remember,
            reached=self._reached,
        )

    def _reached(self) -> None:
        if not self._servers.practising:
            with suppress(Refused):  # it is logged; the next start does not know this server
                self._settings.change(server=str(self._servers.person.url))

    # -- life -----------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._lock.take()
        self._words.tell(api.Ready(__version__))
        self._words.tell(api.StateChanged(self.state))
        if self._settings.set_aside:
            self._words.notice(Code.SETTINGS_RESET)
        await asyncio.to_thread(remove_leftovers, self._settings.downloads, now=time.time())
        self._servers.begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._inbox.close()
            await self._servers.close()
        finally:
            self._lock.give_back()

    @property
    def language(self) -> str:
        """The language of the person, as a BCP 47 tag."""
        return self._settings.language

    @property
    def state(self) -> api.State:
        """The state that the person is shown."""
        return self._servers.person.state

    def explain(self, error: FloaterError) -> api.Error:
        """Return an error's code and its sentence in the person's language."""
        return self._words.explain(error)

    # -- commands -------------------------------------------------------------------------

    async def do(self, command: api.Command) -> api.Reply:
        """Carry a command out.

        Raises:
            FloaterError: it was not carried out; `explain` returns the sentence for it.
        """
        person = self._servers.person
        match command:
            case api.SendText():
                return await person.talks.do(command)
            case api.LogOut():
                await person.log_out()
                await self._servers.end_practice()
            case api.Quit():
                self.quitting.set()
            case api.Seek():
                await person.search.begin()
            case api.CancelSeek():
                await person.search.cancel()
            case api.UseServer(url):
                wanted = parse_server_url(url)
                await self._servers.use(wanted)
                return api.ServerReply(str(wanted))
            case api.HostHere():
                return await self._servers.host()
            case api.Practise():
                await self._servers.practise()
            case api.Set():
                await self._set(command)
            case api.Status():
                return self._status()
            case api.Talks():
                return api.TalksReply(self._talks())
            case api.MarkRead(message_id, talk=talk):
                self._words.memory.mark_read(talk, message_id)
            case api.History(talk=talk):
                memory = self._words.memory
                return api.HistoryReply(memory.events(talk), self._words.told, memory.earlier(talk))
            case api.Network():
                hidden = self._settings.values.hide_address
                return reply_about(await look_around(person.link, person.reach, hidden=hidden), self._words)
            case api.GetReceipt(talk=talk):
                return receipt_of(self._words, talk, hides=self._settings.values.hide_address)
            case _ if isinstance(command, ACCOUNT_COMMANDS):
                return await self._account(command)
            case api.OfTalk():
                return await person.talks.do(command)
            case _:
                raise Refused(Code.BAD_COMMAND)
        return api.Empty()

    async def _account(self, command: AccountCommand) -> api.Reply:
        folder = self._servers.mail_folder
        if folder is None or not isinstance(command, api.SignUp | api.ResendCode | api.ForgotPassword):
            return await self._servers.person.account(command)
        await self._inbox.expect(folder, command.email)
        try:
            return await self._servers.person.account(command)
        except FloaterError:
            self._inbox.forget()
            raise

    async def _set(self, wish: api.Set) -> None:
        before = self._settings.values
        change(self._settings, wish)
        after = self._settings.values
        if (before.hide_address, before.map_port) != (after.hide_address, after.map_port):
            await self._servers.person.reach_changed()

    def _status(self) -> api.StatusReply:
        person = self._servers.person
        known, talks = person.engine.standing, self._talks()
        stranger = known.stranger
        return api.StatusReply(
            state=known.state,
            username=known.username,
            path=next((talk.path for talk in talks if stranger and talk.talk == stranger.match_id), None),
            online=known.online,
            server="" if person.url is None else str(person.url),
            settings=shown(self._settings),
            version=__version__,
            practising=self._servers.practising,
            talks=talks,
            n=self._words.told,
        )

    def _talks(self) -> list[api.TalkInfo]:
        """List the talks that are not over, the stranger's first."""
        engine, memory = self._servers.person.engine, self._words.memory
        found = []
        for one in engine.standing.encounters:
            ways = memory.ways(one.match_id)
            talk = None if one.standing is api.Standing.CONNECTING else engine.talk(one.match_id)
            found.append(
                api.TalkInfo(
                    talk=one.match_id,
                    kind=one.kind,
                    name=one.introduction.name,
                    mixed=is_mixed(one.introduction.name),
                    standing=one.standing,
                    unread=memory.unread(one.match_id),
                    path=None if ways is None or ways.path is None else ways.path.kind,
                    greeted=talk is not None and talk.greeted,
                    peer_greeted=talk is not None and talk.peer_greeted,
                )
            )
        return sorted(found, key=lambda talk: talk.kind is not api.TalkKind.STRANGER)


def _partner(config: ClientConfig, emit: Callable[[api.Event], None]) -> Client:
    """Make the client of a practice partner, which keeps no log-in."""
    return Client(config, emit, remember=False)
