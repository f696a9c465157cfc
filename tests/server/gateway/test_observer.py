"""Observers tell what they see, again and again, and remember it for those who were given a key."""

import asyncio
from pathlib import Path

import pytest

from floater.wire import control
from floater.wire.endpoint import Endpoint
from floater.wire.stun import BindingRequest, BindingResponse, encode, take_message
from server.core.admission import Stage
from server.gateway.connection import Connection
from tests.server.gateway.guests import Guest, Stream, a_server


async def observed(stream: Stream, key: str, number: int = 0) -> Endpoint:
    transaction = bytes([number] * 12)
    stream.say(encode(BindingRequest(transaction, key)))
    buffer = bytearray()
    async with asyncio.timeout(30):
        while (answer := take_message(buffer)) is None:
            data = await stream.reader.read(1_024)
            assert data
            buffer += data
    assert isinstance(answer, BindingResponse)
    assert answer.transaction == transaction
    return answer.mapped


@pytest.mark.asyncio
async def test_every_port_tells_what_it_sees_as_often_as_it_is_asked(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, await Guest.arrive(server) as guest:
        key = guest.welcome.observer_key
        ports = set()
        for port in server.ports:
            async with await Stream.open(port, tls=None) as stream:
                for number in range(3):
                    assert await observed(stream, key, number) == Endpoint("127.0.0.1", stream.local_port)
                ports.add(stream.local_port)
        seen = server.backend.observations.seen(key)
        assert seen == {Endpoint("127.0.0.1", port) for port in ports}
    assert server.backend.observations.seen(key) == frozenset()


@pytest.mark.asyncio
async def test_a_key_that_nobody_has_is_answered_and_not_remembered(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, await Stream.open(server.ports[1], tls=None) as stream:
        await observed(stream, "made up")
        assert server.backend.observations.seen("made up") == frozenset()


@pytest.mark.parametrize(
    "data",
    [
        bytes(20),  # no magic cookie
        b"\x00\x01\xff\xfc\x21\x12\xa4\x42" + bytes(12),  # 65,532 bytes to come
        b"\x00\x02\x00\x00\x21\x12\xa4\x42" + bytes(12),  # not Binding
        encode(BindingResponse(bytes(12), Endpoint("127.0.0.1", 1)))[:2].replace(b"\x01", b"\x00") * 10,
    ],
)
@pytest.mark.asyncio
async def test_what_is_no_request_ends_the_stream(tmp_path: Path, data: bytes) -> None:
    async with a_server(tmp_path) as server, await Stream.open(server.ports[1], tls=None) as stream:
        stream.say(data)
        await stream.expect_end()


@pytest.mark.asyncio
async def test_half_a_request_is_waited_for_only_so_long(tmp_path: Path) -> None:
    async with a_server(tmp_path, handshake_timeout=0.2) as server:
        async with await Stream.open(server.ports[1], tls=None) as stream:
            stream.say(encode(BindingRequest(bytes(12), "key"))[:10])
            await stream.expect_end()


@pytest.mark.asyncio
async def test_a_stream_that_has_asked_stays_open(tmp_path: Path) -> None:
    async with a_server(tmp_path, handshake_timeout=2.0) as server:
        async with await Stream.open(server.ports[1], tls=None) as stream:
            await observed(stream, "")
            async with await Stream.open(server.ports[1], tls=None) as silent:
                await silent.expect_end()
            await observed(stream, "", 1)


@pytest.mark.asyncio
async def test_a_stream_is_of_a_known_account_while_the_connection_whose_key_it_names_is_logged_in(
    tmp_path: Path,
) -> None:
    async with a_server(tmp_path) as server, await Guest.arrive(server) as guest:
        key, observations = guest.welcome.observer_key, server.backend.observations

        def stages() -> list[Stage]:
            return [stream.stage for stream in observations._streams.get(key, ())]

        async with await Stream.open(server.ports[1], tls=None) as asking:
            await observed(asking, key)
            assert stages() == [Stage.UNKNOWN]
            await guest.sign_up(server, "ann")
            await guest.log_in("ann")
            assert isinstance(await guest.ask(control.Ping), control.Done)
            assert stages() == [Stage.KNOWN]
            (stream,) = observations._streams[key]
            seen = []
            for number, name in enumerate(("another key", key), 1):
                await observed(asking, name, number)
                seen.append(stream.stage)
            assert seen == [Stage.UNKNOWN, Stage.KNOWN]
            await guest.close()
            async with asyncio.timeout(30):
                while stream.stage is Stage.KNOWN:
                    await asyncio.sleep(0.01)
            assert stream.stage is Stage.UNKNOWN


@pytest.mark.asyncio
async def test_who_logs_out_keeps_no_stream_of_a_known_account_and_has_the_whole_time_for_the_next_log_in(
    tmp_path: Path,
) -> None:
    async with a_server(tmp_path) as server, await Guest.arrive(server) as guest:
        (connection,) = server.backend.connections
        assert isinstance(connection, Connection)
        log_in_by = connection._log_in_by
        async with await Stream.open(server.ports[1], tls=None) as asking:
            await observed(asking, guest.welcome.observer_key)
            (stream,) = server.backend.observations._streams[guest.welcome.observer_key]
            await guest.sign_up(server, "ann")
            await guest.log_in("ann")
            assert isinstance(await guest.ask(control.Ping), control.Done)
            stages = [stream.stage]
            assert isinstance(await guest.ask(control.LogOut), control.Done)
            assert isinstance(await guest.ask(control.Ping), control.Done)
            stages.append(stream.stage)
            assert stages == [Stage.KNOWN, Stage.UNKNOWN]
            assert connection._log_in_by > log_in_by


@pytest.mark.asyncio
async def test_a_stream_that_names_no_known_key_is_not_held_open_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.core.observations.HELD_FOR_STRANGERS", 0.2)
    async with a_server(tmp_path) as server, await Guest.arrive(server) as guest:
        async with (
            await Stream.open(server.ports[1], tls=None) as stranger,
            await Stream.open(server.ports[1], tls=None) as known,
        ):
            await observed(known, guest.welcome.observer_key)
            await observed(stranger, "made up")
            await stranger.expect_end()
            await observed(known, guest.welcome.observer_key, 1)
