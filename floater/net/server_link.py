"""The client's stream to its server, as long as the client lives (spec §4).

Opens it, says `hello`, opens it again whenever it breaks (`floater.core.person.reconnect`
says when), brings each request its one answer, and passes news on. Who is
logged in is no business of this file.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, cast

import msgspec

from floater.codes import Code
from floater.config import ClientConfig
from floater.core.person.reconnect import (
    Abandon,
    Begin,
    Broke,
    Came,
    Effect,
    Event,
    Nudge,
    Reconnect,
    Try,
    Uprooted,
    Waits,
)
from floater.drive import Driver
from floater.errors import FloaterError, RemoteProtocolError, ServerRefused, Unreachable
from floater.loop import abort
from floater.net.interfaces import source_address
from floater.net.server_clock import ServerClock
from floater.net.server_connect import Proxy, open_server_stream
from floater.net.sockets import address_of
from floater.tasks import Tasks
from floater.wire import control
from floater.wire.codec import Message, UnknownType, encode
from floater.wire.control import SERVER_MESSAGES, ServerMessage, code_of
from floater.wire.endpoint import Address
from floater.wire.frame import SERVER_LEG, FrameReader
from floater.wire.limits import PROTOCOL_VERSION
from floater.wire.url import ServerUrl

log = logging.getLogger("floater.net")

ALPN: Final = "floater/1"
CHECK_TIMEOUT: Final = 2.0
"Seconds for the answer to `check`."
UNNUMBERED: Final = 1
"What stands in a request's `id` until `request` gives it its own."
_COME_BACK: Final = (Code.LOGGED_IN_ELSEWHERE, Code.SESSION_ENDED, Code.SERVER_CLOSING)
"Codes with which the server ends a stream although the client may connect and log in again."


@dataclass(frozen=True, slots=True)
class Reached:
    """Whether the server is reached; if not, why, and in how many seconds we try again (None: when asked)."""

    online: bool
    code: Code | None = None
    retry: float | None = None


class ServerLink:
    """One server.

    Args:
        url: where it is.
        config: times.
        proxy: tells the way out of this network, if it has one; another network may have another one.
        agent: who we are, for the server's log.
        language: BCP 47, read at each `hello`.
        reached: called whenever that changes, and after each failed attempt.
        news: called with everything that the server says unasked.
    """

    def __init__(
        self,
        url: ServerUrl,
        *,
        config: ClientConfig,
        proxy: Callable[[], Proxy | None],
        agent: str,
        language: Callable[[], str],
        reached: Callable[[Reached], None],
        news: Callable[[control.News], None],
    ) -> None:
        self.url = url
        self.welcome: control.Welcome | None = None
        "What the server said first on the stream that stands now, or stood last."
        self.online = False
        self.rtt: float | None = None
        "Seconds there and back, as last measured."
        self.clock = ServerClock()
        self._config = config
        self._proxy = proxy
        self._agent = agent
        self._language = language
        self._reached = reached
        self._news = news
        self._tasks = Tasks()
        self._loop = asyncio.get_running_loop()
        self._stream: _Stream | None = None
        self._closing = False
        self._attempt: asyncio.Task[None] | None = None
        self._waits: float | None = None
        self._attempts: list[asyncio.Future[None]] = []
        self._driver: Driver[Event, Effect] = Driver(
            Reconnect(config.retry_first, config.retry_last), self._perform
        )

    def start(self) -> None:
        """Reach the server, now and from now on."""
        self._driver.feed(Begin())

    def nudge(self) -> None:
        """Try at once if we are waiting."""
        self._driver.feed(Nudge())

    def network_changed(self, gone: frozenset[Address]) -> None:
        """Reach the server anew if our end of the stream is `gone`, or a new stream would begin elsewhere."""
        if self._stream is None or not self._stream.stands(gone):
            self._driver.feed(Uprooted())
        else:
            self.check()

    def check(self) -> None:
        """Find out soon whether the stream is alive; if it is not, reach the server anew."""
        if self._stream:
            self._tasks.start(self._check(self._stream), "check the server")

    async def request(
        self, message: control.Request, *, wait: bool = False
    ) -> control.Done | control.LoggedIn:
        """Send a request and return its answer.

        Args:
            message: its `id` is chosen here.
            wait: if the server is not reached, try once, now.

        Raises:
            ServerRefused: the server said no.
            Unreachable: the server is not reached, or the stream broke before
                the answer came; TIMED_OUT if no answer came.
        """
        if wait and not (self.online or self._closing):
            await self._try_once()
        if not self.online or (stream := self._stream) is None:
            raise Unreachable(Code.SERVER_UNREACHABLE)
        began = time.perf_counter()  # a loop's own clock may count in milliseconds
        try:
            async with asyncio.timeout(self._config.request_timeout):
                answer = await self._ask(stream, message)
        except TimeoutError as error:
            stream.abort(Code.TIMED_OUT)
            raise Unreachable(Code.TIMED_OUT) from error
        if isinstance(message, control.Ping):
            self.rtt = time.perf_counter() - began
        if isinstance(answer, control.Refused):
            raise ServerRefused(code_of(answer.code), "", answer.retry_after)
        return answer

    async def _ask(self, stream: "_Stream", message: control.Request) -> control.Answer:
        answer = await stream.request(message)
        if isinstance(answer, control.Done) and answer.time:
            self.clock.learn(answer.time)
        return answer

    async def close(self) -> None:
        """End the stream and try no more. What was written before still goes out."""
        self._closing = True
        self._driver.close()
        self._settle(Code.SERVER_UNREACHABLE)
        if self._stream is not None:
            await self._stream.close()
        await self._tasks.close()

    # -- the stream -----------------------------------------------------------------------

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Try():
                self._attempt = self._tasks.start(self._open(), "reach the server")
            case Abandon():
                self._abandon()
            case Waits(seconds):
                self._waits = seconds

    def _abandon(self) -> None:
        stream, self._stream, self.online = self._stream, None, False
        if stream is not None:
            stream.abort(Code.SERVER_UNREACHABLE)
            self._reached(Reached(False, Code.SERVER_UNREACHABLE, 0.0))
        elif self._attempt is not None:
            self._attempt.cancel()

    async def _check(self, stream: "_Stream") -> None:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT):
                await self._ask(stream, control.Ping(UNNUMBERED))
        except TimeoutError:
            if stream is self._stream:
                log.info("= the server does not answer")
                self._driver.feed(Uprooted())
        except FloaterError as error:
            log.debug("= check: %s", error.code.value)

    async def _try_once(self) -> None:
        done = self._loop.create_future()
        self._attempts.append(done)
        self.nudge()
        await done

    async def _open(self) -> None:
        stream: _Stream | None = None
        try:
            _, stream = await open_server_stream(
                self.url,
                ALPN,
                lambda: _Stream(self._message, self._lost),
                proxy=self._proxy(),
                timeout=self._config.handshake_timeout,
            )
            began = time.perf_counter()
            hello = control.Hello(versions=(PROTOCOL_VERSION,), agent=self._agent, language=self._language())
            async with asyncio.timeout(self._config.handshake_timeout):
                welcome = await stream.greet(hello)
        except TimeoutError:
            self._failed(stream, Code.SERVER_UNREACHABLE)
        except FloaterError as error:
            log.info("= server not reached: %s", error.code.value)
            self._failed(stream, error.code)
        except BaseException:
            if stream is not None:
                stream.abort(Code.INTERNAL)
            raise
        else:
            self._welcomed(stream, welcome, took=time.perf_counter() - began)

    def _welcomed(self, stream: "_Stream", welcome: control.Welcome, took: float) -> None:
        if stream.ended is not None:
            self._failed(stream, stream.ended)
            return
        log.info("= server reached, protocol %d", welcome.version)
        self._stream, self.welcome, self.online, self.rtt = stream, welcome, True, took
        self.clock.learn(welcome.time)
        self._driver.feed(Came())
        self._tasks.start(self._keep_alive(stream), "ping")
        self._settle(None)
        self._reached(Reached(True))

    def _failed(self, stream: "_Stream | None", code: Code) -> None:
        retry_after, never = None, code in (Code.UNSUPPORTED_VERSION, Code.SERVER_NOT_TRUSTED)
        if stream is not None:
            stream.abort(code)
            if stream.closing is not None:
                retry_after = stream.closing.retry_after or None
        self._broke(code, retry_after, never=never)

    def _lost(self, stream: "_Stream", code: Code) -> None:
        """A stream has ended. Before `welcome`, `_open` hears of it by itself."""
        if stream is not self._stream:
            return
        self._stream, self.online = None, False
        log.info("= server lost: %s", code.value)
        self._loop.call_soon(self._after_loss, stream.closing, code)  # after all that was said before

    def _after_loss(self, closing: control.Closing | None, code: Code) -> None:
        if closing is None:
            self._broke(code, None)
        else:
            never = closing.retry_after == 0.0 and code_of(closing.code) not in _COME_BACK
            self._broke(code_of(closing.code), closing.retry_after or None, never=never)

    def _broke(self, code: Code, retry_after: float | None, *, never: bool = False) -> None:
        if self._closing:
            return
        self._waits = None
        spread = secrets.randbelow(1 << 32) / (1 << 32)
        self._driver.feed(Broke(spread, retry_after, never=never))
        self._settle(code)
        self._reached(Reached(False, code, self._waits))

    def _settle(self, code: Code | None) -> None:
        """Tell those who wait for this attempt how it went."""
        attempts, self._attempts = self._attempts, []
        for done in attempts:
            if not done.done():
                if code is None:
                    done.set_result(None)
                else:
                    done.set_exception(Unreachable(code))

    def _message(self, message: control.News) -> None:
        log.debug("< %s", type(message).__name__)
        if isinstance(message, control.Matched) and message.time > 0.0:
            self.clock.learn(message.time)  # judges the ticket; after a nap nothing else may have come
        self._news(message)

    async def _keep_alive(self, stream: "_Stream") -> None:
        while stream.ended is None:
            due = stream.last_written + self._config.ping_interval
            if (left := due - self._loop.time()) > 0.0:
                await asyncio.sleep(left)
                continue
            try:
                await self.request(control.Ping(UNNUMBERED))
            except FloaterError as error:
                log.debug("= ping: %s", error.code.value)
                if error.code in (Code.TIMED_OUT, Code.SERVER_UNREACHABLE):
                    return


class _Stream(asyncio.Protocol):
    """One TLS stream: frames in, frames out, requests and their answers."""

    def __init__(self, news: Callable[[control.News], None], lost: Callable[["_Stream", Code], None]) -> None:
        self.ended: Code | None = None
        "Why the stream is over; None while it is not."
        self.closing: control.Closing | None = None
        self.last_written = 0.0
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
        """Say hello and wait for `welcome`."""
        self._write(hello)
        return await self._welcome

    async def request(self, message: control.Request) -> control.Answer:
        """Send a request under a fresh number and wait for its answer."""
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
        transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses of it
        self._transport = transport

    def data_received(self, data: bytes) -> None:
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
