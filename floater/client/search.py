"""The search as the server hears of it, and the commands that wait for its answers."""

import asyncio
from collections.abc import Callable

from floater import api
from floater.client.account import Ask
from floater.client.ports import Ports
from floater.codes import Code
from floater.core.person import stranger
from floater.core.person.stranger import Stranger
from floater.crypto.certificate import CertifiedKey, make_certified_key
from floater.errors import FloaterError, ServerRefused, Unreachable
from floater.net.server_link import UNNUMBERED
from floater.wire import control
from floater.wire.nat import UNKNOWN_NAT


class Search:
    """Sends `seek` and `cancel_seek`, and settles the commands of those names.

    Args:
        machine: where the person stands.
        feed: feeds that machine.
        request: asks the server.
        ports: where the candidates come from.
        wishes: whether the address is hidden, and the language, as they are now.
    """

    def __init__(
        self,
        machine: Stranger,
        feed: Callable[[stranger.Event], None],
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
        self._unsent: int | None = None
        self._reply: asyncio.Future[None] | None = None
        self._moved: asyncio.Future[None] | None = None
        self._answered = 0

    # -- the commands ---------------------------------------------------------------------

    async def begin(self) -> None:
        """Seek; returns when the server has answered, or cannot be reached now but will be asked again.

        Raises:
            Refused: not now.
            ServerRefused: the server said no.
        """
        self._feed(stranger.Seek())
        reply = self._reply = asyncio.get_running_loop().create_future()
        await reply

    async def cancel(self) -> None:
        """Stop seeking; returns when that, or a match that came before it, is certain.

        Raises:
            Refused: not now.
        """
        self._feed(stranger.CancelSeek())
        while self._machine.state is api.State.SEEKING and self._machine.is_cancelling:
            await self._move()

    async def renew(self) -> None:
        """Seek by the wishes as they are now; returns when the server has heard of it, or is not there."""
        self._feed(stranger.SeekAnew())
        while (
            self._machine.state is api.State.SEEKING
            and self._machine.logged_in
            and (self._machine.is_cancelling or self._answered != self._machine.attempt)
        ):
            await self._move()

    async def _move(self) -> None:
        if self._moved is None:
            self._moved = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._moved)

    def _moves(self) -> None:
        if self._moved is not None and not self._moved.done():
            self._moved.set_result(None)
        self._moved = None

    def entered(self, state: api.State) -> None:
        """The person stands somewhere else now."""
        self._moves()
        if state is not api.State.SEEKING:
            self.settle(None)

    def settle(self, error: FloaterError | None) -> None:
        """Let `begin` return, or raise."""
        self._moves()
        reply, self._reply = self._reply, None
        if reply is not None and not reply.done():
            if error is None:
                reply.set_result(None)
            else:
                reply.set_exception(error)

    # -- the requests ---------------------------------------------------------------------

    def announce(self, attempt: int) -> None:
        """This attempt is about to be sent; until it is, a cancel needs no request."""
        self._unsent = attempt

    def withdraw(self, attempt: int) -> bool:
        """Say whether an attempt that is cancelled was not sent yet; it never will be then."""
        if self._unsent != attempt:
            return False
        self._feed(stranger.CancelAnswered(attempt, None))
        return True

    async def send(self, attempt: int, after: str) -> None:
        """Send `seek`, with what the outside sees of a fresh port."""
        code: Code | None = None
        error: FloaterError | None = None
        try:
            port = await self._ports.ready()
            if self._unsent != attempt or not self._is_on(attempt):
                return  # cancelled meanwhile, before the server heard of it
            self._unsent = None
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
        except ServerRefused as raised:
            code, error = raised.code, raised
        if self._is_on(attempt):
            self.settle(error)
        self._feed(stranger.SeekAnswered(attempt, code))
        self._answered = attempt
        self._moves()

    async def send_cancel(self, attempt: int) -> None:
        """Send `cancel_seek`."""
        code: Code | None = None
        try:
            await self._request(control.CancelSeek(UNNUMBERED))
        except (ServerRefused, Unreachable) as error:
            code = error.code
        self._feed(stranger.CancelAnswered(attempt, code))

    def _is_on(self, attempt: int) -> bool:
        return self._machine.state is api.State.SEEKING and self._machine.attempt == attempt
