"""A search on a server that does what a test says; the machine behind it is the real one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from floater.client.reach import Reach
from floater.client.search import SearchRequests
from floater.client.server import link_to, ping
from floater.client.session import SessionRequests
from floater.client.tokens import Tokens
from floater.codes import Code
from floater.config import ClientConfig
from floater.core.person import ports, search, session, standing
from floater.core.person.standing import Standing
from floater.drive import Driver
from floater.errors import LocalProtocolError, Refused, ServerRefused
from floater.tasks import Tasks
from floater.wire import control
from tests.helpers.scripted_server import WELCOME, Caller, scripted_server

pytestmark = pytest.mark.asyncio
Answer = Callable[[Caller, control.Request], None]


def done(caller: Caller, request: control.Request) -> None:
    caller.say(control.Done(request.id))


def silence(caller: Caller, request: control.Request) -> None:
    """Do not answer."""


def refusing(code: str) -> Answer:
    return lambda caller, request: caller.say(control.Refused(code, request.id))


class House:
    """A search and its machine, and what the server heard of it."""

    def __init__(self, heard: list[control.Request], session: SessionRequests, reach: Reach) -> None:
        self.heard = heard
        self.reach = reach
        self.hidden = False
        self.machine = Standing()
        self.driver: Driver[standing.Event, standing.Effect] = Driver(self.machine, self._perform)
        self.search = SearchRequests(
            self.machine, self.driver.feed, session, reach, lambda: (self.hidden, "en")
        )

    def _perform(self, effect: standing.Effect) -> None:
        if isinstance(effect, search.SendSeek | search.SendCancel | search.Settled | search.Unmatched):
            self.search.perform(effect)

    async def hears(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.heard) < count:
                await asyncio.sleep(0.005)


@asynccontextmanager
async def at(folder: Path, *answers: Answer) -> AsyncIterator[House]:
    """A person at home on a server that gives these answers, one to each request."""
    heard: list[control.Request] = []

    async def serve(caller: Caller) -> None:
        await caller.hear()
        caller.say(WELCOME)
        caller.say(control.Done((await caller.request()).id))
        for answer in answers:
            heard.append(await caller.request())
            answer(caller, heard[-1])
        await caller.hear()

    async with scripted_server(serve) as url:
        link = link_to(url, ClientConfig(data_dir=folder, proxy="none"), lambda: "en")
        link.start()
        await ping(link)
        reach = Reach(None, may_map=lambda: False, changed=lambda _: None)
        asked = SessionRequests(link, Tokens(None), lambda _: None, lambda: None)
        house = House(heard, asked, reach)
        house.driver.feed(session.Online())
        house.driver.feed(session.LoggedIn("Ann", "token"))
        try:
            yield house
        finally:
            await house.search.close()
            house.driver.close()
            await link.close()
            await asked.close()
            await reach.close()


async def test_a_search_begins_when_the_server_has_heard_and_ends_when_it_has_heard(tmp_path: Path) -> None:
    async with at(tmp_path, done, done) as house:
        await house.search.begin()
        with pytest.raises(Refused) as refused:
            await house.search.begin()
        assert refused.value.code is Code.ALREADY_SEEKING
        await house.search.cancel()
        with pytest.raises(Refused) as refused:
            await house.search.cancel()
        assert refused.value.code is Code.NOT_SEEKING
    seek, cancel = house.heard
    assert isinstance(seek, control.Seek)
    assert seek.certificate
    assert seek.candidates == ()
    assert house.search.certificate == b"", "the search is over"
    assert isinstance(cancel, control.CancelSeek)


async def test_what_a_search_has_announced_is_for_its_match_alone(tmp_path: Path) -> None:
    async with at(tmp_path, done) as house:
        await house.search.begin()
        (seek,) = house.heard
        assert isinstance(seek, control.Seek)
        assert house.search.take("m1", seek.certificate).key.certificate == seek.certificate
        with pytest.raises(LocalProtocolError):
            house.search.take("m1", seek.certificate)


async def test_a_refusal_is_raised(tmp_path: Path) -> None:
    async with at(tmp_path, refusing("too_many_tries")) as house:
        with pytest.raises(ServerRefused) as refused:
            await house.search.begin()
        assert refused.value.code is Code.TOO_MANY_TRIES


async def test_a_refused_cancel_ends_the_search_all_the_same(tmp_path: Path) -> None:
    async with at(tmp_path, done, refusing("not_seeking")) as house:
        await house.search.begin()
        await house.search.cancel()
        assert house.machine.attempt is None


async def test_a_search_goes_by_the_wishes_of_now_with_a_fresh_certificate(tmp_path: Path) -> None:
    async with at(tmp_path, done, done, done, done, done) as house:
        await house.search.renew()
        assert house.heard == [], "nothing is sought"
        await house.search.begin()
        house.hidden = True
        await house.search.renew()
        house.search.renew_soon()
        await house.hears(5)
    first, cancelled, second, again, third = house.heard
    assert isinstance(first, control.Seek)
    assert isinstance(second, control.Seek)
    assert isinstance(third, control.Seek)
    assert isinstance(cancelled, control.CancelSeek)
    assert isinstance(again, control.CancelSeek)
    assert [seek.hide_address for seek in (first, second, third)] == [False, True, True]
    assert len({seek.certificate for seek in (first, second, third)}) == 3


async def test_what_is_cancelled_before_it_was_sent_is_never_sent(tmp_path: Path) -> None:
    async with at(tmp_path, done) as house:
        house.reach.feed(ports.Online())  # the search waits for a port until the log-in is on
        house.driver.feed(search.Seek())
        await house.search.cancel()
        house.reach.feed(ports.Offline())
        await house.search.begin()
        assert len(house.heard) == 1


async def test_a_stream_that_breaks_lets_the_command_go(tmp_path: Path) -> None:
    def hang_up(caller: Caller, request: control.Request) -> None:
        caller.writer.transport.abort()

    async with at(tmp_path, hang_up) as house:
        await house.search.begin()
        assert house.machine.attempt == 1


async def test_commands_that_wait_are_answered_when_it_is_closed(tmp_path: Path) -> None:
    async with at(tmp_path, silence) as house:
        waiting = [Tasks().start(house.search.begin(), "seek")]
        await house.hears(1)
        abandoned = Tasks().start(house.search.renew(), "renew")
        await asyncio.sleep(0)
        abandoned.cancel()
        await house.search.close()
        async with asyncio.timeout(5):
            await asyncio.gather(*waiting)
