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
from floater.core.meet import path
from floater.core.person import stranger
from floater.core.talk import talk
from floater.core.talk.orders import Greeted, Over
from floater.core.talk.talk import Talk, TalkConfig
from floater.core.talk.transfer import (
    CloseFile,
    CreateFile,
    DiscardFile,
    FinishFile,
    Keep,
    ReadBlock,
    WriteBlock,
)
from floater.drive import Driver
from floater.errors import Refused, RemoteProtocolError
from floater.net.meeting import (
    Meeting,
    Misbehaved,
    Noticed,
    Opened,
    PortWanted,
    ReceiptChanged,
    Report,
    Trying,
)
from floater.store.files import Files
from floater.tasks import Tasks
from floater.wire import control
from floater.wire.message_id import author_of

log = logging.getLogger("floater.client")

_OUR_DOING: Final = (api.Ended.YOU_HUNG_UP, api.Ended.LOGGED_OUT, api.Ended.LOGGED_IN_ELSEWHERE)
"Ends of which the peer has to hear from us."


class Encounter:
    """The two of one match.

    Args:
        matched: the server's message.
        certificate: ours for this match, DER.
        config: of the talk.
        tell: called with each event for the person, sentences left out.
        report: called with what the person's own machine has to know.
        renew: called when a fresh punch port is wanted for `Meeting.renew`.
        doubt: called when the peer is out of reach: perhaps everything is.
        opened: called with the match and the number of a punch when our NAT is open for the peer.
    """

    def __init__(
        self,
        matched: control.Matched,
        certificate: bytes,
        config: TalkConfig,
        *,
        tell: Callable[[api.Event], None],
        report: Callable[[stranger.Event], None],
        renew: Callable[[], None],
        doubt: Callable[[], None],
        opened: Callable[[str, int], None],
    ) -> None:
        self.matched = matched
        self.talk = Talk(author_of(certificate), author_of(matched.certificate), config)
        self.path: api.PathKind | None = None
        self._tell = tell
        self._report = report
        self._renew = renew
        self._doubt = doubt
        self._opened = opened
        self._driver: Driver[talk.Event, talk.Effect] = Driver(self.talk, self._perform)
        self._files = Files(self._feed)
        self._meeting: Meeting | None = None
        self._met = False
        self._ending: api.Ended | None = None
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

    def wish(self, wish: talk.Wish) -> str:
        """Fulfil a wish and return the id of what it created.

        Raises:
            Refused: nothing was changed.
        """
        self._make_sure_of_talk()
        self._feed(wish)
        return self.talk.last_id

    async def offer(self, file: str) -> str:
        """Offer the file of that path and return the transfer's id.

        Raises:
            Refused: NO_TALK, NOT_GREETED, and what `Files.open_outgoing` raises.
        """
        self._make_sure_of_talk()
        if self.talk.refusal is not None:
            raise Refused(self.talk.refusal)
        offer = await self._files.open_outgoing(file)
        try:
            return self.wish(offer)
        except Refused:
            self._files.perform(CloseFile(offer.file))
            raise

    def accept(self, transfer_id: str, folder: Path) -> None:
        """Have an offered file, in that folder.

        Raises:
            Refused: NO_TALK, NOT_GREETED, NO_SUCH_TRANSFER, TRANSFER_STATE.
        """
        self.wish(Keep(transfer_id, str(folder)))

    def _make_sure_of_talk(self) -> None:
        if not self._met or self._ending is not None:
            raise Refused(Code.NO_TALK)

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
            case link.LinkUp():
                if not self._met:
                    self._met = True
                    self._report(stranger.Met(match_id))
                self._feed(report)
            case link.Arrived() | link.Writable() | link.LinkDown() | link.Check():
                self._feed(report)
            case path.Chosen(kind, how, took, rtt, receipt):
                self.path = kind
                rtt_ms = None if rtt is None else round(rtt * 1_000, 1)
                self._say(api.Path(kind, round(took * 1_000, 1), rtt_ms, how, receipt))
            case Trying(kinds, technique):
                self._say(api.Trying(list(kinds), technique.value))
            case ReceiptChanged(now):
                self._say(api.ReceiptChanged(now))
            case path.Away(grace):
                self._say(api.PeerAway(grace))
                self._doubt()
            case path.Back():
                self._say(api.PeerBack())
            case path.Lost():
                self._report(stranger.Lost(match_id, relayed=self.path is api.PathKind.RELAY))
            case path.NoShow(code):
                self._report(stranger.NoShow(match_id, code))
            case PortWanted():
                self._renew()
            case Opened(number):
                self._opened(match_id, number)
            case Misbehaved(code):
                self._feed(talk.Misbehaved(code))
            case Noticed(code):
                self._say(api.Notice(code.value, ""))

    def _feed(self, event: talk.Event) -> None:
        try:
            self._driver.feed(event)
        except RemoteProtocolError as error:
            self._driver.feed(talk.Misbehaved(error.code))

    def _perform(self, effect: talk.Effect) -> None:
        match effect:
            case link.Transmit():
                self.links.transmit(effect)
            case link.Suspect(number):
                self.links.suspect(number)
            case link.Alive(number):
                self.links.alive(number)
            case Emit(event):
                self._say(event)
            case Greeted():
                self._report(stranger.Greeted(self.matched.match_id))
            case Over(reason, fault):
                if fault is not None:
                    who = "the peer" if reason is api.Ended.PEER_MISBEHAVED else "the peer says that we"
                    log.warning("< %s broke the protocol: %s", who, fault.value)
                self._talk_over.set()
                self._report(stranger.Over(self.matched.match_id, reason))
            case ReadBlock() | CloseFile() | CreateFile() | WriteBlock() | FinishFile() | DiscardFile():
                self._files.perform(effect)

    def _say(self, event: api.Event) -> None:
        if self._ending is None:
            self._tell(event)
