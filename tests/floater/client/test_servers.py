"""Changing servers, hosting one and practising, in one process; real programs do it in tests/end_to_end."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from floater import api
from floater.client import Client, hosting, practice
from floater.codes import Code
from floater.config import ClientConfig
from floater.errors import FloaterError, Refused, Unreachable
from floater.store.settings import SettingsFile
from floater.store.token import TokenStore
from floater.wire import control
from floater.wire.url import ServerUrl
from tests.helpers.digests import told_digest
from tests.helpers.scripted_server import WELCOME, Caller, scripted_server
from tests.helpers.witness import Witness

PASSWORD = "a long enough password"
NOBODY = "floater://127.0.0.1:9"


@asynccontextmanager
async def client_at(folder: Path, server: ServerUrl | str = "") -> AsyncIterator[tuple[Client, Witness]]:
    witness = Witness()
    config = ClientConfig(
        data_dir=folder, server=str(server), proxy="none", retry_first=0.01, retry_last=0.02
    )
    async with Client(config, witness.emit) as client:
        yield client, witness


async def status(client: Client) -> api.StatusReply:
    reply = await client.do(api.Status())
    assert isinstance(reply, api.StatusReply)
    return reply


async def obliging(caller: Caller) -> None:
    """Let everybody log in, as Ann, and say done to everything else."""
    assert isinstance(await caller.hear(), control.Hello)
    caller.say(WELCOME)
    while True:
        request = await caller.request()
        if isinstance(request, control.LogIn | control.Restore):
            caller.say(control.LoggedIn(request.id, "Ann", "a token"))
        else:
            caller.say(control.Done(request.id))


async def log_in(client: Client) -> None:
    await client.do(api.LogIn("ann@example.org", PASSWORD))


# -- another server -----------------------------------------------------------------------


@pytest.mark.asyncio
async def test_another_server_is_used_from_then_on_and_at_the_next_start(tmp_path: Path) -> None:
    async with scripted_server(obliging) as one, scripted_server(obliging) as other:
        async with client_at(tmp_path, one) as (client, witness):
            await witness.sees(api.Online(True))
            reply = await client.do(api.UseServer(f"  {other} "))
            assert reply == api.ServerReply(str(other))
            assert witness.told(api.ServerChanged) == [api.ServerChanged(str(other))]
            assert (await status(client)).server == str(other)
            assert (await status(client)).online
            await log_in(client)
            assert client.state is api.State.HOME
        async with client_at(tmp_path) as (client, witness):
            assert (await status(client)).server == str(other)
            await witness.sees(api.StateChanged(api.State.HOME))


@pytest.mark.asyncio
async def test_a_server_is_chosen_where_there_was_none(tmp_path: Path) -> None:
    async with scripted_server(obliging) as url, client_at(tmp_path) as (client, _):
        await client.do(api.UseServer(str(url)))
        await log_in(client)
        assert (await status(client)).username == "Ann"


@pytest.mark.parametrize("wrong", ["unreachable", "untrusted", "no address"])
@pytest.mark.asyncio
async def test_if_the_other_server_cannot_be_had_all_is_as_before(tmp_path: Path, wrong: str) -> None:
    async with scripted_server(obliging) as one, scripted_server(obliging) as other:
        not_it = ServerUrl(other.host, other.port, one.fingerprint)
        url, code = {
            "unreachable": (NOBODY, Code.SERVER_UNREACHABLE),
            "untrusted": (str(not_it), Code.SERVER_NOT_TRUSTED),
            "no address": ("https://example.org", Code.SERVER_URL_INVALID),
        }[wrong]
        async with client_at(tmp_path, one) as (client, witness):
            await witness.sees(api.Online(True))
            before, events = await status(client), len(witness.events)
            with pytest.raises(FloaterError) as raised:
                await client.do(api.UseServer(url))
            assert raised.value.code is code
            assert isinstance(raised.value, Unreachable | Refused)
            assert await status(client) == before
            assert witness.events[events:] == [], "the server before has not even been left"
            await log_in(client)
        assert SettingsFile(tmp_path).values.server == str(one)


@pytest.mark.asyncio
async def test_nobody_changes_servers_while_logged_in(tmp_path: Path) -> None:
    async with (
        scripted_server(obliging) as one,
        scripted_server(obliging) as other,
        client_at(tmp_path, one) as (client, _),
    ):
        await log_in(client)
        for command in (api.UseServer(str(other)), api.UseServer(str(one)), api.Practise()):
            with pytest.raises(Refused) as refused:
                await client.do(command)
            assert refused.value.code is Code.ALREADY_LOGGED_IN
        assert (await status(client)).server == str(one)
        assert client.state is api.State.HOME


@pytest.mark.asyncio
async def test_the_log_in_at_the_server_before_is_still_there_on_return(tmp_path: Path) -> None:
    async def forgetful(caller: Caller) -> None:
        """Leave the kept log-in without an answer."""
        await caller.hear()
        caller.say(WELCOME)
        await asyncio.Event().wait()

    async with scripted_server(forgetful, obliging) as one, scripted_server(obliging) as other:
        TokenStore(tmp_path, str(one)).keep("a kept token")
        async with client_at(tmp_path, one) as (client, witness):
            await witness.sees(api.Online(True))
            assert client.state is api.State.SIGNED_OUT
            await client.do(api.UseServer(str(other)))
            await log_in(client)
            await client.do(api.LogOut())
            assert TokenStore(tmp_path, str(one)).load() == "a kept token"
            told = len(witness.events)
            await client.do(api.UseServer(str(one)))
            await witness.sees(api.StateChanged(api.State.HOME), after=told)


# -- hosting ------------------------------------------------------------------------------


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Host for this computer alone: a unit test opens no door to the network."""
    monkeypatch.setattr(hosting, "LISTEN", hosting.LISTEN_ALONE)


