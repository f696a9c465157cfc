"""What a log-in asks of a server that does what a test says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from floater.client.server import link_to, ping
from floater.client.session import SessionRequests
from floater.client.tokens import Tokens
from floater.codes import Code
from floater.config import ClientConfig
from floater.core.person import encounter, session, standing
from floater.errors import Unreachable
from floater.net.server_link import UNNUMBERED
from floater.store.token import TokenStore
from floater.wire import control
from floater.wire.control import EndReason
from tests.helpers.scripted_server import WELCOME, Caller, Script, scripted_server

pytestmark = pytest.mark.asyncio


class House:
    """A session, the events that it fed, and how often it was restored."""

    def __init__(self, server: SessionRequests, tokens: TokenStore, fed: list[standing.Event]) -> None:
        self.session, self.tokens, self.fed = server, tokens, fed
        self.restored = 0

    async def feeds(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.fed) < count:
                await asyncio.sleep(0.005)


@asynccontextmanager
async def at(folder: Path, script: Script) -> AsyncIterator[House]:
    """A session on a server that plays a script after its welcome."""

    async def serve(caller: Caller) -> None:
        await caller.hear()
        caller.say(WELCOME)
        caller.say(control.Done((await caller.request()).id))
        await script(caller)
        await caller.hear()

    async with scripted_server(serve) as url:
        config = ClientConfig(data_dir=folder, proxy="none")
        link = link_to(url, config, lambda: "en")
        link.start()
        await ping(link)
        store, fed = TokenStore(folder, str(url)), list[standing.Event]()
        house: House

        def restored() -> None:
            house.restored += 1

        house = House(SessionRequests(link, Tokens(store), fed.append, restored), store, fed)
        try:
            yield house
        finally:
            await house.session.close()
            await link.close()


async def nothing(caller: Caller) -> None:
    """Hear nothing."""


async def test_a_token_that_is_kept_is_remembered(tmp_path: Path) -> None:
    async with at(tmp_path, nothing) as house:
        house.session.begin()  # there is no token yet: nothing comes of it, as the end shows
        house.session.perform(session.KeepToken("token"))
        await house.session.finished()
        assert house.tokens.load() == "token"
        house.session.begin()
        await house.feeds(1)
        assert house.fed == [session.Remember("token")]
        house.session.perform(session.DropToken())
        await house.session.finished()
        assert house.tokens.load() == ""


@pytest.mark.parametrize(
    ("answer", "fed"),
    [
        (control.LoggedIn(0, "Ann", "new"), session.LoggedIn("Ann", "new")),
        (control.Done(0), session.LoggedIn("", "")),
        (
            control.Refused("session_ended", 0),
            session.RestoreRefused(Code.SESSION_ENDED),
        ),
        (control.Refused("busy", 0, 2.5), session.RestoreRefused(Code.BUSY, 2.5)),
    ],
)
async def test_the_answer_to_a_restore_is_fed(
    tmp_path: Path,
    answer: control.LoggedIn | control.Done | control.Refused,
    fed: standing.Event,
) -> None:
    async def serve(caller: Caller) -> None:
        request = await caller.request()
        assert isinstance(request, control.Restore)
        assert (request.token, request.matches, request.stranger) == ("token", ("m1", "m2"), False)
        match answer:
            case control.LoggedIn(_, name, token):
                caller.say(control.LoggedIn(request.id, name, token))
            case control.Refused(code, _, retry):
                caller.say(control.Refused(code, request.id, retry))
            case _:
                caller.say(control.Done(request.id))

    async with at(tmp_path, serve) as house:
        house.session.perform(session.SendRestore("token", ("m1", "m2"), stranger=False))
        await house.feeds(1)
        assert house.fed == [fed]
        assert house.restored == isinstance(fed, session.LoggedIn)


async def test_last_words_wait_until_the_server_has_heard_in_order(tmp_path: Path) -> None:
    heard: list[control.Request] = []

    async def serve(caller: Caller) -> None:
        heard.extend([await caller.request() for _ in range(3)])
        for request in heard:
            caller.say(control.Refused("internal", request.id))

    async with at(tmp_path, serve) as house:
        house.session.perform(encounter.SendEndMatch("m1", EndReason.HUNG_UP))
        house.session.perform(encounter.SendEndMatch("m2", EndReason.LOST))
        house.session.perform(session.SendLogOut())
        await house.session.finished()
        await house.session.finished()
    first, second, last = heard
    assert isinstance(first, control.EndMatch)
    assert isinstance(second, control.EndMatch)
    assert (first.match_id, second.match_id) == ("m1", "m2")
    assert isinstance(last, control.LogOut)


async def test_the_device_token_of_an_account_goes_with_what_tries_to_get_in(tmp_path: Path) -> None:
    heard: list[control.Request] = []

    async def serve(caller: Caller) -> None:
        for token in ("one", "", "two"):
            heard.append(await caller.request())
            caller.say(control.LoggedIn(heard[-1].id, "Ann", "", token))
        for _ in range(4):
            heard.append(await caller.request())
            caller.say(control.Done(heard[-1].id))

    async with at(tmp_path, serve) as house:
        for email in ("ann@example.org", "Ann@Example.org", "ben@example.org"):
            await house.session.ask(control.LogIn(UNNUMBERED, email, "password"))
            await house.session.finished()
        house.session.perform(session.DropToken())
        await house.session.finished()
        await house.session.ask(control.ForgotPassword(UNNUMBERED, "ann@example.org"))
        await house.session.ask(control.ResetPassword(UNNUMBERED, "ben@example.org", "K7QM3XBD", "password"))
        await house.session.ask(control.ForgotPassword(UNNUMBERED, "cat@example.org"))
        await house.session.ask(control.ResendCode(UNNUMBERED, "ann@example.org"))
    assert [getattr(request, "device", None) for request in heard] == ["", "one", "", "one", "two", "", None]


async def test_without_a_server_what_is_asked_is_dropped() -> None:
    fed: list[standing.Event] = []
    alone = SessionRequests(None, Tokens(None), fed.append, lambda: None)
    with pytest.raises(Unreachable):
        await alone.request(control.Ping(UNNUMBERED))
    alone.perform(session.SendRestore("token"))
    alone.perform(session.SendLogOut())
    await alone.finished()
    await alone.close()
    assert fed == []
