"""Single SYNs go to those who ask for them, and what becomes of each is told."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from floater.wire.endpoint import Endpoint
from floater.wire.nat import Stray
from floater.wire.stun import BindingRequest, BindingResponse, Probe, ProbeReport, encode, take_message
from server.errors import CannotStart
from server.gateway.prober import PROBE_TIMEOUT, _send_syn
from tests.server.gateway.guests import Stream, a_server


async def told(stream: Stream, probe: Probe) -> tuple[BindingResponse, dict[Probe, Stray]]:
    """Ask for knocks; the answer, and the reports on all that are under way."""
    transaction = b"t" * 12
    stream.say(encode(BindingRequest(transaction, "", probe)))
    buffer = bytearray()
    answer: BindingResponse | None = None
    fates: dict[Probe, Stray] = {}
    async with asyncio.timeout(30):
        while answer is None or set(fates) != set(answer.probe):
            while (message := take_message(buffer)) is None:
                data = await stream.reader.read(1_024)
                assert data
                buffer += data
            assert message.transaction == transaction
            if isinstance(message, BindingResponse):
                assert answer is None
                answer = message
            else:
                assert isinstance(message, ProbeReport)
                assert answer is not None, "a report before the answer"
                fates[message.probe] = message.fate
    return answer, fates


async def from_a_port_that_listens(port: int, *, listens: bool) -> tuple[Stream, socket.socket]:
    """A stream to a server from a port that somebody may dial, or not."""
    listener, dialled = shared_socket(), shared_socket()
    listener.bind(("127.0.0.1", 0))
    if listens:
        listener.listen()
    dialled.bind(listener.getsockname())
    await asyncio.get_running_loop().sock_connect(dialled, ("127.0.0.1", port))
    return Stream(*await asyncio.open_connection(sock=dialled)), listener


def shared_socket() -> socket.socket:
    made = socket.socket()
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return made


BOTH = Probe.OTHER_PORT | Probe.OTHER_ADDRESS


@pytest.mark.asyncio
async def test_strangers_knock_at_who_asks_and_what_they_get_is_told(tmp_path: Path) -> None:
    async with a_server(tmp_path, stun=("127.0.0.2:0",)) as server:
        stream, listener = await from_a_port_that_listens(server.ports[0], listens=True)
        async with stream:
            answer, fates = await told(stream, BOTH)
            assert answer.probe == BOTH
            assert fates == {Probe.OTHER_PORT: Stray.ACCEPTED, Probe.OTHER_ADDRESS: Stray.ACCEPTED}
            knocks = [listener.accept() for _ in range(2)]
            assert {name[0] for _, name in knocks} == {"127.0.0.1", "127.0.0.2"}
            assert not {name[1] for _, name in knocks} & set(server.ports), "from ports that nobody dials"
            for sock, _ in knocks:
                sock.close()
            listener.close()


@pytest.mark.asyncio
async def test_who_listens_at_no_port_is_told_of_a_reset(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        stream, listener = await from_a_port_that_listens(server.ports[0], listens=False)
        async with stream:
            answer, fates = await told(stream, BOTH)
            assert answer.probe == Probe.OTHER_PORT, "this server has one address"
            assert fates == {Probe.OTHER_PORT: Stray.RESET}
            listener.close()


@pytest.mark.asyncio
async def test_a_connection_is_knocked_at_once(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, await Stream.open(server.ports[0], tls=None) as stream:
        answer, fates = await told(stream, Probe.OTHER_PORT)
        assert (answer.probe, set(fates)) == (Probe.OTHER_PORT, {Probe.OTHER_PORT})
        for _ in range(3):
            assert await told(stream, BOTH) == (BindingResponse(b"t" * 12, answer.mapped), {})


@pytest.mark.parametrize(("limit", "knocks"), [("", 0), ("2/60 -", 2), ("- 3/60", 3)])
@pytest.mark.asyncio
async def test_no_more_knocks_than_the_operator_allows(tmp_path: Path, limit: str, knocks: int) -> None:
    async with a_server(tmp_path, probe_limit=limit) as server:
        under_way = 0
        for _ in range(5):
            async with await Stream.open(server.ports[0], tls=None) as stream:
                answer, _ = await told(stream, Probe.OTHER_PORT)
                under_way += bool(answer.probe)
        assert under_way == knocks


@pytest.mark.parametrize("limit", ["1/1", "1/1 1/1 1/1", "many few"])
@pytest.mark.asyncio
async def test_a_limit_of_knocks_that_makes_no_sense_is_refused(tmp_path: Path, limit: str) -> None:
    with pytest.raises(CannotStart):
        async with a_server(tmp_path, probe_limit=limit):
            pass


@pytest.mark.asyncio
async def test_a_knock_that_nobody_answers_is_given_up_before_it_is_repeated(tmp_path: Path) -> None:
    """Loopback drops no SYN, but a full queue of those who wait to be let in does."""
    async with a_server(tmp_path) as server:
        stream, listener = await from_a_port_that_listens(server.ports[0], listens=False)
        async with stream:
            listener.listen(0)
            waiting = []
            for _ in range(3):
                waiting.append(shared_socket())
                waiting[-1].connect_ex(listener.getsockname())
            loop = asyncio.get_running_loop()
            began = loop.time()
            _, fates = await told(stream, Probe.OTHER_PORT)
            assert fates == {Probe.OTHER_PORT: Stray.DROPPED}
            assert PROBE_TIMEOUT <= loop.time() - began
            assert PROBE_TIMEOUT < 1.0, "when the kernel sends a SYN again (RFC 6298 §2)"
            for sock in (*waiting, listener):
                sock.close()


def test_no_descriptors_left_is_no_syn() -> None:
    """It is asked for while a client's bytes are read: an error would end that client's connection."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        syn = _send_syn("127.0.0.1", Endpoint("127.0.0.1", 9))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert syn is None
