"""One HTTP/1.1 connection: one request, one answer, the end.

h11 parses. The size of head and body and the time for all of it are limited
before anything is read.

    READING ──whole request──▶ ANSWERING ──answer written──▶ CLOSED
       ├──no HTTP/1.1, too large──▶ CLOSED, with a number
       └──deadline, in any state──▶ CLOSED, without a word
"""

import asyncio
from email.utils import formatdate
from http import HTTPStatus
from typing import Final, cast

import h11

from server.config import ServerConfig
from server.gateway.pages import Answer, Asked, answer, plain, security_policy
from server.gateway.streams import log_broken_off
from server.services.account_parts import Source
from server.services.accounts import Accounts

MAX_HEAD: Final = 16_384
"Bytes of the request line and all headers."
MAX_BODY: Final = 8_192
"Bytes. The largest form is two passwords of 128 characters, percent-encoded."

_SLICE: Final = 4_096


class HttpConnection(asyncio.Protocol):
    """Reads one request, answers it, and closes the connection."""

    def __init__(self, source: Source, accounts: Accounts, config: ServerConfig) -> None:
        self._source = source
        self._accounts = accounts
        self._config = config
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._request: h11.Request | None = None
        self._body = bytearray()
        self._is_answering = False

    # -- asyncio's calls ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock."""
        self._transport = cast(asyncio.Transport, transport)
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._config.http_deadline, self._transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop the transport. A request that is being carried out is finished."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Read the request. What comes after it is ignored."""
        try:
            # In slices: h11 holds a head to its limit only while the head is incomplete.
            for at in range(0, len(data), _SLICE):
                if self._is_answering:
                    return
                self._http.receive_data(data[at : at + _SLICE])
                self._read()
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint)

    # -- reading --------------------------------------------------------------------------

    def _read(self) -> None:
        while not self._is_answering:
            event = self._http.next_event()
            if isinstance(event, h11.Request):
                self._request = event
                if event.http_version != b"1.1":
                    self._refuse(505)
                elif _content_length(event) > MAX_BODY:
                    self._refuse(413)
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > MAX_BODY:
                    self._refuse(413)
            elif isinstance(event, h11.EndOfMessage):
                self._is_answering = True
                self._accounts.tasks.start(self._answer(), "http")
            else:
                return  # NEED_DATA, PAUSED or ConnectionClosed

    def _asked(self) -> Asked:
        assert self._request is not None
        headers = {name.decode("ascii"): value.decode("latin-1") for name, value in self._request.headers}
        return Asked(
            self._request.method.decode("ascii"),
            self._request.target.decode("ascii", "replace"),
            headers,
            bytes(self._body),
            self._source,
        )

    # -- answering ------------------------------------------------------------------------

    async def _answer(self) -> None:
        if self._transport is None:
            return
        result = plain(500)
        try:
            result = await answer(self._accounts, self._asked())
        finally:
            self._write(result)

    def _refuse(self, status: int) -> None:
        log_broken_off("page", status)
        self._write(plain(status))

    def _write(self, result: Answer) -> None:
        self._is_answering = True
        if self._transport is None or self._transport.is_closing():
            return
        headers = [
            ("Date", formatdate(usegmt=True)),
            ("Content-Type", result.content_type),
            ("Content-Length", str(len(result.body))),
            ("Connection", "close"),
            ("Content-Security-Policy", security_policy()),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            ("X-Robots-Tag", "noindex"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            *result.headers,
        ]
        is_head = self._request is not None and self._request.method == b"HEAD"
        response = h11.Response(
            status_code=result.status, headers=headers, reason=HTTPStatus(result.status).phrase
        )
        self._transport.write(self._http.send(response) or b"")
        if not is_head:
            self._transport.write(self._http.send(h11.Data(data=result.body)) or b"")
        self._transport.close()  # after what was written has left; the deadline still stands


def _content_length(request: h11.Request) -> int:
    return next((int(value) for name, value in request.headers if name == b"content-length"), 0)


def http_protocol(host: str, accounts: Accounts, config: ServerConfig) -> asyncio.Protocol:
    """Make the protocol of one HTTP connection from this address, whose TLS handshake is done."""
    # The address from `accept`: a transport no longer knows it once the client has reset the connection.
    return HttpConnection(Source(host), accounts, config)
