import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from floater.core.meet.candidates import is_port_allowed
from floater.core.meet.observe import MAX_QUESTIONS
from floater.core.meet.port import Probed
from floater.net.punch_port import PunchPort, prepare_punch_port
from floater.wire import stun
from floater.wire.endpoint import Candidate, CandidateKind, Endpoint
from floater.wire.nat import Mapping, Stray
from floater.wire.url import ServerUrl, parse_server_url
from server.app import running_server
from server.config import ServerConfig
from tests.helpers.meeting import tiny_observer
from tests.helpers.serving import serving

pytestmark = pytest.mark.asyncio

HERE = ServerUrl("127.0.0.1", 1, None)
KEY = "key"


async def prepare(observers: Sequence[str], timeout: float = 2.0, server: ServerUrl = HERE) -> PunchPort:
    return await prepare_punch_port(server=server, observers=observers, observer_key=KEY, timeout=timeout)


async def test_observers_tell_what_the_port_looks_like() -> None:
    async with tiny_observer() as (one, saw_one), tiny_observer() as (two, saw_two):
        port = await prepare((f":{one}", f"127.0.0.1:{two}"))
        seen = Endpoint("127.0.0.1", port.facts.port)
        assert saw_one.count(seen) == saw_two.count(seen) == 1, "the punch port, not one made up"
        assert len(saw_one + saw_two) == MAX_QUESTIONS
        assert port.facts.public == (seen,)
        assert port.facts.nat.mapping is Mapping.OPEN
        assert port.candidates[0] == Candidate(CandidateKind.PUBLIC, *seen)
        assert is_port_allowed(port.facts.port)
        await port.close()


@pytest.mark.parametrize(
    ("shift", "mapping"), [(0, Mapping.ENDPOINT_INDEPENDENT), (1, Mapping.PORT_DEPENDENT)]
)
async def test_a_nat_is_told_by_what_two_observers_see(shift: int, mapping: Mapping) -> None:
    async with (
        tiny_observer(lambda seen: Endpoint("203.0.113.7", 40_000)) as (one, _),
        tiny_observer(lambda seen: Endpoint("203.0.113.7", 40_000 + shift)) as (two, _),
    ):
        port = await prepare((f":{one}", f":{two}"))
        assert port.facts.nat.mapping is mapping
        assert len(port.facts.public) == 1 + shift
        await port.close()


async def test_without_observers_there_are_private_places_only() -> None:
    port = await prepare(())
    assert (port.facts.public, port.facts.nat.mapping) == ((), Mapping.UNKNOWN)
    assert Candidate(CandidateKind.PRIVATE, "127.0.0.1", port.facts.port) in port.candidates
    assert all(candidate.kind is CandidateKind.PRIVATE for candidate in port.candidates)
    await port.close()


async def test_loopback_is_told_only_to_a_server_on_this_computer() -> None:
    port = await prepare((), server=ServerUrl("203.0.113.1", 1, None))
    assert not [place for place in port.facts.private if place.host.startswith("127.")]
    await port.close()


async def test_observers_that_are_silent_or_hang_up_or_are_none_are_left_out() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\n")
        await reader.read()

    async with (
        serving(silent) as one,
        serving(web) as two,
        tiny_observer(lambda _: None) as (three, _),
        tiny_observer() as (good, _),
    ):
        observers = (f":{one}", f":{two}", f":{three}", ":1", "x", ":0", ":99999", f":{good}")
        began = asyncio.get_running_loop().time()
        port = await prepare(observers, 2.0)  # in which the good one answers on a busy machine, too
        assert asyncio.get_running_loop().time() - began < 10.0
        assert [seen.observer.port for seen in port.facts.observations] == [good]
        await port.close()


async def test_an_answer_to_another_question_is_passed_over() -> None:
    async def confused(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = stun.take_message(bytearray(await reader.read(1_024)))
        assert isinstance(request, stun.BindingRequest)
        for transaction, port in ((bytes(12), 1), (request.transaction, 40_000)):
            mapped = Endpoint("203.0.113.7", port)
            writer.write(stun.encode(stun.BindingResponse(transaction, mapped)))
        await reader.read()

    async with serving(confused) as number:
        port = await prepare((f":{number}",))
        assert port.facts.public == (Endpoint("203.0.113.7", 40_000),)
        await port.close()


async def test_a_name_that_nobody_knows_is_no_obstacle() -> None:
    port = await prepare((":1", "no.such.name.invalid:2"), 1.0, ServerUrl("no.such.name.invalid", 1, None))
    assert port.facts.public == ()
    await port.close()


async def test_a_server_elsewhere_cannot_make_us_knock_on_this_computer() -> None:
    async with tiny_observer() as (port_number, saw):
        port = await prepare((f"127.0.0.1:{port_number}",), 1.0, ServerUrl("203.0.113.1", 1, None))
        assert not saw
        assert port.facts.observations == ()
        await port.close()


async def test_one_stream_of_each_lane_is_held_open_and_its_end_makes_the_port_stale() -> None:
    stale = asyncio.Event()
    async with tiny_observer() as (one, _), tiny_observer() as (two, _):
        port = await prepare_punch_port(
            server=HERE, observers=(f":{one}", f":{two}"), observer_key=KEY, on_stale=stale.set
        )
        await asyncio.sleep(0)
        held = [stream.port for stream in port._questions.streams.values() if stream._sock.fileno() >= 0]
        assert sorted(number for number in held if number in port.facts.ports) == sorted(port.facts.ports)
        assert not stale.is_set()
    async with asyncio.timeout(30):
        await stale.wait()
    assert port.is_stale
    await port.close()


async def test_closing_gives_everything_back() -> None:
    async with tiny_observer() as (one, _):
        before = len(os.listdir("/proc/self/fd"))
        port = await prepare((f":{one}",))
        assert len(os.listdir("/proc/self/fd")) > before
        await port.close()
        async with asyncio.timeout(30):
            while len(os.listdir("/proc/self/fd")) > before:
                await asyncio.sleep(0.001)


async def test_a_real_server_has_three_observers(tmp_path: Path) -> None:
    async with running_server(ServerConfig(data_dir=tmp_path, listen="127.0.0.1:0")) as server:
        port = await prepare([f":{number}" for number in server.ports], server=parse_server_url(server.url))
        assert len(port.facts.observations) == len(server.ports) >= 2
        assert port.facts.nat.mapping is Mapping.OPEN
        await port.close()


async def test_nothing_stays_open_when_it_is_called_off_half_way() -> None:
    def open_sockets() -> set[str]:
        return {link for fd in os.listdir("/proc/self/fd") if (link := _target(fd)).startswith("socket:")}

    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        asked.set()
        await reader.read()

    async with serving(silent) as observer:
        before = open_sockets()
        preparing = asyncio.get_running_loop().create_task(prepare((f":{observer}",), timeout=30.0))
        async with asyncio.timeout(30):
            await asked.wait()
        preparing.cancel()
        await asyncio.gather(preparing, return_exceptions=True)
    assert open_sockets() <= before


def _target(fd: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return ""


async def test_what_was_told_of_our_nat_stays_what_it_was_when_more_is_learnt() -> None:
    async with tiny_observer(lambda seen: Endpoint("203.0.113.7", seen.port)) as (one, _):
        port = await prepare((f":{one}",))
        told = port.introduce()
        assert port.facts.told.nat == told == port.facts.nat
        port._feed(Probed({stun.Probe.OTHER_ADDRESS: Stray.RESET}))
        assert port.facts.nat != told
        assert port.facts.told.nat == told
        await port.close()
