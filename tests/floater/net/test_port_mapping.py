"""When no router is asked at all. What they are asked, and answer: `tests.natlab.test_port_mapping`."""

import asyncio
import socket
from typing import Any

import pytest

from floater.core.meet.port_mapping import NOT_ASKED
from floater.net import interfaces
from floater.net.port_mapping import MappedPort, PortMapper
from floater.net.punch_port import PunchPort

pytestmark = pytest.mark.asyncio


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
