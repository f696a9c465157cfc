"""A real mail server (aiosmtpd) on this loop, which can be told to be difficult."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from aiosmtpd.smtp import Session as SmtpSession

# Its deprecated parts are looked at by the library itself only.
warnings.filterwarnings("ignore", category=DeprecationWarning, module="aiosmtpd")


class MailServer:
    """Takes mails, and answers each recipient with `verdict(address)` if that says anything."""

    def __init__(self) -> None:
        self.port = 0
        self.envelopes: list[Envelope] = []
        self.logged_in: list[tuple[bytes, bytes]] = []
        self.was_secure: list[bool] = []
        self.connections = 0
        self.verdict: Callable[[str], str] = lambda address: ""
        self.trouble: Callable[[str], str] = lambda address: ""
        "`silence`, `hang up`, or an answer, for a recipient."
        self._server: asyncio.Server | None = None
        self._transports: list[Any] = []

    async def handle_RCPT(  # noqa: N802, RUF100 - aiosmtpd's name
        self, server: SMTP, session: SmtpSession, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if answer := self.verdict(address):
            return answer
        if trouble := self.trouble(address):
            assert server.transport is not None
            if trouble == "silence":
                await asyncio.Event().wait()
            if trouble == "hang up":
                server.transport.close()
            return trouble
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802, RUF100
        self, server: SMTP, session: SmtpSession, envelope: Envelope
    ) -> str:
        self.envelopes.append(envelope)
        assert server.transport is not None
        self.was_secure.append(server.transport.get_extra_info("sslcontext") is not None)
        return "250 OK"

    def authenticate(
        self, server: SMTP, session: SmtpSession, envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        self.logged_in.append((data.login, data.password))
        return AuthResult(success=data.password == b"p@ss word")

    async def start(
        self, context: ssl.SSLContext | None = None, *, at_once: bool = False, **how: Any
    ) -> None:
        """Listen; on the same port as before, if there was one."""

        def make() -> SMTP:
            self.connections += 1
            return SMTP(
                self,
                tls_context=None if at_once else context,
                hostname="mail.test",
                authenticator=self.authenticate,
                **how,
            )

        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            make, "127.0.0.1", self.port, ssl=context if at_once else None
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def mail(self, number: int, within: float = 10.0) -> Envelope:
        """Mail `number`, counted from 0, as soon as it is there."""
        async with asyncio.timeout(within):
            while len(self.envelopes) <= number:
                await asyncio.sleep(0.005)
        return self.envelopes[number]


@asynccontextmanager
async def mail_server(context: ssl.SSLContext | None = None, **how: Any) -> AsyncIterator[MailServer]:
    server = MailServer()
    await server.start(context, **how)
    try:
        yield server
    finally:
        await server.stop()
