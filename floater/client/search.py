"""Send the requests of a search, and reply to its commands when its outcome is known."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from floater.client.reach import Reach
from floater.client.session import SessionRequests
from floater.codes import Code
from floater.core.person import ports, search, standing
from floater.core.person.standing import Standing
from floater.crypto.certificate import CertifiedKey, make_certified_key
from floater.errors import LocalProtocolError, ServerRefused, Unreachable
from floater.net.punch_port import PunchPort
from floater.net.server_link import UNNUMBERED
from floater.tasks import Tasks
from floater.wire import control
from floater.wire.nat import UNKNOWN_NAT


@dataclass(frozen=True, slots=True)
class Announced:
    """What a `seek` told the server of, for the match that comes of it alone."""

    key: CertifiedKey
    port: PunchPort | None


class SearchRequests:
    """Sends `seek` and `cancel_seek`, and replies to the commands of those names.

    Args:
        machine: the state of the person.
        feed: feeds that machine.
        session: sends requests to the server.
        reach: has the port whose candidates are sent.
        wishes: tells whether the address is hidden, and the language, as they are now.
    """

    def __init__(
        self,
        machine: Standing,
        feed: Callable[[standing.Event], None],
        session: SessionRequests,
        reach: Reach,
        wishes: Callable[[], tuple[bool, str]],
    ) -> None:
        self._order: search.SendSeek | None = None
        "The last one, while a match may come of it."
        self._key: CertifiedKey | None = None
        "The key that was announced with it."
        self._machine = machine
        self._feed = feed
        self._session = session
        self._reach = reach
        reach.announce = self._announce
        self._wishes = wishes
        self._waiting: list[asyncio.Future[Code | None]] = []
        self._tasks = Tasks()

    async def close(self) -> None:
        """Cancel all requests, and answer the commands that wait for them."""
        self._settle(None)
        await self._tasks.close()
        self._order = self._key = None

    @property
    def certificate(self) -> bytes:
        """The certificate of the last `seek`, DER; empty if no search is on."""
        return b"" if self._key is None else self._key.certificate

    def take(self, talk: str, certificate: bytes) -> Announced:
        """Give up the key and the port that a `seek` announced: its match has begun.

        Args:
            talk: of the match.
            certificate: ours in the match.

        Raises:
            LocalProtocolError: it was not the last `seek` that had this certificate.
        """
        key, self._order, self._key = self._key, None, None
        if key is None or key.certificate != certificate:
            raise LocalProtocolError("a match of no search")
        return Announced(key, self._reach.found(talk))

    # -- the commands ---------------------------------------------------------------------

    async def begin(self) -> None:
        """Seek; return when the server has answered, or is out of reach and will be asked again.

        Raises:
            Refused: the command is not possible now.
            ServerRefused: the server refused it.
        """
        self._feed(search.Seek())
        code = await self._settled()
        if code is not None:
            raise ServerRefused(code)

    async def cancel(self) -> None:
        """Stop seeking; return when the search is cancelled, or a match came first.

        Raises:
            Refused: the command is not possible now.
        """
        self._feed(search.CancelSeek())
        await self._settled()

    async def renew(self) -> None:
        """Seek again with the present wishes; return when the server has answered, or is out of reach."""
        self._feed(search.SeekAnew())
        await self._settled()

    def renew_soon(self) -> None:
        """Seek again with the present wishes; return at once. A match that is on its way will be declined."""
        self._feed(search.SeekAnew())

    async def _settled(self) -> Code | None:
        if self._machine.is_settled:
            return None
        future: asyncio.Future[Code | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return await future

    def perform(self, order: search.SendSeek | search.SendCancel | search.Settled | search.Unmatched) -> None:
        """Start to carry out an order."""
        match order:
            case search.SendSeek():
                self._order = order
                self._reach.feed(ports.SearchAsks())
            case search.SendCancel(attempt):
                self._session.finish(self._send_cancel(attempt), "cancel")
            case search.Settled(code):
                self._settle(code)
            case search.Unmatched(told):
                self._order = self._key = None
                self._reach.feed(ports.SearchOver(told))

    def _settle(self, code: Code | None) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(code)

    # -- the requests ---------------------------------------------------------------------

    def _announce(self, port: PunchPort | None) -> None:
        """Send `seek` with the candidates of this port and a fresh certificate."""
        assert self._order is not None
        attempt = self._order.attempt
        self._key = make_certified_key()
        hidden, language = self._wishes()
        seek = control.Seek(
            UNNUMBERED,
            certificate=self._key.certificate,
            candidates=port.candidates if port else (),
            nat=port.introduce() if port else UNKNOWN_NAT,
            hide_address=hidden,
            language=language,
            after=self._order.after,
        )
        self._feed(search.Sent(attempt))
        self._tasks.start(self._send(attempt, seek), "seek")

    async def _send(self, attempt: int, seek: control.Seek) -> None:
        code: Code | None = None
        try:
            await self._session.request(seek)
        except Unreachable:
            code = Code.SERVER_UNREACHABLE
        except ServerRefused as error:
            code = error.code
        self._feed(search.SeekAnswered(attempt, code))

    async def _send_cancel(self, attempt: int) -> None:
        """Send `cancel_seek`."""
        code: Code | None = None
        try:
            await self._session.request(control.CancelSeek(UNNUMBERED))
        except (ServerRefused, Unreachable) as error:
            code = error.code
        self._feed(search.CancelAnswered(attempt, code))
