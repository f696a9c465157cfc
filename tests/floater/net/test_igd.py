"""UPnP by HTTP, against a router on this computer: one that works, and ones that do harm."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from floater.core.meet.port_mapping import Place
from floater.net import igd as net_igd
from floater.net.igd import Firewall, Igd, find_igd
from floater.wire.endpoint import Endpoint
from floater.wire.igd import MAX_DOCUMENT, Fault, Page

pytestmark = pytest.mark.asyncio

HERE = Place("127.0.0.1", "127.0.0.1")
IP_1 = "urn:schemas-upnp-org:service:WANIPConnection:1"
IP_2 = "urn:schemas-upnp-org:service:WANIPConnection:2"
HERE_6 = Place("::1", "::1")
FIREWALL = "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1"
PPP = "urn:schemas-upnp-org:service:WANPPPConnection:1"


class Router:
    """Answers each request by what `answers` has for its path and, with a call, the action."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes | Callable[[], bytes]] = {}
        self.asked: list[str] = []
        self.page = Page(0, "/d.xml")
        self.visits: list[asyncio.Task[None]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.visits.append(task)
        with suppress(ConnectionError):  # whoever is told too much hangs up
            await self.answer(reader, writer)
        writer.close()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.split(": ", 1) for line in head.splitlines()[1:] if line)
        fields = {name.lower(): value for name, value in fields.items()}
        await reader.readexactly(int(fields.get("content-length", "0")))
        action = fields.get("soapaction", "").strip('"').rpartition("#")[2]
        key = head.split(" ")[1] + (f" {action}" if action else "")
        self.asked.append(key)
        answer = self.answers.get(key, b"")
        writer.write(answer() if callable(answer) else answer)
        if answer != b"...":  # that one never ends
            writer.write_eof()
        await reader.read()


@asynccontextmanager
async def a_router(host: str = "127.0.0.1") -> AsyncIterator[Router]:
    router = Router()
    async with await asyncio.start_server(router.serve, host, 0) as server:
        router.page = Page(server.sockets[0].getsockname()[1], "/d.xml")
        router.answers["/d.xml"] = http(description((IP_1, "/c")))
        router.answers["/c GetExternalIPAddress"] = result("GetExternalIPAddress", address("203.0.113.7"))
        yield router
        await asyncio.gather(*router.visits)


