import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from floater.net.punch_port import prepare_punch_port
from floater.net.stun_stream import ProbeListener, probes_at
from floater.wire import stun
from floater.wire.endpoint import Endpoint
from floater.wire.nat import Filtering, Stray
from floater.wire.url import parse_server_url
from server.app import running_server
from server.config import ServerConfig
from tests.helpers.serving import serving

pytestmark = pytest.mark.asyncio

BOTH = stun.Probe.OTHER_PORT | stun.Probe.OTHER_ADDRESS
HERE = Endpoint("203.0.113.7", 40_000)


@asynccontextmanager
async def probed_at(
    under_way: stun.Probe, *reports: tuple[stun.Probe, Stray]
) -> AsyncIterator[tuple[ProbeListener, list[stun.StunMessage]]]:
    """A listener before an observer that claims these SYNs are under way, and reports so on them."""
    heard: list[stun.StunMessage] = []

    async def observer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = stun.take_message(bytearray(await reader.read(1_024)))
        assert isinstance(request, stun.BindingRequest)
        heard.append(request)
        writer.write(stun.encode(stun.BindingResponse(request.transaction, HERE, under_way)))
        for probe, fate in reports:
            writer.write(stun.encode(stun.ProbeReport(request.transaction, probe, fate)))
        writer.write_eof()
        await reader.read()

    async with serving(observer) as port:
        listener = ProbeListener(Endpoint("127.0.0.1", port))
        yield listener, heard
        listener.close()


async def test_both_strangers_are_asked_for_and_no_key_is_said() -> None:
    async with probed_at(BOTH) as (listener, heard):
        seen = await listener.ask()
        assert seen is not None
        assert (seen.local.port, seen.mapped) == (listener.port, HERE)
        (request,) = heard
        assert isinstance(request, stun.BindingRequest)
        assert (request.probe, request.username) == (BOTH, "")
        assert listener.fates == dict.fromkeys(BOTH, Stray.UNKNOWN), "under way, and not come in"


async def test_reports_tell_what_became_of_them() -> None:
    told = ((stun.Probe.OTHER_ADDRESS, Stray.DROPPED), (stun.Probe.OTHER_PORT, Stray.ACCEPTED))
    async with probed_at(BOTH, *told) as (listener, _):
        await listener.ask()
        await listener.follow()
        assert listener.fates == dict(told)


async def test_only_what_was_said_to_be_under_way_is_believed() -> None:
    told = ((stun.Probe.OTHER_ADDRESS, Stray.ACCEPTED), (BOTH, Stray.ACCEPTED))
    async with probed_at(stun.Probe.OTHER_PORT, *told) as (listener, _):
        await listener.ask()
        await listener.follow()
        assert listener.fates == {stun.Probe.OTHER_PORT: Stray.UNKNOWN}


async def test_an_observer_that_sends_nobody_teaches_nothing() -> None:
    async with probed_at(stun.Probe.NONE) as (listener, _):
        await listener.ask()
        await listener.follow()
        assert listener.fates == {}


async def test_a_real_server_s_strangers_come_in_on_loopback(tmp_path: Path) -> None:
    config = ServerConfig(data_dir=tmp_path, listen="127.0.0.1:0", stun=("127.0.0.1:0", "127.0.0.2:0"))
    async with running_server(config) as server:
        port = await prepare_punch_port(
            server=parse_server_url(server.url), observers=server.backend.observers, observer_key=""
        )
        await port.settled()
        assert (port.facts.nat.filtering, port.facts.nat.stray) == (
            Filtering.ENDPOINT_INDEPENDENT,
            Stray.ACCEPTED,
        )
        await port.close()


@pytest.mark.skipif(sys.byteorder == "big", reason="written in the order of the others")
async def test_a_syn_that_waits_for_its_third_packet_is_seen_in_the_kernel_s_table(tmp_path: Path) -> None:
    four, six = tmp_path / "tcp", tmp_path / "tcp6"
    rest = "00000000:00000000 00:00000000 00000000 0 0 1 2 0 100 0 0 10 0\n"
    four.write_text(
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        f"   0: 00000000:9C40 00000000:0000 0A {rest}"
        f"   1: 0A01A8C0:9C40 0A02000A:01BB 01 {rest}"
        f"   2: 0A01A8C0:9C40 0A02000A:8F0A 03 {rest}"
        f"   3: 0A01A8C0:9C41 0B02000A:8F0B 03 {rest}"
    )
    six.write_text(
        f"  sl\n   0: B80D0120000000000000000001000000:9C40 B80D0120000000000000000002000000:1F90 03 {rest}"
    )
    assert probes_at(40_000, four) == {Endpoint("10.0.2.10", 36_618)}
    assert probes_at(40_000, six) == {Endpoint("2001:db8::2", 8_080)}
    assert probes_at(40_002, four) == probes_at(40_000, tmp_path / "none") == set()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone shows it")
@pytest.mark.parametrize("path", ["tcp", "tcp6"])
async def test_this_system_s_table_is_read(path: str) -> None:
    assert probes_at(1, Path("/proc/thread-self/net", path)) == set()
