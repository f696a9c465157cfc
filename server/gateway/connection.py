"""One client's stream: its frames, its first words, its requests in order, its deadlines (spec §4.1).

::

    GREETING ──hello──▶ OPEN ──dismiss, broken protocol, silence──▶ CLOSED
       └──────── 10 s, wrong version, anything else ─────────────────▲

Requests are carried out one after the other in the order they came, so a
client may send the next before it has the answer to the last. Every error
becomes an answer in one method, `_turn_down`.
"""

import asyncio
import logging
import secrets
import socket
import time
from collections.abc import Coroutine
from enum import Enum
from typing import Final, cast

from floater.codes import Code
from floater.errors import FloaterError, RemoteProtocolError, ServerRefused
from floater.wire import control
from floater.wire.codec import UnknownType, encode
from floater.wire.control import CLIENT_MESSAGES
from floater.wire.endpoint import Endpoint
from floater.wire.frame import SERVER_LEG, Frame, FrameReader
from floater.wire.limits import PROTOCOL_VERSION
from server.core.requests import Requests
from server.gateway.backend import Backend
from server.gateway.dispatch import HANDLERS
from server.gateway.streams import Stream, log_broken_off
from server.services.account_parts import Session, Source

log = logging.getLogger("server.gateway")

VERSIONS: Final = frozenset({PROTOCOL_VERSION})
AGENT: Final = "floater-server"
COME_AGAIN: Final = 1.0
"Seconds after which a client may come again that was closed for its silence."
_SEND_BUFFER: Final = 32_768


class _State(Enum):
    GREETING = 1
    OPEN = 2
    CLOSED = 3


