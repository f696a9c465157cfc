"""What a router is asked and answers, on this computer. Real ones: `tests.natlab.test_port_mapping`."""

import asyncio
import ipaddress
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from floater.core.meet.port_mapping import NOT_ASKED, MappingState, Outcome, Place, Protocol
from floater.net import interfaces, port_mapping
from floater.net.port_mapping import FamilyMapper, MappedPort, PortMapper
from floater.net.punch_port import PunchPort
from floater.wire import igd, nat_pmp
from floater.wire.endpoint import Endpoint
from tests.floater.net.test_igd import a_router, fault, result

pytestmark = pytest.mark.asyncio

HERE = Place("127.0.0.1", "127.0.0.1")
PORT, OTHER = 40_001, 40_002
OUTSIDE = Endpoint("203.0.113.7", PORT)
WITHIN = 30.0
PCP, PMP, UPNP = Protocol.PCP, Protocol.NAT_PMP, Protocol.UPNP


class Untouched(PortMapper):
    """Fails as soon as anything is wished of it."""

    def want(self, port: int, family: socket.AddressFamily = socket.AF_INET) -> MappedPort:
        raise AssertionError(port)


@pytest.mark.parametrize("server", ["127.0.0.1", "::1", "192.168.1.20", "100.64.0.5"])
async def test_a_server_near_by_is_no_reason_to_ask_the_router(server: str) -> None:
    port = PunchPort(server, None, Untouched())
    assert port.facts.router == NOT_ASKED
    assert port.facts.mapped == ()
    await port.close()


@pytest.mark.parametrize(
    "found",
    [
        None,
        ("203.0.113.1", "203.0.113.9"),  # our address is public: there is no NAT to get through
        ("203.0.113.1", "192.168.1.9"),
        ("fe80::1", "fe80::2"),
        ("127.0.0.1", "127.0.0.1"),
    ],
)
async def test_nobody_is_asked_where_no_router_of_a_home_is(
    monkeypatch: pytest.MonkeyPatch, found: tuple[str, str] | None
) -> None:
    monkeypatch.setattr(interfaces, "way_out", lambda: found)
    mapper = PortMapper()
    opened: list[Any] = []
    monkeypatch.setattr(asyncio.get_running_loop(), "create_datagram_endpoint", opened.append)
    wish = mapper.want(40_001)
    standing = await wish.settled(5)
    assert standing.outcome.value == "not_asked"
    wish.release()
    await mapper.close()
    assert opened == []


@pytest.mark.parametrize("found", [None, ("fe80::1%lo", "fd00::9"), ("fe80::1%lo", "::1")])
async def test_by_ipv6_nobody_is_asked_without_a_public_address(
    monkeypatch: pytest.MonkeyPatch, found: tuple[str, str] | None
) -> None:
    way = None if found is None else (found[0], ipaddress.ip_address(found[1]))
    monkeypatch.setattr(interfaces, "way_out_6", lambda: way)
    mapper = PortMapper()
    assert await mapper.want(PORT, socket.AF_INET6).settled(WITHIN) == NOT_ASKED
    await mapper.close()


# -- a router on this computer ------------------------------------------------------------


class Udp(asyncio.DatagramProtocol):
    """Answers each datagram by what `answers` makes of it, and notes it."""

    def __init__(self) -> None:
        self.answers: Callable[[bytes], list[bytes]] = lambda _: []
        self.heard: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self.heard.append(data)
        for answer in self.answers(data):
            self.transport.sendto(answer, addr)


def pmp(data: bytes, *, host: str = OUTSIDE.host, epoch: int = 100) -> list[bytes]:
    """What a router says that speaks NAT-PMP alone (RFC 6886 §3.2, §3.3; RFC 6887 appendix A)."""
    if data[0] == 2:
        return [struct.pack("!BBHI", 0, data[1] | 128, 1, epoch)]
    if data[1] == 0:
        return [struct.pack("!BBHI", 0, 128, 0, epoch) + ipaddress.IPv4Address(host).packed]
    _, _, _, internal, external, lifetime = struct.unpack("!BBHHHI", data)
    return [struct.pack("!BBHIHHI", 0, 130, 0, epoch, internal, external if lifetime else 0, lifetime)]


