"""What a client may say, when, how fast, and what it gets for saying something else."""

import asyncio
import time
from contextlib import suppress
from pathlib import Path

import pytest

from floater.codes import Code
from floater.wire import control
from floater.wire.codec import encode
from floater.wire.frame import PREFIX, encode_frame
from tests.server.gateway.guests import PASSWORD, Guest, Stream, a_server

pytestmark = pytest.mark.logs("a request failed")

HELLO = control.Hello(versions=(1,))


def is_pong(message: object, number: int) -> bool:
    """Whether this is the answer to that ping, with the server's time."""
    return isinstance(message, control.Done) and message.id == number and abs(message.time - time.time()) < 60


@pytest.mark.asyncio
async def test_hello_is_welcomed(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, await Stream.open(server.ports[0]) as guest:
        guest.say(control.Hello(versions=(1, 2, 77)))
        welcome = await guest.expect(control.Welcome)
        assert welcome.version == 1
        assert welcome.observers == tuple(f":{port}" for port in (*server.ports[1:], server.ports[0]))
        assert len(welcome.observer_key) == 16
        assert welcome.ticket_key == server.backend.ticket_key


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (encode(control.Hello(versions=(2,))), Code.UNSUPPORTED_VERSION),
        (encode(control.Ping(id=1)), Code.UNEXPECTED),
        (encode_frame(b'{"type": "hello"}'), Code.BAD_FIELD),
        (encode_frame(b'{"type": "hello", "versions": []}'), Code.BAD_FIELD),
        (encode_frame(b'{"type": "hello", "versions": "1"}'), Code.BAD_FIELD),
        (encode_frame(b"nonsense"), Code.BAD_FRAME),
        (encode_frame(b"[1]"), Code.BAD_FRAME),
        (encode_frame(b"\xff\xfe"), Code.BAD_FRAME),
        (PREFIX.pack(0, 0), Code.BAD_FRAME),
        (PREFIX.pack(16_385, 0), Code.FRAME_TOO_LARGE),
        (PREFIX.pack(10, 1), Code.FRAME_TOO_LARGE),
        (encode(HELLO) + encode(HELLO), Code.UNEXPECTED),
        (encode(HELLO) + encode_frame(b'{"type": "ping", "id": 0}'), Code.BAD_FIELD),
        (encode(HELLO) + encode_frame(b'{"type": "ping", "id": "1"}'), Code.BAD_FIELD),
        (encode(HELLO) + encode_frame(b'{"type": "done", "id": 1}'), None),
    ],
)
@pytest.mark.asyncio
async def test_a_broken_word_ends_the_stream_with_its_code(
    tmp_path: Path, first: bytes, code: Code | None
) -> None:
    async with a_server(tmp_path) as server, await Stream.open(server.ports[0]) as guest:
        guest.say(first)
        message = await guest.message()
        if isinstance(message, control.Welcome):
            message = await guest.message()
        if code is None:  # a type that is not a client's: refused, and the stream goes on
            assert message == control.Refused(code=Code.UNKNOWN_TYPE, id=1)
            guest.say(control.Ping(id=2))
            assert (await guest.expect(control.Done)).id == 2
        else:
            assert message == control.Refused(code=code)
            await guest.expect_end()


