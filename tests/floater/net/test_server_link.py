import asyncio
import ipaddress
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from floater.codes import Code
from floater.config import ClientConfig
from floater.core.person.reconnect import Reached
from floater.errors import ServerRefused, Unreachable
from floater.net import server_link
from floater.net.server_link import UNNUMBERED, ServerLink
from floater.wire import control
from floater.wire.codec import Message, encode
from floater.wire.frame import encode_frame
from tests.helpers.scripted_server import WELCOME, Caller, Script, scripted_server

pytestmark = pytest.mark.logs("the server broke the protocol")


@dataclass
class Scene:
    """A link to a scripted server, and what it reported."""

    link: ServerLink
    reports: asyncio.Queue[Reached] = field(default_factory=asyncio.Queue)
    news: asyncio.Queue[control.News] = field(default_factory=asyncio.Queue)

    async def online(self) -> None:
        async with asyncio.timeout(30):
            assert await self.reports.get() == Reached(True)

    async def offline(self) -> Reached:
        async with asyncio.timeout(30):
            report = await self.reports.get()
        assert not report.online
        return report


CONFIG = ClientConfig(
    data_dir=Path("nowhere"), retry_first=0.01, retry_last=0.02, request_timeout=5.0, handshake_timeout=5.0
)


@asynccontextmanager
async def scene(
    *scripts: Script, config: ClientConfig = CONFIG, pin: bytes | None = None
) -> AsyncIterator[Scene]:
    async with scripted_server(*scripts, pin=pin) as url:
        holder: list[Scene] = []
        link = ServerLink(
            url,
            config=config,
            proxy=lambda: None,
            agent="test",
            language=lambda: "en",
            reached=lambda report: holder[0].reports.put_nowait(report),
            news=lambda message: holder[0].news.put_nowait(message),
        )
        holder.append(Scene(link))
        try:
            yield holder[0]
        finally:
            await link.close()


async def welcome(caller: Caller) -> None:
    hello = await caller.hear()
    assert hello == control.Hello(versions=(1,), agent="test", language="en")
    caller.say(WELCOME)


async def answer_all(caller: Caller) -> None:
    await welcome(caller)
    while True:
        caller.say(control.Done((await caller.request()).id))


async def stay_silent(caller: Caller) -> None:
    await welcome(caller)
    while True:
        await caller.hear()


async def hang_up(caller: Caller) -> None:
    await welcome(caller)


@pytest.mark.asyncio
async def test_a_request_gets_its_answer_and_the_server_its_clock() -> None:
    async with scene(answer_all) as at:
        at.link.start()
        await at.online()
        assert isinstance(await at.link.request(control.Ping(UNNUMBERED)), control.Done)
        assert at.link.rtt is not None
        assert abs(at.link.clock.now() - WELCOME.time) < 5
        assert abs(at.link.clock.offset - (WELCOME.time - time.time())) < 5


@pytest.mark.parametrize("jump", [90.0, -100_000.0])
@pytest.mark.parametrize("ask", ["ping", "check"])
@pytest.mark.asyncio
async def test_the_estimate_of_the_server_s_clock_follows_it(jump: float, ask: str) -> None:
    async def set_clock(caller: Caller) -> None:
        await welcome(caller)
        while True:
            request = await caller.request()
            is_ping = isinstance(request, control.Ping)
            caller.say(control.Done(request.id, time=WELCOME.time + jump if is_ping else 0.0))

    async with scene(set_clock) as at:
        at.link.start()
        await at.online()
        if ask == "ping":
            await at.link.request(control.Ping(UNNUMBERED))
        else:
            at.link.check()
            async with asyncio.timeout(30):
                while abs(at.link.clock.now() - WELCOME.time) < 5:
                    await asyncio.sleep(0)
        assert abs(at.link.clock.now() - WELCOME.time - jump) < 5
        assert abs(at.link.clock.offset - (WELCOME.time + jump - time.time())) < 5