def pcp(data: bytes, *, result: int = 0, epoch: int = 100) -> list[bytes]:
    """What a router says that speaks PCP alone (RFC 6887 §7.2, §11.1)."""
    if data[0] == 0:
        return []
    lifetime = struct.unpack("!I", data[4:8])[0]
    head = struct.pack("!BBBBII12x", 2, data[1] | 128, 0, result, lifetime, epoch)
    address = ipaddress.IPv6Address(f"::ffff:{OUTSIDE.host}").packed
    return [head + (data[24:44] + address if data[1] else b"")]


@asynccontextmanager
async def a_home(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[FamilyMapper, Udp, Udp]]:
    """A client, what its router at 127.0.0.1 says by PCP and NAT-PMP, and what it says by SSDP."""
    loop = asyncio.get_running_loop()
    ports, search = Udp(), Udp()
    transports = []
    for server in (ports, search):
        transport, _ = await loop.create_datagram_endpoint(
            lambda server=server: server,  # type: ignore[misc]  # a default for each round
            local_addr=("127.0.0.1", 0),
        )
        transports.append(transport)
    monkeypatch.setattr(nat_pmp, "PORT", transports[0].get_extra_info("sockname")[1])
    monkeypatch.setattr(igd, "SEARCH_PORT", transports[1].get_extra_info("sockname")[1])
    monkeypatch.setattr(igd, "SEARCH_GROUP", "127.0.0.1")
    monkeypatch.setattr(port_mapping, "_place", lambda: HERE)
    mapper = FamilyMapper(socket.AF_INET, 600.0)
    try:
        yield mapper, ports, search
    finally:
        await mapper.close()
        for transport in transports:
            transport.close()


async def settled(wish: MappedPort) -> MappingState:
    return await wish.settled(WITHIN)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(("protocol", "speaks"), [(PCP, pcp), (PMP, pmp)])
async def test_a_port_is_mapped_and_given_back(
    monkeypatch: pytest.MonkeyPatch, protocol: Protocol, speaks: Callable[[bytes], list[bytes]]
) -> None:
    async with a_home(monkeypatch) as (mapper, router, _):
        router.answers = speaks
        wish = mapper.want(PORT)
        assert await settled(wish) == MappingState(Outcome.GRANTED, protocol, OUTSIDE)
        again = mapper.want(OTHER)
        assert await settled(again) == MappingState(Outcome.GRANTED, protocol, Endpoint(OUTSIDE.host, OTHER))
        heard = len(router.heard)
        again.release()
        again.release()
        await until(lambda: len(router.heard) > heard)
        assert wish.state.outcome is Outcome.GRANTED
    asked = [data for data in router.heard if len(data) > 24 or data[1] == 2]
    assert struct.unpack("!I", asked[-1][4:8] if protocol is PCP else asked[-1][8:12]) == (0,)


async def test_a_refusal_by_pcp_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_home(monkeypatch) as (mapper, router, _):
        router.answers = lambda data: pcp(data, result=2 if data[1] else 0)
        wish = mapper.want(PORT)
        await until(lambda: wish.state == MappingState(Outcome.REFUSED))


async def test_a_router_that_denies_all_by_nat_pmp_has_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(data: bytes) -> list[bytes]:
        if data[0] == 0 and data[1] == 2:
            return [struct.pack("!BBHIHHI", 0, 130, 2, 100, 0, 0, 0)]
        return pmp(data)

    async with a_home(monkeypatch) as (mapper, router, _):
        router.answers = deny
        wish = mapper.want(PORT)
        await until(lambda: wish.state == MappingState(Outcome.REFUSED))


