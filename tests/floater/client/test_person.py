"""A person on a server that does what a test says; peers and talks are tested in test_talks.py."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from floater import api
from floater.client import person as module
from floater.client.person import Person
from floater.client.words import Words
from floater.codes import Code
from floater.config import ClientConfig
from floater.core.meet.settings import MeetingSettings
from floater.core.person import session
from floater.errors import Refused
from floater.store.settings import SettingsFile
from floater.store.token import TokenStore
from floater.wire import control
from floater.wire.control import Role
from floater.wire.nat import UNKNOWN_NAT
from floater.wire.url import ServerUrl
from tests.helpers.scripted_server import WELCOME, Caller, Script, scripted_server
from tests.helpers.witness import Witness

pytestmark = pytest.mark.asyncio
PASSWORD = "a long enough password"


def someone(folder: Path, url: ServerUrl | None, witness: Witness) -> Person:
    config = ClientConfig(
        data_dir=folder,
        proxy="none",
        retry_first=0.01,
        retry_last=0.02,
        meeting=MeetingSettings(timeout=0.3),
    )
    settings = SettingsFile(folder)
    words = Words(witness.emit, lambda: "en")
    return Person(url, config=config, settings=settings, words=words, remember=True, reached=lambda: None)


@asynccontextmanager
async def at_home(folder: Path, *scripts: Script) -> AsyncIterator[tuple[Person, Witness]]:
    """A person who is logged in, on a server that plays the scripts afterwards."""

    async def first(caller: Caller) -> None:
        await caller.hear()
        caller.say(WELCOME)
        request = await caller.request()
        assert isinstance(request, control.LogIn)
        caller.say(control.LoggedIn(request.id, "Ann", "token"))
        await scripts[0](caller)

    witness = Witness()
    async with scripted_server(first, *scripts[1:]) as url:
        person = someone(folder, url, witness)
        person.begin()
        await person.account(api.LogIn("ann@example.org", PASSWORD))
        try:
            yield person, witness
        finally:
            await person.close()


async def obey(caller: Caller) -> None:
    while True:
        caller.say(control.Done((await caller.request()).id))


async def ignore(caller: Caller) -> None:
    while True:
        await caller.hear()


def matched() -> control.Matched:
    return control.Matched(
        match_id="m1",
        role=Role.LEADER,
        peer=control.Peer("Bob"),
        certificate=b"c" * 64,
        ticket=b"{}",
        signature=b"s" * 64,
        relay_token=b"r",
    )


async def test_without_a_server_everything_is_refused_and_nothing_is_waited_for(tmp_path: Path) -> None:
    person = someone(tmp_path, None, Witness())
    person.begin()
    assert (person.url, person.state) == (None, api.State.SIGNED_OUT)
    with pytest.raises(Refused) as refused:
        await person.account(api.LogIn("ann@example.org", PASSWORD))
    assert refused.value.code is Code.SERVER_URL_INVALID
    for command in (api.SetUsername("Ann"), api.ChangePassword(PASSWORD, PASSWORD)):
        with pytest.raises(Refused) as refused:
            await person.account(command)
        assert refused.value.code is Code.NOT_LOGGED_IN
    with pytest.raises(Refused) as refused:
        await person.log_out()
    assert refused.value.code is Code.NOT_LOGGED_IN
    await person.close()


async def test_a_log_out_returns_when_the_server_has_heard(tmp_path: Path) -> None:
    heard: list[control.Request] = []

    async def serve(caller: Caller) -> None:
        heard.append(await caller.request())
        caller.say(control.Done(heard[-1].id))
        await caller.hear()

    async with at_home(tmp_path, serve) as (person, witness):
        await person._session.finished()
        assert TokenStore(tmp_path, str(person.url)).load() == "token"
        await person.log_out()
        assert [type(request) for request in heard] == [control.LogOut]
        assert TokenStore(tmp_path, str(person.url)).load() == ""
        assert witness.events[-1] == api.StateChanged(api.State.SIGNED_OUT)


async def test_a_server_that_does_not_answer_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEAVE_TIME", 0.05)
    async with asyncio.timeout(10), at_home(tmp_path, ignore) as (person, _):
        await person.log_out()
        assert person.state is api.State.SIGNED_OUT


async def test_the_program_ends_with_a_cancel_that_is_not_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def serve(caller: Caller) -> None:
        caller.say(control.Done((await caller.request()).id))
        await ignore(caller)

    monkeypatch.setattr(module, "LEAVE_TIME", 0.05)
    async with asyncio.timeout(10), at_home(tmp_path, serve) as (person, _):
        await person.search.begin()
    assert TokenStore(tmp_path, str(person.url)).load() == "token", "the log-in is kept"


async def test_a_new_stream_restores_the_log_in_and_the_search(tmp_path: Path) -> None:
    heard: list[control.Request] = []

    async def hang_up(caller: Caller) -> None:
        caller.say(control.Done((await caller.request()).id))

    async def again(caller: Caller) -> None:
        await caller.hear()
        caller.say(WELCOME)
        while True:
            heard.append(await caller.request())
            known = isinstance(heard[-1], control.Restore)
            number = heard[-1].id
            caller.say(control.LoggedIn(number, "Ann", "token") if known else control.Done(number))

    async with at_home(tmp_path, hang_up, again) as (person, witness):
        await person.search.begin()
        async with asyncio.timeout(20):
            while len(heard) < 2:
                await asyncio.sleep(0.005)
        assert [type(request) for request in heard[:2]] == [control.Restore, control.Seek]
        assert person.state is api.State.SEEKING
        assert [online.online for online in witness.told(api.Online)] == [True, False, True]


async def test_what_the_server_says_unasked_is_told_or_passed_over(tmp_path: Path) -> None:
    async def serve(caller: Caller) -> None:
        caller.say(control.Notice("restarting_soon"))
        caller.say(control.MatchEnded("of no talk", control.EndReason.LOST))
        caller.say(control.PeerOpened("of no talk", 0))
        caller.say(control.PeerCandidates("of no talk", (), UNKNOWN_NAT))
        caller.say(control.Notice("mail_delayed"))
        await obey(caller)

    async with at_home(tmp_path, serve) as (person, witness):
        assert (await witness.notice("mail_delayed")).message
        assert person.state is api.State.HOME


@pytest.mark.parametrize("code", ["logged_in_elsewhere", "session_ended"])
async def test_the_servers_last_word_signs_out(tmp_path: Path, code: str) -> None:
    async def serve(caller: Caller) -> None:
        caller.say(control.Closing(code))
        await caller.hear()

    async with at_home(tmp_path, serve, ignore) as (person, witness):
        await witness.notice(code)
        assert person.state is api.State.SIGNED_OUT


@pytest.mark.logs("match refused")
async def test_how_others_reach_us_changes_from_the_next_talk(tmp_path: Path) -> None:
    async def serve(caller: Caller) -> None:
        caller.say(control.Done((await caller.request()).id))
        caller.say(matched())
        await obey(caller)

    async with at_home(tmp_path, serve) as (person, witness):
        await person.reach_changed()
        assert "from_next_talk" not in [notice.code for notice in witness.told(api.Notice)]
        person._settings.change(hide_address=True)
        await person.search.begin()
        await witness.notice("bad_ticket")
        assert person.state is api.State.SEEKING
        await person.reach_changed()


async def test_another_network_makes_a_search_begin_anew(tmp_path: Path) -> None:
    heard: list[control.Request] = []

    async def serve(caller: Caller) -> None:
        while True:
            heard.append(await caller.request())
            caller.say(control.Done(heard[-1].id))

    async with at_home(tmp_path, serve) as (person, _):
        await person.search.begin()
        person._network_changed(frozenset())
        async with asyncio.timeout(20):
            while [type(each) for each in heard if not isinstance(each, control.Ping)] != [
                control.Seek,
                control.CancelSeek,
                control.Seek,
            ]:
                await asyncio.sleep(0.005)


async def test_a_log_in_that_was_kept_is_restored_at_the_next_start(tmp_path: Path) -> None:
    async def serve(caller: Caller) -> None:
        await caller.hear()
        caller.say(WELCOME)
        request = await caller.request()
        assert isinstance(request, control.Restore)
        assert request.token == "kept"
        caller.say(control.LoggedIn(request.id, "Ann", ""))
        await obey(caller)

    witness = Witness()
    async with scripted_server(serve) as url:
        TokenStore(tmp_path, str(url)).keep("kept")
        person = someone(tmp_path, url, witness)
        person.begin()
        await witness.sees(api.StateChanged(api.State.HOME))
        with pytest.raises(Refused) as refused:
            await person.account(api.LogIn("ann@example.org", PASSWORD))
        assert refused.value.code is Code.ALREADY_LOGGED_IN
        assert person.engine.standing.username == "Ann"
        await person.close()
        person._driver.feed(session.Offline())
        assert person.state is api.State.HOME, "nothing is heard after the end"