def http(body: str, status: str = "200 OK", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def description(*services: tuple[str, str]) -> str:
    inside = "".join(
        f"<service><serviceType>{kind}</serviceType><controlURL>{url}</controlURL></service>"
        for kind, url in services
    )
    return f"<root>{inside}</root>"


def result(action: str, inside: str = "") -> bytes:
    return http(f'<e xmlns:u="x"><u:{action}Response>{inside}</u:{action}Response></e>')


def fault(code: int) -> bytes:
    return http(f"<e><Fault><errorCode>{code}</errorCode></Fault></e>", "500 No")


def address(host: str) -> str:
    return f"<NewExternalIPAddress>{host}</NewExternalIPAddress>"


async def found(router: Router) -> Igd:
    igd = await find_igd(HERE, router.page, {})
    assert isinstance(igd, Igd)
    return igd


async def test_a_port_is_mapped_and_removed() -> None:
    async with a_router() as router:
        router.answers["/c AddPortMapping"] = result("AddPortMapping")
        router.answers["/c DeletePortMapping"] = result("DeletePortMapping")
        igd = await found(router)
        assert igd.host == "203.0.113.7"
        assert await igd.map(40_001, 40_002, 600) == Endpoint("203.0.113.7", 40_002)
        assert await igd.unmap(40_002, 40_002)
        assert router.asked == [
            "/d.xml",
            "/c GetExternalIPAddress",
            "/c GetExternalIPAddress",
            "/c AddPortMapping",
            "/c DeletePortMapping",
        ]


async def test_a_router_of_version_2_chooses_the_port() -> None:
    async with a_router() as router:
        router.answers["/d.xml"] = http(description((IP_1, "/other"), (IP_2, "/c")))
        reserved = "<NewReservedPort>40009</NewReservedPort>"
        router.answers["/c AddAnyPortMapping"] = result("AddAnyPortMapping", reserved)
        assert await (await found(router)).map(40_001, 40_001, 600) == Endpoint("203.0.113.7", 40_009)


async def test_of_several_services_the_one_that_is_connected_is_taken() -> None:
    async with a_router() as router:
        router.answers["/d.xml"] = http(description((IP_1, "/down"), (PPP, "/c")))
        router.answers["/down GetExternalIPAddress"] = result("GetExternalIPAddress", address("0.0.0.0"))
        assert (await found(router)).host == "203.0.113.7"


async def test_a_router_without_a_public_address_is_told_as_such() -> None:
    async with a_router() as router:
        router.answers["/c GetExternalIPAddress"] = fault(501)
        assert (await found(router)).host == ""
        router.answers["/c GetExternalIPAddress"] = result("GetExternalIPAddress", address("192.168.0.2"))
        assert (await found(router)).host == "192.168.0.2"


@asynccontextmanager
async def a_firewall(on: str = "1", allowed: str = "1") -> AsyncIterator[Router]:
    async with a_router("::1") as router:
        router.answers["/d.xml"] = http(description((IP_2, "/c"), (FIREWALL, "/f")))
        status = (
            f"<FirewallEnabled>{on}</FirewallEnabled><InboundPinholeAllowed>{allowed}</InboundPinholeAllowed>"
        )
        router.answers["/f GetFirewallStatus"] = result("GetFirewallStatus", status)
        router.answers["/f AddPinhole"] = result("AddPinhole", "<UniqueID>7</UniqueID>")
        router.answers["/f UpdatePinhole"] = result("UpdatePinhole")
        router.answers["/f DeletePinhole"] = result("DeletePinhole")
        yield router


async def test_a_pinhole_is_opened_kept_opened_again_and_closed() -> None:
    async with a_firewall() as router:
        numbers = dict[int, str]()
        firewall = await find_igd(HERE_6, router.page, numbers)
        assert isinstance(firewall, Firewall)
        ours = Endpoint("::1", 40_001)
        assert await firewall.map(40_001, 40_001, 600) == ours
        assert await firewall.map(40_001, 40_001, 600) == ours
        router.answers["/f UpdatePinhole"] = fault(704)  # it has restarted, say
        assert await firewall.map(40_001, 40_001, 600) == ours
        firewall = await find_igd(HERE_6, router.page, numbers)  # it has said again that it is there
        assert isinstance(firewall, Firewall)
        assert await firewall.unmap(40_001, 40_001)
        assert await firewall.unmap(40_001, 40_001)
        found = ["/d.xml", "/f GetFirewallStatus"]
        calls = ["AddPinhole", "UpdatePinhole", "UpdatePinhole", "AddPinhole"]
        assert router.asked == [*found, *(f"/f {call}" for call in calls), *found, "/f DeletePinhole"]
        router.answers["/f AddPinhole"] = fault(606)
        assert await firewall.map(40_001, 40_001, 600) == Fault(606)


@pytest.mark.parametrize(("on", "allowed"), [("0", "1"), ("1", "0"), ("", "")])
async def test_a_firewall_that_is_off_or_takes_no_orders_is_not_asked(on: str, allowed: str) -> None:
    async with a_firewall(on, allowed) as router:
        assert await find_igd(HERE_6, router.page, {}) is None
        assert router.asked == ["/d.xml", "/f GetFirewallStatus"]


async def test_a_refusal_is_no_silence() -> None:
    async with a_router() as router:
        router.answers["/c AddPortMapping"] = fault(725)  # it grants permanent mappings only; we want none
        igd = await found(router)
        assert await igd.map(40_001, 40_001, 600) == Fault(725)
        router.answers["/c AddPortMapping"] = http("", "401 Unauthorized")
        assert await igd.map(40_001, 40_001, 600) == Fault(401)
        router.answers["/c AddPortMapping"] = b""
        assert await igd.map(40_001, 40_001, 600) is None


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-router\r\n",
        http("no XML"),
        http(description()),
        http(description((IP_1, "http://127.0.0.2/c"))),
        http('<!DOCTYPE r [<!ENTITY a "b">]>' + description((IP_1, "/c"))),
        http(description((IP_1, "/c")), "404 Not Found"),
        http(description((IP_1, "/c")))[:-5],
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
        lambda: http("<root>" + " " * MAX_DOCUMENT + "</root>"),
        lambda: b"HTTP/1.1 200 OK\r\n\r\n" + b"<root>" * MAX_DOCUMENT,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n<root>",
    ],
)  # fmt: skip
async def test_a_router_that_says_nonsense_has_no_igd(answer: bytes | Callable[[], bytes]) -> None:
    async with a_router() as router:
        router.answers["/d.xml"] = answer
        assert await find_igd(HERE, router.page, {}) is None


async def test_a_router_that_sends_us_elsewhere_is_not_obeyed() -> None:
    async with a_router() as router, a_router() as victim:
        there = f"Location: http://127.0.0.1:{victim.page.port}/d.xml\r\n"
        router.answers["/d.xml"] = http("", "302 Found", there)
        assert await find_igd(HERE, router.page, {}) is None
        router.answers["/d.xml"] = http(description((IP_1, "/c")))
        router.answers["/c AddPortMapping"] = http("", "307 Temporary Redirect", there)
        assert await (await found(router)).map(40_001, 40_001, 600) == Fault(307)
        assert victim.asked == []


async def test_a_router_that_never_ends_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net_igd, "EXCHANGE_TIME", 0.1)
    async with a_router() as router:
        router.answers["/d.xml"] = b"..."
        assert await find_igd(HERE, router.page, {}) is None
        router.answers["/d.xml"] = http(description((IP_1, "/c")))
        igd = await found(router)
        router.answers["/c DeletePortMapping"] = b"..."
        assert not await igd.unmap(40_001, 40_001)


async def test_where_nobody_listens_there_is_no_igd() -> None:
    async with a_router() as router:
        gone = router.page
    assert await find_igd(HERE, gone, {}) is None