@pytest.mark.asyncio
async def test_words_of_a_later_version_are_refused_and_the_stream_goes_on(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, await Guest.arrive(server) as guest:
        guest.say(encode_frame(b'{"type": "dance", "id": 7, "x": 1}'))
        guest.say(encode_frame(b'{"type": "dance"}'))
        guest.say(encode_frame(b'{"type": "ping", "id": 8, "unknown": [1]}'))
        assert await guest.message() == control.Refused(code=Code.UNKNOWN_TYPE, id=7)
        assert is_pong(await guest.message(), 8)


@pytest.mark.asyncio
async def test_it_never_matters_how_the_bytes_were_split(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, await Stream.open(server.ports[0]) as guest:
        for byte in encode(HELLO) + encode(control.Ping(id=3)):
            guest.say(bytes([byte]))
            await guest.writer.drain()
            await asyncio.sleep(0)
        await guest.expect(control.Welcome)
        assert is_pong(await guest.message(), 3)


@pytest.mark.asyncio
async def test_who_says_nothing_is_sent_away(tmp_path: Path) -> None:
    async with (
        a_server(tmp_path, handshake_timeout=2.0) as server,  # in which TLS stands on a busy machine, too
        await Stream.open(server.ports[0]) as guest,
        await Stream.open(server.ports[0], tls=None) as silent,
        await Stream.open(server.ports[0], tls=None) as half_a_handshake,
    ):
        half_a_handshake.say(b"\x16\x03\x01")
        assert await guest.message() == control.Refused(code=Code.TIMED_OUT)
        for stream in (guest, silent, half_a_handshake):
            await stream.expect_end()


@pytest.mark.asyncio
async def test_a_drip_of_bytes_does_not_move_the_deadline(tmp_path: Path) -> None:
    async with a_server(tmp_path, handshake_timeout=2.0) as server:
        async with await Stream.open(server.ports[0]) as guest:
            answer = asyncio.get_running_loop().create_task(guest.message())
            for byte in encode(HELLO)[:-1]:
                guest.say(bytes([byte]))
                done, _ = await asyncio.wait((answer,), timeout=2.5 / len(encode(HELLO)))
                if done:
                    break
            assert await answer == control.Refused(code=Code.TIMED_OUT)


@pytest.mark.asyncio
async def test_silence_ends_a_connection_with_leave_to_come_again(tmp_path: Path) -> None:
    async with a_server(tmp_path, silence_limit=2.0) as server, await Guest.arrive(server) as guest:
        closing = await guest.expect(control.Closing)
        assert closing.code == Code.TIMED_OUT
        assert closing.retry_after > 0
        await guest.expect_end()


@pytest.mark.asyncio
async def test_pings_keep_a_connection_that_is_not_logged_in_only_for_so_long(tmp_path: Path) -> None:
    async with (
        a_server(tmp_path, silence_limit=60.0, log_in_timeout=2.0) as server,
        await Guest.arrive(server) as guest,
    ):
        for number in range(1, 500):
            guest.say(control.Ping(id=number))
            if isinstance(answer := await guest.message(), control.Closing):
                assert answer.code == Code.TIMED_OUT
                return
            await asyncio.sleep(0.05)
    raise AssertionError("never closed")


@pytest.mark.asyncio
async def test_who_talks_too_fast_is_cut_off(tmp_path: Path) -> None:
    async with a_server(tmp_path, message_rate=1.0, message_burst=5) as server:
        async with await Guest.arrive(server) as guest:
            guest.say(*(control.Ping(id=number) for number in range(1, 7)))
            answers = [await guest.message() for _ in range(5)]
            assert all(is_pong(answer, number) for number, answer in enumerate(answers[:4], 1))
            assert answers[4] == control.Refused(code=Code.TOO_MANY_TRIES)
            await guest.expect_end()


@pytest.mark.asyncio
async def test_who_never_reads_is_dropped(tmp_path: Path) -> None:
    knobs = {"message_rate": 1e9, "message_burst": 1_000_000_000, "write_buffer": 16_384}
    async with a_server(tmp_path, **knobs) as server:
        guest = await Stream.open(server.ports[0], receive_buffer=4_096)
        guest.say(HELLO)
        await guest.expect(control.Welcome)
        guest.writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a read transport, too
        pings = encode(control.Ping(id=1)) * 1_000
        async with asyncio.timeout(30):
            with suppress(ConnectionError):
                while server.backend.connections:
                    guest.say(pings)
                    await guest.writer.drain()
                    await asyncio.sleep(0)
            while server.backend.connections:
                await asyncio.sleep(0.01)
        guest.writer.transport.abort()


@pytest.mark.asyncio
async def test_requests_are_answered_in_order_though_some_take_long(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, await Guest.arrive(server) as guest:
        await guest.sign_up(server, "ann")
        guest.say(
            control.LogIn(id=11, email="ann@example.org", password=PASSWORD),
            control.Ping(id=12),
            control.SetUsername(id=13, username="Anna"),
            control.LogOut(id=14),
            control.SetUsername(id=15, username="Anne"),
        )
        assert isinstance(await guest.message(), control.LoggedIn)
        assert is_pong(await guest.message(), 12)
        assert await guest.message() == control.LoggedIn(id=13, username="Anna")
        assert await guest.message() == control.Done(id=14)
        assert await guest.message() == control.Refused(code=Code.NOT_LOGGED_IN, id=15)


@pytest.mark.asyncio
async def test_an_id_in_use_ends_the_stream(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, await Guest.arrive(server) as guest:
        guest.say(encode(control.LogIn(id=1, email="ann@example.org", password=PASSWORD)) * 2)
        assert await guest.message() == control.Refused(code=Code.BAD_FIELD)
        await guest.expect_end()


@pytest.mark.asyncio
async def test_a_fault_of_our_own_is_an_answer_and_not_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_server(tmp_path) as server, await Guest.arrive(server) as guest:

        async def break_down(*_: object) -> control.Done:
            raise KeyError("ann@example.org")

        monkeypatch.setattr(server.backend.accounts, "activate", break_down)
        answer = await guest.ask(control.Activate, email="ann@example.org", code="123456")
        assert answer.code == Code.INTERNAL
        assert isinstance(await guest.ask(control.Ping), control.Done)
        assert "a request failed" in caplog.text
        assert "ann@" not in "".join(record.getMessage() for record in caplog.records)
