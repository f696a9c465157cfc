"""A server is put together, says where it is, and says goodbye."""

from pathlib import Path

import pytest

from floater.codes import Code
from floater.crypto.certificate import key_fingerprint
from floater.lock import FolderLock
from floater.wire import control
from floater.wire.endpoint import Endpoint
from floater.wire.url import parse_server_url
from server.errors import CannotStart, FolderInUse
from tests.server.gateway.guests import Guest, Stream, a_server

ELSEWHERE = Endpoint("203.0.113.7", 40_000)


@pytest.mark.asyncio
async def test_the_url_pins_the_key_that_the_server_shows(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        url = parse_server_url(server.url)
        assert (url.host, url.port) == ("127.0.0.1", server.ports[0])
        async with await Stream.open(server.ports[0]) as guest:
            shown = guest.writer.get_extra_info("ssl_object")
            assert shown.version() == "TLSv1.3"
            assert key_fingerprint(shown.getpeercert(True)) == url.fingerprint


@pytest.mark.asyncio
async def test_a_restart_keeps_the_keys(tmp_path: Path) -> None:
    async with a_server(tmp_path) as first:
        pass
    async with a_server(tmp_path, listen=f"127.0.0.1:{first.ports[0]}") as second:
        assert second.url == first.url
        assert second.backend.ticket_key == first.backend.ticket_key
    for name in ("certificate.pem", "ticket.key", "relay.key"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


@pytest.mark.asyncio
async def test_a_folder_has_one_server_at_a_time_and_is_free_when_that_has_ended_or_failed(
    tmp_path: Path,
) -> None:
    async with a_server(tmp_path):
        with pytest.raises(FolderInUse, match="Another server"):
            async with a_server(tmp_path):
                pass
    with pytest.raises(CannotStart, match="limits"):
        async with a_server(tmp_path, match_limit="many"):
            pass
    client = FolderLock(tmp_path)
    client.take()  # is no server
    async with a_server(tmp_path):
        pass
    client.give_back()


@pytest.mark.asyncio
async def test_a_goodbye_is_said_to_everybody(tmp_path: Path) -> None:
    async with a_server(tmp_path, goodbye_jitter=5.0) as server:
        guests = [await Guest.arrive(server) for _ in range(3)]
    for guest in guests:
        closing = await guest.expect(control.Closing)
        assert closing.code == Code.SERVER_CLOSING
        assert 1.0 <= closing.retry_after <= 6.0
        await guest.expect_end()
        await guest.close()


@pytest.mark.asyncio
async def test_observers_at_other_addresses_are_named_in_full(tmp_path: Path) -> None:
    async with a_server(tmp_path, stun=("127.0.0.1:0", "127.0.0.2:0")) as server:
        async with await Guest.arrive(server) as guest:
            main, one, other = server.ports
            assert guest.welcome.observers == (f":{one}", f"127.0.0.2:{other}", f":{main}")


@pytest.mark.parametrize("knob", ["match_limit", "handshake_limit", "probe_limit", "log_in_limit"])
@pytest.mark.parametrize("limit", ["1/2", "many", "1/2 1/2 1/2 1/2"])
@pytest.mark.asyncio
async def test_a_limit_that_makes_no_sense_is_told_at_the_start(
    tmp_path: Path, knob: str, limit: str
) -> None:
    with pytest.raises(CannotStart, match="limits"):
        async with a_server(tmp_path, **{knob: limit}):
            pass


@pytest.mark.parametrize("limit", ["", "1/2 1/2", "many", "0/60", "6/0"])
@pytest.mark.asyncio
async def test_a_limit_of_waves_that_makes_no_sense_is_told_at_the_start(tmp_path: Path, limit: str) -> None:
    with pytest.raises(CannotStart, match="limits"):
        async with a_server(tmp_path, wave_limit=limit):
            pass