@pytest.mark.asyncio
async def test_a_match_brings_the_time_by_which_its_ticket_is_judged() -> None:
    """The computer may have slept since the last ping, and the connection may have outlived it."""

    async def match(caller: Caller) -> None:
        await welcome(caller)
        request = await caller.request()
        told = WELCOME.time + 95.0
        caller.say(
            control.Matched(
                match_id="m",
                role=control.Role.LEADER,
                peer=control.Peer("Bob"),
                certificate=b"c" * 64,
                ticket=b"{}",
                signature=b"s" * 64,
                relay_token=b"t",
                time=told,
            )
        )
        caller.say(control.Done(request.id))
        await caller.hear()

    async with scene(match) as at:
        at.link.start()
        await at.online()
        await at.link.request(control.Ping(UNNUMBERED))
        assert abs(at.link.clock.now() - WELCOME.time - 95.0) < 5


@pytest.mark.asyncio
async def test_answers_find_their_requests_in_any_order() -> None:
    async def crossed(caller: Caller) -> None:
        await welcome(caller)
        first, second = await caller.request(), await caller.request()
        assert first.id != second.id
        caller.say(control.LoggedIn(second.id, "two"))
        caller.say(control.Done(99))
        caller.say(control.LoggedIn(first.id, "one"))
        await caller.hear()

    async with scene(crossed) as at:
        at.link.start()
        await at.online()
        one, two = await asyncio.gather(
            at.link.request(control.SetUsername(UNNUMBERED, "one")),
            at.link.request(control.SetUsername(UNNUMBERED, "two")),
        )
        assert isinstance(one, control.LoggedIn)
        assert isinstance(two, control.LoggedIn)
        assert (one.username, two.username) == ("one", "two")


@pytest.mark.asyncio
async def test_a_refusal_is_raised_with_its_code_and_pause() -> None:
    async def refuse(caller: Caller) -> None:
        await welcome(caller)
        number = (await caller.request()).id
        caller.say(control.Refused("too_many_tries", number, retry_after=3.0))
        number = (await caller.request()).id
        caller.say(control.Refused("of_the_future", number))
        await caller.hear()

    async with scene(refuse) as at:
        at.link.start()
        await at.online()
        with pytest.raises(ServerRefused) as refused:
            await at.link.request(control.Ping(UNNUMBERED))
        assert (refused.value.code, refused.value.retry_after) == (Code.TOO_MANY_TRIES, 3.0)
        with pytest.raises(ServerRefused) as refused:
            await at.link.request(control.Ping(UNNUMBERED))
        assert refused.value.code is Code.INTERNAL


@pytest.mark.asyncio
async def test_news_are_passed_on_and_what_is_unknown_is_passed_over() -> None:
    async def tell(caller: Caller) -> None:
        await welcome(caller)
        caller.writer.write(encode_frame(b'{"type": "of_the_future", "x": 1}'))
        caller.say(control.Notice("bad_candidate"))
        await caller.hear()

    async with scene(tell) as at:
        at.link.start()
        await at.online()
        async with asyncio.timeout(30):
            assert await at.news.get() == control.Notice("bad_candidate")


@pytest.mark.asyncio
async def test_a_stream_that_breaks_fails_its_requests_and_comes_back() -> None:
    async def break_off(caller: Caller) -> None:
        await welcome(caller)
        await caller.request()

    async with scene(break_off, answer_all) as at:
        at.link.start()
        await at.online()
        with pytest.raises(Unreachable) as unreachable:
            await at.link.request(control.Ping(UNNUMBERED))
        assert unreachable.value.code is Code.SERVER_UNREACHABLE
        report = await at.offline()
        assert report.code is Code.SERVER_UNREACHABLE
        assert report.retry is not None
        await at.online()
        await at.link.request(control.Ping(UNNUMBERED))