class Connection(asyncio.Protocol):
    """One client."""

    __slots__ = (
        "_backend",
        "_good_at",
        "_log_in_by",
        "_observer_key",
        "_reader",
        "_requests",
        "_state",
        "_stream",
        "_transport",
        "device",
        "session",
    )

    def __init__(self, stream: Stream, backend: Backend) -> None:
        self._stream = stream
        self._backend = backend
        self._state = _State.GREETING
        self._reader = FrameReader(SERVER_LEG)
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._observer_key = ""
        self._good_at = 0.0  # what `core.rates.Rate` knows of its messages
        self._log_in_by = 0.0
        self._requests = Requests()
        self.session: Session | None = None
        "The log-in; set by `Guests`, as is `device`."
        self.device = 0

    # -- what handlers and services see ---------------------------------------------------

    @property
    def host(self) -> str:
        """The address it comes from."""
        return self._stream.endpoint.host

    @property
    def source(self) -> Source:
        """The same, as accounts want it."""
        return Source(self._stream.endpoint.host)

    @property
    def seen(self) -> frozenset[Endpoint]:
        """The endpoints at which the observers saw it."""
        return self._backend.observations.seen(self._observer_key)

    @property
    def is_closed(self) -> bool:
        """True if it cannot be told anything any more."""
        return self._state is _State.CLOSED

    def send(self, message: control.ServerMessage) -> None:
        """Send a message, unless it has gone."""
        if self._state is not _State.CLOSED:
            self._transport.write(encode(message))

    def dismiss(self, code: Code, retry_after: float = 0.0) -> None:
        """Say why, and close it."""
        self.send(control.Closing(code=code, retry_after=retry_after))
        self._close()

    # -- the stream -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Use this transport, whose handshake is done; `stream.deadline` runs already."""
        self._transport = self._stream.attach(transport)
        self._transport.set_write_buffer_limits(high=self._backend.config.write_buffer)
        # By default the system would buffer megabytes more for a client that does not read.
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        self._stream.overdue = self._overdue
        self._backend.connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Carry out every frame that is whole."""
        if self._state is _State.CLOSED:
            return
        now = asyncio.get_running_loop().time()
        try:
            for frame in self._reader.feed(data):
                self._spend(now)
                self._take(frame, now)
                if self.is_closed:
                    return
            self._reader.check()
        except RemoteProtocolError as error:
            self._break_off(error)
            return
        if self._state is _State.OPEN:
            self._set_deadline(now)

    def pause_writing(self) -> None:
        """Drop a client that does not read. It could not be told anything."""
        log_broken_off("client", Code.TIMED_OUT)
        self._state = _State.CLOSED
        self._stream.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note that it has gone. A talk of its person goes on without it."""
        self._state = _State.CLOSED
        self._requests.clear()
        self._backend.connections.discard(self)
        for stream in self._backend.observations.forget(self._observer_key):
            stream.distrust()
        self._backend.matchmaking.drop(self)
        self._stream.ended()

    def _close(self) -> None:
        if self._state is not _State.CLOSED:
            self._state = _State.CLOSED
            self._stream.close()

    def _break_off(self, error: FloaterError, retry_after: float = 0.0) -> None:
        log_broken_off("client", error.code)
        self.send(control.Refused(code=error.code, retry_after=retry_after))
        self._close()

    # -- deadlines and rates --------------------------------------------------------------

    def _set_deadline(self, now: float) -> None:
        if self.session is None:
            self._stream.distrust()
            for stream in self._backend.observations.distrust(self._observer_key):
                stream.distrust()
        else:
            self._log_in_by = now + self._backend.config.log_in_timeout  # counts from a log-out
            self._stream.trust()
            for stream in self._backend.observations.trust(self._observer_key):
                stream.trust()
        deadline = now + self._backend.config.silence_limit
        self._stream.deadline = deadline if self.session is not None else min(deadline, self._log_in_by)

    def _overdue(self) -> None:
        if self._state is _State.GREETING:
            self._break_off(FloaterError(Code.TIMED_OUT))
        else:
            self.dismiss(Code.TIMED_OUT, COME_AGAIN)

    def _spend(self, now: float) -> None:
        rate = self._backend.message_rate
        if rate.wait(self._good_at, now=now):
            raise RemoteProtocolError(Code.TOO_MANY_TRIES, "messages")
        self._good_at = rate.charge(self._good_at, now=now)

    # -- messages -------------------------------------------------------------------------

    def _take(self, frame: Frame, now: float) -> None:
        try:
            message = CLIENT_MESSAGES.decode(frame)
        except UnknownType as unknown:
            if unknown.id:  # without an id it was no request, and needs no answer
                self.send(control.Refused(code=Code.UNKNOWN_TYPE, id=unknown.id))
            return
        if isinstance(message, control.Hello):
            self._welcome(message, now)
        elif self._state is _State.GREETING:
            raise RemoteProtocolError(Code.UNEXPECTED, "before hello")
        else:
            self._request(message)

    def _welcome(self, hello: control.Hello, now: float) -> None:
        if self._state is not _State.GREETING:
            raise RemoteProtocolError(Code.UNEXPECTED, "a second hello")
        common = VERSIONS.intersection(hello.versions)
        if not common:
            raise RemoteProtocolError(Code.UNSUPPORTED_VERSION)
        backend = self._backend
        self._state = _State.OPEN
        self._stream.settle()
        self._log_in_by = now + backend.config.log_in_timeout
        self._observer_key = secrets.token_urlsafe(12)
        backend.observations.expect(self._observer_key)
        self.send(
            control.Welcome(
                version=max(common),
                time=time.time(),
                observers=backend.observers,
                observer_key=self._observer_key,
                ticket_key=backend.ticket_key,
                agent=AGENT,
            )
        )

    def _request(self, message: control.Request) -> None:
        if self._requests.add(message):
            self._carry_out(message)
        elif self._requests.is_full:
            self._transport.pause_reading()

    def _carry_out(self, message: control.Request | None) -> None:
        """Carry out a request, and those that wait behind it, up to the first that takes time."""
        while message is not None and not self.is_closed:
            try:
                work = HANDLERS[type(message)](self._backend, self, message)
            except Exception as error:  # a fault in one request must not end the others
                self._turn_down(message.id, error)
            else:
                if work is not None:
                    self._backend.tasks.start(self._finish(message.id, work), type(message).__name__)
                    return
            message = self._requests.next()

    async def _finish(self, id_: int, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception as error:  # as above
            self._turn_down(id_, error)
        self._carry_out(self._requests.next())
        if not self._transport.is_closing():
            self._set_deadline(asyncio.get_running_loop().time())
            self._transport.resume_reading()

    def _turn_down(self, id_: int, error: Exception) -> None:
        """Answer a request that failed."""
        if isinstance(error, FloaterError):
            retry_after = error.retry_after if isinstance(error, ServerRefused) else 0.0
            code = error.code
        else:
            log.error("= a request failed", exc_info=error)
            retry_after, code = 0.0, Code.INTERNAL
        self.send(control.Refused(code=code, id=id_, retry_after=retry_after))
