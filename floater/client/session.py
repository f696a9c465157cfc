"""Send the requests of the log-in and of the ends of matches, and store the token."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from msgspec.structs import replace

from floater.client.tokens import Tokens
from floater.codes import Code
from floater.core.person import encounter, session, standing
from floater.errors import Refused, ServerRefused, Unreachable
from floater.net.server_link import UNNUMBERED, ServerLink
from floater.tasks import Tasks
from floater.wire import control
from floater.wire.mailbox import mailbox_key

log = logging.getLogger("floater.client")


class SessionRequests:
    """Carries out the engine's orders for the server and the token.

    Args:
        link: the server; None if there is none.
        tokens: stores the token.
        feed: feeds the engine.
        restored: called when the log-in is restored.
    """

    def __init__(
        self,
        link: ServerLink | None,
        tokens: Tokens,
        feed: Callable[[standing.Event], None],
        restored: Callable[[], None],
    ) -> None:
        self._link = link
        self._tokens = tokens
        self._feed = feed
        self._restored = restored
        self._tasks = Tasks()
        self._unfinished: set[asyncio.Task[None]] = set()
        "Tasks that the program finishes before it ends."

    def begin(self) -> None:
        """Restore the log-in of an earlier run, if its token is stored."""
        self._tasks.start(self._remember(), "read the token")

    async def close(self) -> None:
        """Cancel all requests."""
        await self._tasks.close()

    async def finished(self) -> None:
        """Wait until all tasks that were given to `finish` are done."""
        while self._unfinished:
            await asyncio.wait(set(self._unfinished))

    def perform(
        self,
        order: session.SendRestore
        | session.SendLogOut
        | session.KeepToken
        | session.DropToken
        | encounter.SendEndMatch,
    ) -> None:
        """Start to carry out an order."""
        match order:
            case session.SendRestore():
                self._tasks.start(self._restore(order), "restore")
            case encounter.SendEndMatch(match_id, reason):
                self.finish(self.tell(control.EndMatch(UNNUMBERED, match_id, reason)), "end match")
            case session.SendLogOut():
                self.finish(self.tell(control.LogOut(UNNUMBERED)), "log out")
            case session.KeepToken(token):
                self.finish(self._tokens.keep(token), "keep token")
            case session.DropToken():
                self.finish(self._tokens.drop(), "drop token")

    def finish(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Start a task that `finished` waits for."""
        task = self._tasks.start(work, name)
        self._unfinished.add(task)
        task.add_done_callback(self._unfinished.discard)

    async def request(self, message: control.Request) -> control.Done | control.LoggedIn:
        """Send a request and return the answer.

        Raises:
            Unreachable, ServerRefused.
        """
        if self._link is None:
            raise Unreachable(Code.SERVER_URL_INVALID)
        return await self._link.request(message)

    async def ask(self, message: control.Request) -> control.Done | control.LoggedIn:
        """Send a request of the person as soon as the server is reached, and return the answer.

        With a request that tries to get into an account goes the device token of that account. The one
        that comes with a log-in is stored.

        Raises:
            Refused: SERVER_URL_INVALID: there is no server.
            Unreachable, ServerRefused.
        """
        if self._link is None:
            raise Refused(Code.SERVER_URL_INVALID)
        account = None
        if isinstance(message, control.LogIn | control.ForgotPassword | control.ResetPassword):
            account = mailbox_key(message.email)
        if account is not None:
            message = replace(message, device=await self._tokens.load_device(account))
        answer = await self._link.request(message, wait=True)
        if account is not None and isinstance(answer, control.LoggedIn) and answer.device:
            self.finish(self._tokens.keep_device(account, answer.device), "keep device token")
        return answer

    async def tell(self, message: control.Request) -> None:
        """Send a request; log a refusal and ignore it."""
        try:
            await self.request(message)
        except (ServerRefused, Unreachable) as error:
            log.debug("= %s: %s", type(message).__name__, error.code.value)

    async def _remember(self) -> None:
        if token := await self._tokens.load():
            self._feed(session.Remember(token))

    async def _restore(self, order: session.SendRestore) -> None:
        restore = control.Restore(UNNUMBERED, order.token, order.match_ids, order.stranger)
        try:
            answer = await self.request(restore)
        except ServerRefused as error:
            self._feed(session.RestoreRefused(error.code, error.retry_after))
        except Unreachable:
            pass  # `Offline` has been or will be fed, and `Online` after it
        else:
            username = answer.username if isinstance(answer, control.LoggedIn) else ""
            new = answer.token if isinstance(answer, control.LoggedIn) else ""
            self._feed(session.LoggedIn(username, new))
            self._restored()