async def test_a_router_behind_another_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_home(monkeypatch) as (mapper, router, _):
        router.answers = lambda data: pmp(data, host="192.168.0.2")
        nested = mapper.want(PORT)
        await until(lambda: nested.state == MappingState(Outcome.NESTED))
    async with a_home(monkeypatch) as (mapper, router, _):
        router.answers = lambda data: [struct.pack("!BBHII", 0, 128, 3, 100, 0)] if data[0] == 0 else []
        without = mapper.want(PORT)
        await until(lambda: without.state == MappingState(Outcome.NESTED))


async def test_nonsense_is_as_good_as_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_home(monkeypatch) as (mapper, router, search):
        router.answers = lambda data: [b"", b"\xff" * 7, b"x" * 2_000, struct.pack("!BBHI", 0, 128, 2, 1)]
        search.answers = lambda data: [b"HTTP/1.1 404 No\r\n\r\n", b"\0"]
        wish = mapper.want(PORT)
        await until(lambda: wish.state == MappingState(Outcome.SILENT))


async def test_where_nobody_listens_the_router_is_known_to_be_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_home(monkeypatch) as (mapper, router, _):
        router.transport.abort()
        wish = mapper.want(PORT)
        await until(lambda: wish.state == MappingState(Outcome.SILENT))


async def test_a_port_is_mapped_by_upnp(monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_router() as device, a_home(monkeypatch) as (mapper, _, search):
        device.answers["/c AddPortMapping"] = result("AddPortMapping")
        device.answers["/c DeletePortMapping"] = result("DeletePortMapping")
        where = f"http://127.0.0.1:{device.page.port}/d.xml"
        search.answers = lambda data: [f"HTTP/1.1 200 OK\r\nLOCATION: {where}\r\n\r\n".encode()]
        wish = mapper.want(PORT)
        await until(lambda: wish.state == MappingState(Outcome.GRANTED, UPNP, OUTSIDE))
        wish.release()
        await until(lambda: "/c DeletePortMapping" in device.asked)


@pytest.mark.parametrize("answer", [fault(606), b""], ids=["a fault", "silence"])
async def test_a_router_that_grants_nothing_by_upnp_has_refused_or_gone(
    monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    async with a_router() as device, a_home(monkeypatch) as (mapper, _, search):
        device.answers["/c AddPortMapping"] = answer
        where = f"http://127.0.0.1:{device.page.port}/d.xml"
        search.answers = lambda data: [f"HTTP/1.1 200 OK\r\nLOCATION: {where}\r\n\r\n".encode()]
        wish = mapper.want(PORT)
        await until(lambda: wish.state == MappingState(Outcome.REFUSED))


async def test_another_network_has_another_router(monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_home(monkeypatch) as (mapper, router, _):
        router.answers = pcp
        first = mapper.want(PORT)
        assert (await settled(first)).outcome is Outcome.GRANTED
        monkeypatch.setattr(port_mapping, "_place", lambda: None)
        second = mapper.want(OTHER)
        await until(lambda: first.state == second.state == NOT_ASKED)


async def test_where_there_is_no_socket_towards_the_router_nothing_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(place: Place, zone: int | None) -> socket.socket:
        raise OSError(99, "Cannot assign requested address")

    monkeypatch.setattr(port_mapping, "_search_socket", fail)
    async with a_home(monkeypatch) as (mapper, router, _):
        assert await settled(mapper.want(PORT)) == NOT_ASKED
        assert router.heard == []


async def test_a_router_that_does_not_answer_is_waited_for_only_so_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(port_mapping, "REMOVAL_TIME", 0.05)
    async with a_home(monkeypatch) as (mapper, router, _):
        wish = mapper.want(PORT)
        assert (await wish.settled(0.0)).outcome is Outcome.ASKING
        router.answers = pcp
        await until(lambda: wish.state.outcome is Outcome.GRANTED)
        router.answers = lambda _: []
        await mapper.close()  # the mapping lapses
