"""The requests of a search, and the commands that wait for it to be settled."""

import asyncio
from collections.abc import Callable

from floater.client.account import Ask
from floater.client.ports import Ports
from floater.codes import Code
from floater.core.person import search, standing
from floater.core.person.standing import Standing
from floater.crypto.certificate import CertifiedKey, make_certified_key
from floater.errors import ServerRefused, Unreachable
from floater.net.server_link import UNNUMBERED
from floater.wire import control
from floater.wire.nat import UNKNOWN_NAT


class Search:
    """Sends `seek` and `cancel_seek`, and answers the commands of those names.

    Args:
        machine: where the person stands.
        feed: feeds that machine.
        request: asks the server.
        ports: where the candidates come from.
        wishes: whether the address is hidden, and the language, as they are now.
    """

    def __init__(
        self,
        machine: Standing,
        feed: Callable[[standing.Event], None],
        request: Ask,
        ports: Ports,
        wishes: Callable[[], tuple[bool, str]],
    ) -> None:
        self.match_key: CertifiedKey | None = None
        "Made for the last `seek`, and good for its match alone."
        self._machine = machine
        self._feed = feed
        self._request = request
        self._ports = ports
        self._wishes = wishes
        self._waiting: list[asyncio.Future[Code | None]] = []

    # -- the commands ---------------------------------------------------------------------

    async def begin(self) -> None:
        """Seek; returns when the server has answered, or cannot be reached now but will be asked again.

        Raises:
            Refused: not now.
            ServerRefused: the server said no.
        """
        self._feed(search.Seek())
        code = await self._settled()
        if code is not None:
            raise ServerRefused(code)

    async def cancel(self) -> None:
        """Stop seeking; returns when that, or a match that came before it, is certain.

        Raises:
            Refused: not now.
        """
        self._feed(search.CancelSeek())
        await self._settled()

    async def renew(self) -> None:
        """Seek by the wishes as they are now; returns when the server has heard of it, or is not there."""
        self._feed(search.SeekAnew())
        await self._settled()

    async def _settled(self) -> Code | None:
        if self._machine.is_settled:
            return None
        future: asyncio.Future[Code | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return await future

    def settle(self, code: Code | None) -> None:
        """Let the commands return that wait; `code` is why the server refused the search."""
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(code)

    # -- the requests ---------------------------------------------------------------------

    async def send(self, attempt: int, after: str) -> None:
        """Send `seek`, with what the outside sees of a fresh port, unless it was cancelled meanwhile."""
        code: Code | None = None
        try:
            port = await self._ports.ready()
            if self._machine.attempt != attempt:
                return
            self._feed(search.Sent(attempt))
            self.match_key = make_certified_key()
            hidden, language = self._wishes()
            await self._request(
                control.Seek(
                    UNNUMBERED,
                    certificate=self.match_key.certificate,
                    candidates=port.candidates if port else (),
                    nat=port.introduce() if port else UNKNOWN_NAT,
                    hide_address=hidden,
                    language=language,
                    after=after,
                )
            )
        except Unreachable:
            code = Code.SERVER_UNREACHABLE
        except ServerRefused as error:
            code = error.code
        self._feed(search.SeekAnswered(attempt, code))

    async def send_cancel(self, attempt: int) -> None:
        """Send `cancel_seek`."""
        code: Code | None = None
        try:
            await self._request(control.CancelSeek(UNNUMBERED))
        except (ServerRefused, Unreachable) as error:
            code = error.code
        self._feed(search.CancelAnswered(attempt, code))