@pytest.mark.usefixtures("at_home")
@pytest.mark.asyncio
async def test_a_server_is_hosted_used_and_ends_with_the_program(tmp_path: Path) -> None:
    async with client_at(tmp_path / "ann") as (ann, _):
        hosted = await ann.do(api.HostHere())
        assert isinstance(hosted, api.HostReply)
        assert hosted.server.startswith("floater://127.0.0.1:")
        assert hosted.qr.startswith("<svg")
        assert (await status(ann)).server == hosted.server
        assert await ann.do(api.HostHere()) == hosted
        async with client_at(tmp_path / "bob", hosted.server) as (_, bob_sees):
            await bob_sees.sees(api.Online(True))
    async with client_at(tmp_path / "bob", hosted.server) as (bob, _):
        with pytest.raises(Unreachable):
            await log_in(bob)


@pytest.mark.usefixtures("at_home")
@pytest.mark.asyncio
async def test_whoever_is_logged_in_hosts_and_stays_where_they_are(tmp_path: Path) -> None:
    async with scripted_server(obliging) as url, client_at(tmp_path, url) as (client, _):
        await log_in(client)
        hosted = await client.do(api.HostHere())
        assert isinstance(hosted, api.HostReply)
        assert (await status(client)).server == str(url) != hosted.server
        assert client.state is api.State.HOME


@pytest.mark.usefixtures("at_home")
@pytest.mark.asyncio
async def test_the_mail_of_a_hosted_server_is_shown_to_whoever_typed_its_address(tmp_path: Path) -> None:
    async with client_at(tmp_path) as (client, witness):
        await client.do(api.HostHere())
        await client.do(api.SignUp("Ann@example.org", "Ann", PASSWORD, True))
        mail = await witness.sees_one(api.Mailed)
        assert mail.to.casefold() == "ann@example.org"
        assert mail.subject
        assert mail.code in mail.text
        await client.do(api.Activate("ann@example.org", mail.code))
        await log_in(client)
        await client.do(api.LogOut())
        told = len(witness.events)
        await client.do(api.ForgotPassword("ann@example.org"))
        again = await witness.sees_one(api.Mailed, after=told)
        assert again.code != mail.code
        await client.do(api.ResetPassword("ann@example.org", again.code, "another long password"))
        assert len(witness.told(api.Mailed)) == 2


@pytest.mark.asyncio
async def test_without_the_server_part_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "server.app", None)  # what `import` does when it is not there
    async with scripted_server(obliging) as url, client_at(tmp_path, url) as (client, witness):
        await witness.sees(api.Online(True))
        before = await status(client)
        for command in (api.HostHere(), api.Practise()):
            with pytest.raises(Refused) as refused:
                await client.do(command)
            assert refused.value.code is Code.NO_SERVER_PART
            assert await status(client) == before


