"""Carry out the engine's orders for the links and files of every talk.

::

    Person ──command──▶ Talks ──Wish──▶ Engine ──Open, Order──▶ Talks ──▶ Performer (links), Files (disk)
                                           ▲                                   │
                                           └───────────────News────────────────┘
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from floater import api
from floater.client.preferences import folder_for
from floater.client.reach import Reach
from floater.codes import Code
from floater.core import engine
from floater.core.engine import Engine, News, Wish
from floater.core.meet import orders as meet
from floater.core.meet.introduction import Introduction
from floater.core.person import standing
from floater.core.talk.transfer import AcceptTo, CloseFile, FileOrder
from floater.errors import Refused
from floater.net.meeting import Performer
from floater.net.server_link import UNNUMBERED
from floater.store.files import Files
from floater.store.paths import expand
from floater.store.settings import SettingsFile
from floater.tasks import Tasks
from floater.wire import control
from floater.wire.endpoint import Address
from floater.wire.greetings import known_language

Connect: TypeAlias = Callable[[Introduction, Callable[[meet.Event], None], Callable[[], int]], Performer]
"""Makes the performer of a meeting from the introduction, what takes its events, and what returns the highest
`seq` received."""


AT_ONCE: Final = 1.0
"Seconds that it may take to close the links and files of talks whose peers are not waited for."


@dataclass(frozen=True, slots=True)
class _Talk:
    links: Performer
    files: Files


class Talks:
    """The talks of one person on one server.

    Args:
        machine: the engine.
        feed: feeds it.
        reach: has the punch ports.
        settings: of this computer.
        connect: makes the links of each talk.
        tell_server: sends a request whose refusal is ignored.
    """

    def __init__(
        self,
        machine: Engine,
        *,
        feed: Callable[[engine.Event], None],
        reach: Reach,
        settings: SettingsFile,
        connect: Connect,
        tell_server: Callable[[control.Request], Coroutine[Any, Any, None]],
    ) -> None:
        self._machine = machine
        self._feed = feed
        self._reach = reach
        self._settings = settings
        self._connect = connect
        self._tell_server = tell_server
        self._talks: dict[str, _Talk] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()
        self._tasks = Tasks()

    async def close(self) -> None:
        """Close all links and files without waiting for the peers, within `AT_ONCE` seconds."""
        for talk, open_talk in list(self._talks.items()):
            open_talk.links.perform(meet.CloseAll())
            self._close(talk)
        if self._closing:
            await asyncio.wait(set(self._closing), timeout=AT_ONCE)
        await self._tasks.close()

    async def closed(self) -> None:
        """Wait until every talk is over: links and files are closed."""
        while self._talks or self._closing:
            self._ended.clear()
            await self._ended.wait()

    # -- commands -------------------------------------------------------------------------

    async def do(self, command: api.OfTalk) -> api.Reply:
        """Carry out a command about a talk.

        Raises:
            Refused: NO_TALK, WHICH_TALK, and what `Talk.feed` and `Files.open_outgoing` raise.
        """
        match command:
            case api.SendFile(path):
                return api.FileReply(await self._offer(command.talk, str(expand(path))))
            case api.SendText():
                machine = self._machine.talk(command.talk)
                self._feed(Wish(command.talk, command))
                return api.TextReply(machine.last_id)
            case api.Greet(language):
                tag = known_language(language or self._settings.language)
                self._feed(Wish(command.talk, api.Greet(tag)))
            case api.Accept(transfer_id, to):
                self._machine.talk(command.talk)
                folder = folder_for(self._settings, to)
                self._feed(Wish(command.talk, AcceptTo(transfer_id, str(folder))))
            case api.HangUp():
                self._feed(standing.HangUp(command.talk))
            case api.Retry() | api.Typing() | api.Decline() | api.Pause() | api.Resume() | api.Cancel():
                self._feed(Wish(command.talk, command))
            case _:
                raise Refused(Code.BAD_COMMAND)
        return api.Empty()

    async def _offer(self, named: str, path: str) -> str:
        talk = self._machine.standing.which(named).match_id
        machine = self._machine.talk(talk)
        if (code := machine.refusal) is not None:
            raise Refused(code)
        files = self._talks[talk].files
        offer = await files.open_outgoing(path)
        try:
            self._feed(Wish(talk, offer))
        except Refused:
            files.perform(CloseFile(offer.file))
            raise
        return machine.last_id

    # -- news -----------------------------------------------------------------------------

    def heard(self, message: control.PeerCandidates | control.PeerOpened) -> None:
        """Feed the server's message about a peer to its meeting."""
        if isinstance(message, control.PeerOpened):
            self._feed(News(message.match_id, meet.PeerOpened()))
        else:
            self._feed(News(message.match_id, meet.PeerCandidates(message.candidates, message.nat)))

    def network_changed(self, gone: frozenset[Address]) -> None:
        """Tell every meeting that the network has changed, and which addresses were lost."""
        for talk in list(self._talks):
            self._feed(News(talk, meet.NetworkChanged(gone)))

    # -- what the engine orders -----------------------------------------------------------

    def perform(self, effect: engine.Open | engine.Order) -> None:
        """Start to carry out an order; its results are fed to the engine."""
        if isinstance(effect, engine.Open):
            self._open(effect.introduction)
            return
        talk, order = effect.talk, effect.order
        match order:
            case meet.RenewPort():
                self._reach.renew(talk, self._talks[talk].links.renewed)
            case meet.TellOpened(punch):
                self._tasks.start(self._tell_server(control.Opened(UNNUMBERED, talk, punch)), "opened")
            case meet.TellCandidates():
                self._tasks.start(self._tell_candidates(talk, order), "tell where we are")
            case meet.CloseAll():
                self._talks[talk].links.perform(order)
                self._close(talk)
            case _ if isinstance(order, FileOrder):
                self._talks[talk].files.perform(order)
            case _:
                self._talks[talk].links.perform(order)

    def _open(self, introduction: Introduction) -> None:
        talk = introduction.match_id

        def feed(news: meet.Event) -> None:
            self._feed(News(talk, news))

        links = self._connect(introduction, feed, lambda: self._machine.received(talk))
        self._talks[talk] = _Talk(links, Files(lambda report: self._feed(News(talk, report))))
        links.begin()

    async def _tell_candidates(self, talk: str, order: meet.TellCandidates) -> None:
        await self._tell_server(control.UpdateCandidates(UNNUMBERED, talk, order.candidates, order.nat))
        if order.then_punch:
            self._feed(News(talk, meet.CandidatesTold()))

    def _close(self, talk: str) -> None:
        self._reach.forget(talk)
        task = self._tasks.start(_closed(self._talks.pop(talk)), "end of a talk")
        self._closing.add(task)
        task.add_done_callback(self._gone)

    def _gone(self, closing: asyncio.Task[None]) -> None:
        self._closing.discard(closing)
        self._ended.set()


async def _closed(talk: _Talk) -> None:
    await talk.links.closed()
    await talk.files.close()
