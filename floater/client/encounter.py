"""One match from `matched` to its end: the links, the talk over them, and its files, wired together."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from floater import api
from floater.codes import Code
from floater.core import link
from floater.core.emit import Emit
from floater.core.meet import orders
from floater.core.person import stranger
from floater.core.talk import talk
from floater.core.talk.orders import Greeted, Over
from floater.core.talk.talk import Talk, TalkConfig
from floater.core.talk.transfer import (
    CloseFile,
    CreateFile,
    DiscardFile,
    FinishFile,
    ReadBlock,
    WriteBlock,
)
from floater.drive import Driver
from floater.errors import Refused, RemoteProtocolError
from floater.net.meeting import Meeting, Report
from floater.store.files import Files
from floater.tasks import Tasks
from floater.wire import control

log = logging.getLogger("floater.client")

_OUR_DOING: Final = (api.Ended.YOU_HUNG_UP, api.Ended.LOGGED_OUT, api.Ended.LOGGED_IN_ELSEWHERE)
"Ends of which the peer has to hear from us."


class Encounter:
    """The two of one match.

    Args:
        matched: the server's message.
        config: of the talk.
        tell: called with each event for the person, sentences left out.
        report: called with what the person's own machine has to know.
        order: called with what the meeting wants of the server, or of the ports.
        doubt: called when the peer is out of reach: perhaps everything is.
    """

    def __init__(
        self,
        matched: control.Matched,
        config: TalkConfig,
        *,
        tell: Callable[[api.Event], None],
        report: Callable[[stranger.Event], None],
        order: Callable[[orders.ServerOrder], None],
        doubt: Callable[[], None],
    ) -> None:
        self.matched = matched
        self.talk = Talk(matched.role, config)
        self.path: api.PathKind | None = None
        self._tell = tell
        self._report = report
        self._order = order
        self._doubt = doubt
        self._driver: Driver[talk.Event, talk.Effect] = Driver(self.talk, self._perform)
        self._files = Files(self._feed)
        self._meeting: Meeting | None = None
        self._met = False
        self._ending: api.Ended | None = None
        self._held: list[Callable[[], None]] | None = None
        self._tasks = Tasks()
        self._talk_over = asyncio.Event()
        self._closed = asyncio.Event()

    def start(self, meeting: Meeting) -> None:
        """Look for the peer through `meeting`, which reports to `reported`."""
        self._meeting = meeting
        meeting.start()

    @property
    def links(self) -> Meeting:
        """The meeting, once `start` was called."""
        assert self._meeting is not None
        return self._meeting

    # -- wishes ---------------------------------------------------------------------------

    def wish(self, wish: talk.Wish, told: Callable[[str], api.Event] | None = None) -> str:
        """Fulfil a wish and return the id of what it created.

        Args:
            wish: for the talk.
            told: makes, from that id, the event that tells of our own doing;
                it comes before all that follows from it.

        Raises:
            Refused: nothing was changed.
        """
        if not self._met or self._ending is not None:
            raise Refused(Code.NO_TALK)
        self._held = []
        try:
            self._feed(wish)
            created = self.talk.last_id
            if told is not None:
                self._tell(told(created))
        finally:
            held, self._held = self._held, None
            for tell in held:
                tell()
        return created

    async def offer(self, file: str) -> str:
        """Offer the file of that path and return the transfer's id.

        Raises:
            Refused: NO_TALK, NOT_GREETED, and what `Files.open_outgoing` raises.
        """
        if not self._met or self._ending is not None:
            raise Refused(Code.NO_TALK)
        if not (self.talk.greeted and self.talk.peer_greeted):
            raise Refused(Code.NOT_GREETED)
        offer = await self._files.open_outgoing(file)
        try:
            return self.wish(
                offer,
                lambda created: api.Offered(
                    created, offer.name, offer.content_type, offer.size, offer.preview
                ),
            )
        except Refused:
            self._files.perform(CloseFile(offer.file))
            raise

    def accept(self, transfer_id: str, folder: Path) -> None:
        """Have an offered file, in that folder.

        Raises:
            Refused: NO_TALK, NO_SUCH_TRANSFER, TRANSFER_STATE.
        """
        self.wish(api.Accept(transfer_id, str(folder)))

    # -- the end --------------------------------------------------------------------------

    def end(self, reason: api.Ended) -> None:
        """End it; what was open is told before this returns, and nothing afterwards.

        Never fails; the farewell goes on behind, and `closed` waits for it.
        """
        if self._ending is not None:
            return
        if not self.talk.is_over:
            self._feed(api.HangUp() if reason in _OUR_DOING and self._met else talk.End(reason))
        self._ending = reason
        self._tasks.start(self._close(), "end of a match")

    async def closed(self) -> None:
        """Wait until the peer has heard, and every link and file is closed."""
        await self._closed.wait()

    async def _close(self) -> None:
        try:
            await self._talk_over.wait()  # a hang-up waits for its acknowledgement, two seconds at most
            if self._meeting is not None:
                await self._meeting.close()
        finally:
            self._driver.close()
            await self._files.close()
            self._closed.set()

    # -- between the machines -------------------------------------------------------------

    def reported(self, report: Report) -> None:
        """Take what the meeting reports."""
        match_id = self.matched.match_id
        match report:
            case orders.Met():
                self._met = True
                self._report(stranger.Met(match_id))
            case link.LinkUp() | link.LinkDown() | link.Check() | link.Arrived() | link.Writable():
                self._feed(report)
            case Emit(event):
                if isinstance(event, api.Path):
                    self.path = event.kind
                self._say(event)
                if isinstance(event, api.PeerAway):
                    self._doubt()
            case orders.Lost(relayed):
                self._report(stranger.Lost(match_id, relayed=relayed))
            case orders.NoShow(code):
                self._report(stranger.NoShow(match_id, code))
            case orders.Misbehaved(code):
                self._misbehaved(code)
            case orders.RenewPort() | orders.TellCandidates() | orders.TellOpened():
                self._order(report)

    def _feed(self, event: talk.Event) -> None:
        try:
            self._driver.feed(event)
        except RemoteProtocolError as error:
            self._misbehaved(error.code)

    def _misbehaved(self, code: Code) -> None:
        log.warning("< the peer broke the protocol: %s", code.value)
        self._feed(talk.End(api.Ended.PEER_MISBEHAVED))

    def _perform(self, effect: talk.Effect) -> None:
        match effect:
            case link.Transmit():
                self.links.transmit(effect)
            case link.Suspect() | link.Alive():
                self.links.feed(effect)
            case Emit(event):
                self._say(event)
            case Greeted():
                self._in_turn(lambda: self._report(stranger.Greeted(self.matched.match_id)))
            case Over(reason):
                self._talk_over.set()
                self._report(stranger.Over(self.matched.match_id, reason))
            case ReadBlock() | CloseFile() | CreateFile() | WriteBlock() | FinishFile() | DiscardFile():
                self._files.perform(effect)

    def _say(self, event: api.Event) -> None:
        if self._ending is None:
            self._in_turn(lambda: self._tell(event))

    def _in_turn(self, tell: Callable[[], None]) -> None:
        if self._held is None:
            tell()
        else:
            self._held.append(tell)
