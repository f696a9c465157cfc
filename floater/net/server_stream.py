"""One stream to the server, from `hello` to its end (spec §4).

Which streams there are, one after the other, is decided by
`floater.core.person.reconnect` and performed by `floater.net.server_link`.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import cast

import msgspec

from floater.codes import Code
from floater.errors import RemoteProtocolError, Unreachable
from floater.loop import abort
from floater.net.interfaces import source_address
from floater.net.sockets import address_of
from floater.wire import control
from floater.wire.codec import Message, UnknownType, encode
from floater.wire.control import SERVER_MESSAGES, ServerMessage, code_of
from floater.wire.endpoint import Address
from floater.wire.frame import SERVER_LEG, FrameReader
from floater.wire.limits import PROTOCOL_VERSION

log = logging.getLogger("floater.net")


class ServerStream(asyncio.Protocol):
    """One TLS stream: frames in, frames out, requests and their answers.

    Args:
        news: called with everything that the server says unasked, after the answers that came before it.
        lost: called once when the stream is over, with the reason.
    """

    def __init__(
        self, news: Callable[[control.News], None], lost: Callable[["ServerStream", Code], None]
    ) -> None:
        self.ended: Code | None = None
        "Why the stream is over; None while it is not."
        self.closing: control.Closing | None = None
        "What the server said before it ended the stream, if it did."
        self.last_written = 0.0
        "Seconds of the loop's clock."
        self._news = news
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._reader = FrameReader(SERVER_LEG)
        self._transport: asyncio.Transport | None = None
        self._welcome: asyncio.Future[control.Welcome] = self._loop.create_future()
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self._waiting: dict[int, asyncio.Future[control.Answer]] = {}
        self._last_id = 0

    async def greet(self, hello: control.Hello) -> control.Welcome:
        """Say hello and wait for `welcome`.

        Raises:
            Unreachable: with the reason for which the stream ended.
        """
        self._write(hello)
        return await self._welcome

    async def request(self, message: control.Request) -> control.Answer:
        """Send a request under a fresh number and wait for its answer.

        Raises:
            Unreachable: the stream is over, or ended before the answer came.
        """
        if self.ended is not None:
            raise Unreachable(Code.SERVER_UNREACHABLE)
        self._last_id += 1
        number = self._last_id
        answer: asyncio.Future[control.Answer] = self._loop.create_future()
        self._waiting[number] = answer
        try:
            self._write(msgspec.structs.replace(message, id=number))
            return await answer
        finally:
            self._waiting.pop(number, None)

    def stands(self, gone: frozenset[Address]) -> bool:
        """Say whether our end of the stream is not `gone`, and a new stream would begin there, too."""
        if self._transport is None or (name := self._transport.get_extra_info("sockname")) is None:
            return False
        here, there = address_of(name[0]), self._transport.get_extra_info("peername")
        return here is not None and here not in gone and source_address(there[0]) == here

    def abort(self, code: Code) -> None:
        """End the stream now."""
        self._end(code)
        if self._transport is not None:
            abort(self._transport)

    async def close(self) -> None:
        """End the stream after what was written, waiting for at most a second."""
        self._end(Code.SERVER_UNREACHABLE)
        if self._transport is not None:
            self._transport.close()
            await asyncio.wait([self._gone], timeout=1.0)
            abort(self._transport)

    def _write(self, message: Message) -> None:
        assert self._transport is not None
        log.debug("> %s", type(message).__name__)
        self.last_written = self._loop.time()
        self._transport.write(encode(message))

    # -- asyncio's side -------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The server has proved to be the right one."""
        transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses of it
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Cut what came into messages and take each."""
        try:
            for frame in self._reader.feed(data):
                if self.ended is not None:
                    return
                with suppress(UnknownType):  # of a later version
                    self._take(SERVER_MESSAGES.decode(frame))
            self._reader.check()
        except RemoteProtocolError as error:
            log.warning("< the server broke the protocol: %s", error.code.value)
            self.abort(error.code)

    def connection_lost(self, error: Exception | None) -> None:
        """The stream is over."""
        if not self._gone.done():
            self._gone.set_result(None)
        self._end(Code.SERVER_UNREACHABLE)

    def _take(self, message: ServerMessage) -> None:
        if not self._welcome.done():
            match message:
                case control.Welcome(version=version) if version == PROTOCOL_VERSION:
                    self._welcome.set_result(message)
                case control.Welcome():
                    self.abort(Code.UNSUPPORTED_VERSION)
                case control.Refused(code=code):
                    self.abort(code_of(code))
                case control.Closing(code=code):
                    self.closing = message
                    self.abort(code_of(code))
                case _:
                    raise RemoteProtocolError(Code.UNEXPECTED, type(message).__name__)
            return
        match message:
            case control.Welcome():
                raise RemoteProtocolError(Code.UNEXPECTED, "a second welcome")
            case control.Refused(id=0, code=code):
                self.abort(code_of(code))
            case control.Done() | control.LoggedIn() | control.Refused():
                answer = self._waiting.get(message.id)
                if answer is None or answer.done():
                    log.debug("< an answer without a request")
                else:
                    answer.set_result(message)
            case _:
                if isinstance(message, control.Closing):
                    self.closing = message
                # A task that awaits an earlier answer has to run before this is handled.
                self._loop.call_soon(self._news, message)

    def _end(self, code: Code) -> None:
        if self.ended is not None:
            return
        self.ended = code
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(Unreachable(Code.SERVER_UNREACHABLE))
        if not self._welcome.done():
            self._welcome.set_exception(Unreachable(code))
            self._welcome.exception()  # retrieved here, because no task may be awaiting it
        self._lost(self, code)
