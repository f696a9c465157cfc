import asyncio
import socket

import pytest

from floater.net.relay_check import relay_answers
from floater.wire import relay
from floater.wire.codec import encode
from floater.wire.control import Refused
from floater.wire.url import ServerUrl
from tests.helpers.meeting import tiny_relay
from tests.helpers.serving import serving

pytestmark = pytest.mark.asyncio

WITHIN = 30.0
NO = encode(Refused("relay_refused"))


@pytest.mark.parametrize("tls", [False, True])
async def test_a_relay_that_turns_us_down_has_answered(tls: bool) -> None:
    async with tiny_relay(refuse="relay_refused") as state:
        assert await relay_answers(state.url, tls=tls, proxy=None, within=WITHIN)


async def test_where_bare_tcp_is_reset_only_tls_gets_through() -> None:
    async with tiny_relay(refuse="relay_refused", raw=False) as state:
        assert not await relay_answers(state.url, tls=False, proxy=None, within=WITHIN)
        assert await relay_answers(state.url, tls=True, proxy=None, within=WITHIN)


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ([NO], True),
        ([NO[:5], NO[5:]], True),
        ([], False),
        ([NO[:5]], False),
        ([encode(relay.Joined())], False),
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], False),
    ],
    ids=["no", "in two pieces", "nothing", "half", "joined", "another protocol"],
)
async def test_only_a_refusal_of_the_relay_counts(said: list[bytes], answered: bool) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(len(relay.PREAMBLE)) == relay.PREAMBLE
        for piece in said:
            writer.write(piece)
            await writer.drain()
        writer.write_eof()
        await reader.read()

    async with serving(answer) as port:
        url = ServerUrl("127.0.0.1", port, None)
        assert await relay_answers(url, tls=False, proxy=None, within=WITHIN) is answered


async def test_where_nobody_listens_or_answers_nothing_gets_through() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = ServerUrl("127.0.0.1", silent.getsockname()[1], None)
        assert not await relay_answers(url, tls=False, proxy=None, within=0.1)
    assert not await relay_answers(url, tls=False, proxy=None, within=WITHIN)
    assert not await relay_answers(url, tls=True, proxy=None, within=WITHIN)