# -- practising ---------------------------------------------------------------------------


@pytest.fixture
def practising_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A partner who thinks fast, in a temporary folder of our own."""
    monkeypatch.setattr(practice, "THINKING", (0.01, 0.02))
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.mark.asyncio
async def test_a_practice_is_everything_a_talk_is_and_leaves_nothing(
    tmp_path: Path, practising_in: Path
) -> None:
    async with scripted_server(obliging) as url, client_at(tmp_path / "ann", url) as (client, witness):
        await witness.sees(api.Online(True))
        await client.do(api.Practise())
        assert client.state is api.State.HOME
        here = await status(client)
        assert here.practising
        assert witness.told(api.ServerChanged) == [api.ServerChanged(here.server, practising=True)]
        assert len(list(practising_in.iterdir())) == 1
        for _ in range(2):
            await talk_with_the_partner(client, witness, tmp_path)
        await client.do(api.LogOut())
        assert list(practising_in.iterdir()) == []
        now = await status(client)
        assert (now.server, now.state, now.practising) == (str(url), api.State.SIGNED_OUT, False)
        assert witness.told(api.ServerChanged)[1:] == [api.ServerChanged(str(url))]
        await log_in(client)
    assert SettingsFile(tmp_path / "ann").values.server == str(url)


async def talk_with_the_partner(client: Client, witness: Witness, folder: Path) -> None:
    """Play the whole script once."""
    told = len(witness.events)
    await client.do(api.Seek())
    matched = await witness.sees_one(api.Matched, after=told)
    assert matched.peer.username == (await witness.sees_one(api.Matched)).peer.username
    await witness.sees(api.StateChanged(api.State.GREETING), after=told)
    await client.do(api.Greet())
    await witness.sees_one(api.PeerGreeted, after=told)
    await witness.sees(api.StateChanged(api.State.TALKING), after=told)
    for heard in range(1, 4):
        async with asyncio.timeout(30):
            while len(witness.told(api.TextReceived, after=told)) < heard:
                await asyncio.sleep(0.01)
        await client.do(api.SendText(f"word {heard}"))
    offer = await witness.sees_one(api.Offer, after=told)
    assert offer.content_type == "image/png"
    kept = folder / "kept"
    kept.mkdir(exist_ok=True)
    await client.do(api.Accept(offer.transfer_id, str(kept)))
    received = await witness.sees_one(api.Received, after=told)
    picture = Path(received.path).read_bytes()
    assert len(picture) == offer.size
    assert received.digest == told_digest(picture)
    ours = await client.do(api.SendFile(received.path))  # and back again
    assert isinstance(ours, api.FileReply)
    await witness.sees(api.Sent(ours.transfer_id), after=told)
    await client.do(api.HangUp())
    ended = await witness.sees_one(api.TalkEnded, after=told)
    assert ended.reason is api.Ended.YOU_HUNG_UP
    assert client.state is api.State.HOME


@pytest.mark.asyncio
async def test_a_program_that_ends_in_a_practice_leaves_nothing(tmp_path: Path, practising_in: Path) -> None:
    async with client_at(tmp_path / "ann") as (client, witness):
        await client.do(api.Practise())
        told = len(witness.events)
        await client.do(api.Seek())
        await witness.sees(api.StateChanged(api.State.GREETING), after=told)
    assert list(practising_in.iterdir()) == []
    assert not (tmp_path / "ann" / "token.json").exists()
    assert SettingsFile(tmp_path / "ann").values.server == ""
    async with client_at(tmp_path / "ann") as (client, _):
        assert (await status(client)).server == ""


@pytest.mark.asyncio
async def test_after_a_practice_without_a_server_before_there_is_none_again(
    tmp_path: Path, practising_in: Path
) -> None:
    async with client_at(tmp_path / "ann") as (client, witness):
        await client.do(api.Practise())
        told = len(witness.events)
        await client.do(api.LogOut())
        assert witness.told(api.Online, after=told) == [api.Online(False)]
        assert witness.told(api.ServerChanged, after=told) == [api.ServerChanged("")]
        now = await status(client)
        assert (now.server, now.online, now.username) == ("", False, None)