@pytest.mark.asyncio
async def test_a_request_may_bring_the_stream_back_before_its_time() -> None:
    patient = replace(CONFIG, retry_first=60.0, retry_last=60.0)
    async with scene(hang_up, answer_all, config=patient) as at:
        at.link.start()
        await at.online()
        await at.offline()
        with pytest.raises(Unreachable):
            await at.link.request(control.Ping(UNNUMBERED))
        assert isinstance(await at.link.request(control.Ping(UNNUMBERED), wait=True), control.Done)


@pytest.mark.asyncio
async def test_an_answer_that_never_comes_ends_the_stream() -> None:
    hasty = replace(CONFIG, request_timeout=0.1)
    async with scene(stay_silent, answer_all, config=hasty) as at:
        at.link.start()
        await at.online()
        with pytest.raises(Unreachable) as unreachable:
            await at.link.request(control.Ping(UNNUMBERED))
        assert unreachable.value.code is Code.TIMED_OUT
        assert (await at.offline()).code is Code.TIMED_OUT
        await at.online()


@pytest.mark.asyncio
async def test_a_server_that_went_silent_is_found_out_by_pings() -> None:
    watchful = replace(CONFIG, ping_interval=0.05, request_timeout=0.1)
    async with scene(stay_silent, answer_all, config=watchful) as at:
        at.link.start()
        await at.online()
        assert (await at.offline()).code is Code.TIMED_OUT
        await at.online()


PATIENT = replace(CONFIG, retry_first=60.0, retry_last=60.0)
LOOPBACK = ipaddress.ip_address("127.0.0.1")


@pytest.mark.asyncio
async def test_on_another_network_the_server_is_reached_anew_at_once() -> None:
    async with scene(answer_all, config=PATIENT) as at:
        at.link.start()
        await at.online()
        at.link.network_changed(frozenset((LOOPBACK,)))
        assert await at.offline() == Reached(False, Code.SERVER_UNREACHABLE, 0.0)
        await at.online()
        await at.link.request(control.Ping(UNNUMBERED))


@pytest.mark.asyncio
async def test_another_network_in_the_moment_in_which_the_stream_ends_makes_one_new_stream() -> None:
    async with scene(answer_all, config=PATIENT) as at:
        at.link.start()
        await at.online()
        assert at.link._stream is not None
        at.link._stream.abort(Code.TIMED_OUT)
        at.link.network_changed(frozenset((LOOPBACK,)))
        await at.offline()
        await at.online()
        assert at.link._driver.machine.deadline is None, "no other attempt is due"


@pytest.mark.asyncio
async def test_an_attempt_from_the_old_network_is_not_waited_for() -> None:
    came = asyncio.Event()

    async def let_wait(caller: Caller) -> None:
        await caller.hear()
        came.set()
        await caller.hear()

    async with scene(let_wait, answer_all, config=PATIENT) as at:

        async def change() -> None:
            await came.wait()
            at.link.network_changed(frozenset())

        at.link.start()
        answer, _ = await asyncio.gather(at.link.request(control.Ping(UNNUMBERED), wait=True), change())
        assert isinstance(answer, control.Done)
        await at.online()


@pytest.mark.asyncio
async def test_a_stream_that_answers_outlives_another_network() -> None:
    async with scene(answer_all, config=PATIENT) as at:
        at.link.start()
        await at.online()
        at.link.network_changed(frozenset((ipaddress.ip_address("192.0.2.1"),)))
        await at.link.request(control.Ping(UNNUMBERED))  # answered after the one that asks
        assert at.link.online
        assert at.reports.empty()


@pytest.mark.asyncio
async def test_a_stream_that_does_not_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_link, "CHECK_TIMEOUT", 0.1)
    async with scene(stay_silent, answer_all, config=PATIENT) as at:
        at.link.start()
        await at.online()
        at.link.check()
        await at.offline()
        await at.online()


@pytest.mark.asyncio
async def test_another_key_than_the_pinned_one_is_not_trusted_and_not_tried_again() -> None:
    async with scene(answer_all, pin=b"p" * 32) as at:
        at.link.start()
        assert await at.offline() == Reached(False, Code.SERVER_NOT_TRUSTED, None)


