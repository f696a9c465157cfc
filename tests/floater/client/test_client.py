"""The client against servers that do what a test says; the real ones play in tests/end_to_end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from floater import __version__, api
from floater.client import Client
from floater.codes import Code
from floater.config import ClientConfig
from floater.core.meet.settings import MeetingSettings
from floater.errors import Refused, ServerRefused, Unreachable
from floater.store.settings import FILE as SETTINGS
from floater.store.token import TokenStore
from floater.wire import control
from floater.wire.control import EndReason, Role
from tests.helpers.scripted_server import WELCOME, Caller, Script, scripted_server
from tests.helpers.witness import Witness

pytestmark = pytest.mark.logs("match refused", "settings are unreadable")

PASSWORD = "a long enough password"


@asynccontextmanager
async def client_of(
    folder: Path, *scripts: Script, token: str = ""
) -> AsyncIterator[tuple[Client, Witness, TokenStore]]:
    async with scripted_server(*scripts) as url:
        config = ClientConfig(
            data_dir=folder,
            server=str(url),
            retry_first=0.01,
            retry_last=0.02,
            meeting=MeetingSettings(timeout=0.2),
        )
        tokens = TokenStore(folder, str(url))
        if token:
            tokens.keep(token)
        witness = Witness()
        async with Client(config, witness.emit) as client:
            yield client, witness, tokens


def state(value: api.State) -> api.Event:
    return api.StateChanged(value)


async def welcome(caller: Caller) -> None:
    assert isinstance(await caller.hear(), control.Hello)
    caller.say(WELCOME)


async def log_in(caller: Caller) -> None:
    await welcome(caller)
    request = await caller.request()
    assert isinstance(request, control.LogIn)
    caller.say(control.LoggedIn(request.id, "Ann", "token"))


async def obey(caller: Caller) -> None:
    """Say done to everything from here on."""
    while True:
        caller.say(control.Done((await caller.request()).id))


def matched(match_id: str = "m1") -> control.Matched:
    return control.Matched(
        match_id=match_id,
        role=Role.LEADER,
        peer=control.Peer("Bob"),
        certificate=b"c" * 64,
        ticket=b"{}",
        signature=b"s" * 64,
        relay_token=b"r",
    )


@pytest.mark.asyncio
async def test_the_first_that_is_told_is_where_the_person_stands(tmp_path: Path) -> None:
    witness = Witness()
    async with Client(ClientConfig(data_dir=tmp_path), witness.emit):
        pass
    assert witness.events[:2] == [api.Ready(__version__), state(api.State.SIGNED_OUT)]


@pytest.mark.asyncio
async def test_that_direct_links_show_addresses_is_told_once_and_not_to_who_hides(tmp_path: Path) -> None:
    async def serve(caller: Caller) -> None:
        await log_in(caller)
        await obey(caller)

    async def notices() -> int:
        async with client_of(tmp_path, serve) as (client, witness, _):
            await client.do(api.LogIn("ann@example.org", PASSWORD))
            assert client.state is api.State.HOME
            told = [notice.code for notice in witness.told(api.Notice)].count("direct_shows_addresses")
            await client.do(api.LogOut())
        return told

    async with Client(ClientConfig(data_dir=tmp_path), Witness().emit) as client:
        await client.do(api.Set(hide_address=True))
    assert await notices() == 0
    async with Client(ClientConfig(data_dir=tmp_path), Witness().emit) as client:
        await client.do(api.Set(hide_address=False))
    assert [await notices() for _ in range(2)] == [1, 0]


@pytest.mark.asyncio
async def test_a_clock_that_is_wrong_is_told_once(tmp_path: Path) -> None:
    async def wrong(caller: Caller) -> None:
        await caller.hear()
        caller.say(replace_time(WELCOME, 1.0))

    async def wrong_again(caller: Caller) -> None:
        await wrong(caller)
        await obey(caller)

    async with client_of(tmp_path, wrong, wrong_again) as (client, witness, _):
        assert (await witness.notice("clock_wrong")).message
        async with asyncio.timeout(30):
            while witness.events.count(api.Online(True)) < 2:
                await asyncio.sleep(0.01)
        notices = [event for event in witness.events if isinstance(event, api.Notice)]
        assert [notice.code for notice in notices] == ["clock_wrong"]
        assert isinstance(await client.do(api.Status()), api.StatusReply)


def replace_time(welcome: control.Welcome, time: float) -> control.Welcome:
    return control.Welcome(
        version=welcome.version,
        time=time,
        observers=welcome.observers,
        observer_key=welcome.observer_key,
        ticket_key=welcome.ticket_key,
    )


@pytest.mark.asyncio
async def test_a_token_is_kept_used_and_dropped_when_it_is_no_longer_good(tmp_path: Path) -> None:
    async def refuse(caller: Caller) -> None:
        await welcome(caller)
        request = await caller.request()
        assert isinstance(request, control.Restore)
        assert request.token == "old token"
        caller.say(control.Refused("session_ended", request.id))
        await obey(caller)

    async with client_of(tmp_path, refuse, token="old token") as (client, witness, tokens):
        await witness.notice("session_ended")
        assert client.state is api.State.SIGNED_OUT
        async with asyncio.timeout(30):
            while tokens.load():
                await asyncio.sleep(0.01)


@pytest.mark.asyncio
async def test_a_log_in_is_stored_and_quitting_keeps_it(tmp_path: Path) -> None:
    async def serve(caller: Caller) -> None:
        await log_in(caller)
        await obey(caller)

    async with client_of(tmp_path, serve) as (client, _, tokens):
        reply = await client.do(api.LogIn("ann@example.org", PASSWORD))
        assert reply == api.LoggedInReply("Ann")
        with pytest.raises(Refused) as refused:
            await client.do(api.LogIn("bob@example.org", PASSWORD))
        assert refused.value.code is Code.ALREADY_LOGGED_IN
        await client.do(api.Quit())
        assert client.quitting.is_set()
    assert tokens.load() == "token"


@pytest.mark.asyncio
async def test_a_match_with_a_bad_ticket_is_told_and_another_one_sought(tmp_path: Path) -> None:
    heard: list[control.Request] = []

    async def serve(caller: Caller) -> None:
        await log_in(caller)
        for _ in range(3):
            request = await caller.request()
            heard.append(request)
            caller.say(control.Done(request.id))
            if len(heard) == 1:
                caller.say(matched())
        await obey(caller)

    async with client_of(tmp_path, serve) as (client, witness, _):
        await client.do(api.LogIn("ann@example.org", PASSWORD))
        await client.do(api.Seek())
        await witness.notice("bad_ticket")
        await witness.sees(api.Matched("m1", api.PeerName("Bob")))
        async with asyncio.timeout(30):
            while len(heard) < 3:
                await asyncio.sleep(0.01)
        assert client.state is api.State.SEEKING
        await client.do(api.CancelSeek())
    first, ended, again = heard
    assert isinstance(first, control.Seek)
    assert isinstance(ended, control.EndMatch)
    assert isinstance(again, control.Seek)
    assert (ended.match_id, ended.reason) == ("m1", EndReason.NO_SHOW)
    assert (first.after, again.after) == ("", "m1")
    assert first.certificate != again.certificate, "a certificate is good for one match"


@pytest.mark.asyncio
async def test_hiding_the_address_while_seeking_holds_for_this_search(tmp_path: Path) -> None:
    heard: list[control.Request] = []

    async def serve(caller: Caller) -> None:
        await log_in(caller)
        while True:
            request = await caller.request()
            if isinstance(request, control.Seek | control.CancelSeek):
                heard.append(request)
            caller.say(control.Done(request.id))

    async with client_of(tmp_path, serve) as (client, witness, _):
        await client.do(api.LogIn("ann@example.org", PASSWORD))
        await client.do(api.Seek())
        await client.do(api.Set(hide_address=True))
        first, cancelled, again = heard
        assert isinstance(first, control.Seek)
        assert isinstance(cancelled, control.CancelSeek)
        assert isinstance(again, control.Seek)
        assert (first.hide_address, again.hide_address) == (False, True)
        assert again.candidates == ()
        await client.do(api.Set(hide_address=True, language="zh-CN"))
        assert len(heard) == 3, "nothing has changed for the search"
        assert client.state is api.State.SEEKING
        assert not [event for event in witness.told(api.Notice) if event.code == "from_next_talk"]


@pytest.mark.asyncio
async def test_a_match_out_of_the_blue_is_turned_down(tmp_path: Path) -> None:
    heard: asyncio.Queue[control.Request] = asyncio.Queue()

    async def serve(caller: Caller) -> None:
        await log_in(caller)
        caller.say(matched("m9"))
        request = await caller.request()
        heard.put_nowait(request)
        caller.say(control.Done(request.id))
        await obey(caller)

    async with client_of(tmp_path, serve) as (client, witness, _):
        await client.do(api.LogIn("ann@example.org", PASSWORD))
        async with asyncio.timeout(30):
            ended = await heard.get()
        assert isinstance(ended, control.EndMatch)
        assert ended.match_id == "m9"
        assert not [event for event in witness.events if isinstance(event, api.Matched)]


@pytest.mark.asyncio
async def test_a_refusal_of_the_server_is_the_reply_of_the_command(tmp_path: Path) -> None:
    async def serve(caller: Caller) -> None:
        await log_in(caller)
        caller.say(control.Refused("too_many_tries", (await caller.request()).id, retry_after=9.0))
        await obey(caller)

    async with client_of(tmp_path, serve) as (client, witness, _):
        await client.do(api.LogIn("ann@example.org", PASSWORD))
        with pytest.raises(ServerRefused) as refused:
            await client.do(api.Seek())
        assert refused.value.code is Code.TOO_MANY_TRIES
        await witness.sees(state(api.State.HOME))
        assert client.state is api.State.HOME


@pytest.mark.asyncio
async def test_a_notice_in_an_answer_gets_its_sentence(tmp_path: Path) -> None:
    async def serve(caller: Caller) -> None:
        await welcome(caller)
        caller.say(control.Done((await caller.request()).id, "mail_delayed"))
        await obey(caller)

    async with client_of(tmp_path, serve) as (client, _, _):
        reply = await client.do(api.SignUp("ann@example.org", "Ann", PASSWORD, True))
        assert isinstance(reply, api.Noticed)
        assert reply.notice == "mail_delayed"
        assert len(reply.message) > 10


@pytest.mark.asyncio
async def test_being_logged_in_elsewhere_signs_out_and_stays_so(tmp_path: Path) -> None:
    async def close(caller: Caller) -> None:
        await log_in(caller)
        caller.say(control.Closing("logged_in_elsewhere"))

    async def serve(caller: Caller) -> None:
        await welcome(caller)
        request = await caller.request()
        assert isinstance(request, control.Ping), "the old token is not used again"
        caller.say(control.Done(request.id))
        await obey(caller)

    async with client_of(tmp_path, close, serve) as (client, witness, tokens):
        await client.do(api.LogIn("ann@example.org", PASSWORD))
        await witness.notice("logged_in_elsewhere")
        assert client.state is api.State.SIGNED_OUT
        assert isinstance(await client.do(api.Network()), api.NetworkReply)
    assert tokens.load() == ""


@pytest.mark.asyncio
async def test_a_second_client_on_the_same_folder_is_refused_until_the_first_has_left(tmp_path: Path) -> None:
    config = ClientConfig(data_dir=tmp_path)
    async with Client(config, Witness().emit):
        second = Witness()
        with pytest.raises(Refused) as refused:
            await Client(config, second.emit).__aenter__()
        assert refused.value.code is Code.DATA_DIR_IN_USE
        assert second.events == []
    async with Client(config, Witness().emit):
        pass


@pytest.mark.asyncio
async def test_without_a_server_account_commands_say_so_and_the_rest_works(tmp_path: Path) -> None:
    async with Client(ClientConfig(data_dir=tmp_path), Witness().emit) as client:
        with pytest.raises(Refused) as refused:
            await client.do(api.LogIn("ann@example.org", PASSWORD))
        assert refused.value.code is Code.SERVER_URL_INVALID
        assert client.explain(refused.value).message
        await client.do(api.Set(hide_address=True, language="zh-CN"))
        status = await client.do(api.Status())
        assert isinstance(status, api.StatusReply)
        assert status.settings.hide_address
        assert status.settings.language == "zh-CN"
        assert client.explain(refused.value).message.startswith("这不是")


@pytest.mark.asyncio
async def test_an_address_that_is_none_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        Client(ClientConfig(data_dir=tmp_path, server="http://x"), Witness().emit)
    assert refused.value.code is Code.SERVER_URL_INVALID


@pytest.mark.asyncio
async def test_a_server_that_is_not_there_is_told_with_the_next_attempt(tmp_path: Path) -> None:
    witness = Witness()
    config = ClientConfig(data_dir=tmp_path, server="floater://127.0.0.1:9")
    async with Client(config, witness.emit) as client:
        with pytest.raises(Unreachable) as unreachable:
            await client.do(api.LogIn("ann@example.org", PASSWORD))
        assert unreachable.value.code is Code.SERVER_UNREACHABLE
        (offline,) = [event for event in witness.events if isinstance(event, api.Online)][:1]
        assert offline.error is not None
        assert offline.error.code == "server_unreachable"
        assert offline.retry_s is not None


@pytest.mark.asyncio
async def test_broken_settings_are_told(tmp_path: Path) -> None:
    (tmp_path / SETTINGS).write_text("{")
    witness = Witness()
    async with Client(ClientConfig(data_dir=tmp_path), witness.emit):
        assert (await witness.notice("settings_reset")).message
