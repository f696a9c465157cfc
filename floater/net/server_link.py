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
from typing import Final

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
    Reached,
    Reconnect,
    Try,
    Uprooted,
)
from floater.drive import Driver
from floater.errors import FloaterError, ServerRefused, Unreachable
from floater.net.server_clock import ServerClock
from floater.net.server_connect import Proxy, open_server_stream
from floater.net.server_stream import ServerStream
from floater.tasks import Tasks
from floater.wire import control
from floater.wire.control import code_of
from floater.wire.endpoint import Address
from floater.wire.limits import PROTOCOL_VERSION
from floater.wire.url import ServerUrl

log = logging.getLogger("floater.net")

ALPN: Final = "floater/1"
CHECK_TIMEOUT: Final = 2.0
"Seconds for the answer to `check`."
UNNUMBERED: Final = 1
"What stands in a request's `id` until `request` gives it its own."


class ServerLink:
    """One server.

    Args:
        url: where it is.
        config: times.
        proxy: tells the way out of this network, if it has one; another network may have another one.
        agent: who we are, for the server's log.
        language: BCP 47, read at each `hello`.
        reached: called when the server is reached, when it is no more, and after each failed attempt.
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
        self._stream: ServerStream | None = None
        self._closing = False
        self._attempt: asyncio.Task[None] | None = None
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

    async def _ask(self, stream: ServerStream, message: control.Request) -> control.Answer:
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
            case Reached(_, code):
                self._settle(code)
                self._reached(effect)

    def _abandon(self) -> None:
        stream, self._stream, self.online = self._stream, None, False
        if stream is not None:
            stream.abort(Code.SERVER_UNREACHABLE)
        elif self._attempt is not None:
            self._attempt.cancel()

    async def _check(self, stream: ServerStream) -> None:
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
        stream: ServerStream | None = None
        try:
            _, stream = await open_server_stream(
                self.url,
                ALPN,
                lambda: ServerStream(self._message, self._lost),
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

    def _welcomed(self, stream: ServerStream, welcome: control.Welcome, took: float) -> None:
        if stream.ended is not None:
            self._failed(stream, stream.ended)
            return
        log.info("= server reached, protocol %d", welcome.version)
        self._stream, self.welcome, self.online, self.rtt = stream, welcome, True, took
        self.clock.learn(welcome.time)
        self._tasks.start(self._keep_alive(stream), "ping")
        self._driver.feed(Came())

    def _failed(self, stream: ServerStream | None, code: Code) -> None:
        closing = None if stream is None else stream.closing
        if stream is not None:
            stream.abort(code)
        self._broke(code, closing)

    def _lost(self, stream: ServerStream, code: Code) -> None:
        """A stream has ended. Before `welcome`, `_open` hears of it by itself."""
        if stream is self._stream:
            self.online = False
            self._loop.call_soon(self._gone, stream, code)  # after all that was said before

    def _gone(self, stream: ServerStream, code: Code) -> None:
        if stream is not self._stream:
            return  # it was abandoned meanwhile
        self._stream = None
        log.info("= server lost: %s", code.value)
        closing = stream.closing
        self._broke(code if closing is None else code_of(closing.code), closing)

    def _broke(self, code: Code, closing: control.Closing | None) -> None:
        spread = secrets.randbelow(1 << 32) / (1 << 32)
        retry_after = None if closing is None else closing.retry_after
        self._driver.feed(Broke(code, spread, retry_after))

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

    async def _keep_alive(self, stream: ServerStream) -> None:
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