@pytest.mark.asyncio
async def test_a_server_that_speaks_another_version_is_not_tried_again() -> None:
    async def too_new(caller: Caller) -> None:
        await caller.hear()
        caller.say(control.Refused("unsupported_version"))
        await caller.hear()

    async with scene(too_new) as at:
        at.link.start()
        assert await at.offline() == Reached(False, Code.UNSUPPORTED_VERSION, None)


@pytest.mark.asyncio
async def test_closing_says_why_and_when_to_come_again() -> None:
    async def close(caller: Caller) -> None:
        await welcome(caller)
        caller.say(control.Closing("server_closing", retry_after=0.3))

    async with scene(close, answer_all) as at:
        at.link.start()
        await at.online()
        async with asyncio.timeout(30):
            assert await at.news.get() == control.Closing("server_closing", 0.3)
        report = await at.offline()
        assert report.code is Code.SERVER_CLOSING
        assert report.retry is not None
        assert report.retry >= 0.3
        await at.online()


@pytest.mark.asyncio
async def test_whoever_was_sent_away_for_good_stays_away_until_asked() -> None:
    async def close(caller: Caller) -> None:
        await welcome(caller)
        caller.say(control.Closing("bad_frame"))

    async with scene(close, answer_all) as at:
        at.link.start()
        await at.online()
        assert await at.offline() == Reached(False, Code.BAD_FRAME, None)
        await at.link.request(control.Ping(UNNUMBERED), wait=True)


@pytest.mark.parametrize(
    ("bytes_", "code"),
    [
        (b"\xff\xff\x00\x00\x00\x00", Code.FRAME_TOO_LARGE),
        (b"\x00\x02\x00\x00\x00\x01{}x", Code.FRAME_TOO_LARGE),
        (encode_frame(b"no json"), Code.BAD_FRAME),
        (encode_frame(b'{"type": "done", "id": "x"}'), Code.BAD_FIELD),
        (encode(WELCOME), Code.UNEXPECTED),
    ],
)
@pytest.mark.asyncio
async def test_a_server_that_breaks_the_protocol_is_left(bytes_: bytes, code: Code) -> None:
    async def misbehave(caller: Caller) -> None:
        await welcome(caller)
        await caller.request()
        caller.writer.write(bytes_)
        await caller.hear()

    async with scene(misbehave, answer_all) as at:
        at.link.start()
        await at.online()
        with pytest.raises(Unreachable):
            await at.link.request(control.Ping(UNNUMBERED))
        assert (await at.offline()).code is code
        await at.online()


@pytest.mark.asyncio
async def test_anything_but_a_welcome_first_is_unexpected() -> None:
    async def early(caller: Caller) -> None:
        await caller.hear()
        caller.say(control.Done(1))
        await caller.hear()

    async with scene(early, answer_all) as at:
        at.link.start()
        assert (await at.offline()).code is Code.UNEXPECTED
        await at.online()


@pytest.mark.asyncio
async def test_what_was_written_before_closing_arrives() -> None:
    arrived: asyncio.Queue[Message] = asyncio.Queue()

    async def listen(caller: Caller) -> None:
        await welcome(caller)
        while True:
            arrived.put_nowait(await caller.hear())

    async with scene(listen) as at:
        at.link.start()
        await at.online()
        asking = asyncio.gather(at.link.request(control.LogOut(UNNUMBERED)), return_exceptions=True)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await at.link.close()
        async with asyncio.timeout(30):
            assert isinstance(await arrived.get(), control.LogOut)
        (outcome,) = await asking
        assert isinstance(outcome, Unreachable)


@pytest.mark.asyncio
async def test_a_request_after_closing_is_refused_at_once() -> None:
    async with scene(answer_all) as at:
        at.link.start()
        await at.online()
        await at.link.close()
        for wait in (True, False):
            async with asyncio.timeout(5):
                with pytest.raises(Unreachable):
                    await at.link.request(control.Ping(UNNUMBERED), wait=wait)
