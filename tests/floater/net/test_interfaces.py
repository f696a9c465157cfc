import ipaddress
import struct
from collections.abc import Callable
from pathlib import Path

import ifaddr
import pytest

from floater.net import interfaces
from floater.net.interfaces import (
    default_router_6,
    gateways,
    gateways_v4,
    gateways_v6,
    own_subnets,
    source_address,
    used_interfaces,
    way_out,
    way_out_6,
)


def test_our_own_subnets_have_this_computer_in_them() -> None:
    subnets = own_subnets()
    assert subnets[ipaddress.ip_address("127.0.0.1")] == ipaddress.ip_network("127.0.0.0/8")
    assert all(address in subnet for address, subnet in subnets.items())
    assert not any(address.is_link_local for address in subnets)


def test_routers_are_none_of_ours() -> None:
    assert not gateways() & set(own_subnets())


def test_routers_are_read_from_what_the_kernel_tells() -> None:
    here = struct.pack("=I", struct.unpack("!I", ipaddress.ip_address("192.168.1.1").packed)[0])
    number = f"{struct.unpack('!I', here)[0]:08X}"
    rows = [
        ["Iface", "Destination", "Gateway", "Flags"],
        ["eth0", "00000000", number, "0003"],
        ["eth0", "0001A8C0", "00000000", "0001"],
        [],
    ]
    assert gateways_v4(rows) == [ipaddress.ip_address("192.168.1.1")]
    rows = [
        ["0" * 32, "00", "0" * 32, "00", "fe800000000000000000000000000001", "0400"],
        ["2" + "0" * 31, "40", "0" * 32, "00", "0" * 32, "0100"],
    ]
    assert gateways_v6(rows) == [ipaddress.ip_address("fe80::1")]


def test_the_best_default_router_of_ipv6_is_named_with_its_zone_if_it_needs_one() -> None:
    def row(target: str, length: str, router: str, metric: int, interface: str) -> list[str]:
        packed = [ipaddress.ip_address(host).packed.hex() for host in (target, router)]
        end = [f"{metric:08x}", "00000001", "00000000", "00000003", interface]
        return [packed[0], length, "0" * 32, "00", packed[1], *end]

    rows = [
        row("::", "00", "fe80::2", 1_024, "wlan0"),
        row("::", "00", "fe80::1", 100, "eth0"),
        row("2001:db8::", "20", "fe80::3", 1, "eth0"),
        row("::", "00", "::", 2**32 - 1, "lo"),
    ]
    assert default_router_6(rows) == "fe80::1%eth0"
    assert default_router_6([row("::", "00", "2001:db8::1", 1, "eth0")]) == "2001:db8::1"
    assert default_router_6(rows[2:]) is None


def test_the_way_out_leads_from_an_address_of_ours_to_a_router_beside_it() -> None:
    found = way_out()
    if (facing := source_address("192.0.2.1")) is None:
        assert found is None
        return
    beside = [router for router in gateways() if router in own_subnets()[facing]]
    assert found == ((min(beside, key=int), facing) if beside else None)


def test_the_address_that_faces_somewhere_is_told() -> None:
    assert source_address("127.0.0.1") == ipaddress.ip_address("127.0.0.1")
    assert source_address("::1") == ipaddress.ip_address("::1")
    assert source_address("255.255.255.255") is None


# -- a network that is made up ------------------------------------------------------------


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """Two adapters behind a router each. The kernel's tables are absent until a test fills them in."""
    four = [ifaddr.IP("192.168.1.10", 24, "eth0"), ifaddr.IP("169.254.3.4", 16, "eth0")]
    six = [ifaddr.IP(("2001:db8::7", 0, 0), 64, "eth0"), ifaddr.IP(("fe80::7", 0, 2), 64, "eth0")]
    adapters = [
        ifaddr.Adapter("lo", "lo", [ifaddr.IP("127.0.0.1", 8, "lo")], index=1),
        ifaddr.Adapter("eth0", "eth0", [*four, *six], index=2),
        ifaddr.Adapter("virtual", "virtual", [ifaddr.IP("169.254.9.9", 16, "virtual")], index=3),
    ]
    tables: dict[str, list[list[str]]] = {}
    facing = {"192.0.2.1": "192.168.1.10", "2001:db8::1": "2001:db8::7"}
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: adapters)
    monkeypatch.setattr(interfaces, "source_address", lambda to: ipaddress.ip_address(facing[to]))
    monkeypatch.setattr(interfaces, "_table", lambda path: tables.get(path, []))
    monkeypatch.setattr(Path, "exists", lambda path: str(path) in tables)
    return tables


def test_only_adapters_with_an_address_of_use_are_counted(at_home: dict[str, list[list[str]]]) -> None:
    assert used_interfaces() == {2}


def test_without_tables_of_the_kernel_the_first_of_a_subnet_is_taken_for_its_router(
    at_home: dict[str, list[list[str]]],
) -> None:
    first = ipaddress.ip_address("192.168.1.1")
    assert gateways() == {first, ipaddress.ip_address("2001:db8::1")}
    assert way_out() == (first, ipaddress.ip_address("192.168.1.10"))
    assert way_out_6() == ("2001:db8::1", ipaddress.ip_address("2001:db8::7"))


def test_with_tables_of_the_kernel_the_router_is_the_one_it_uses(
    at_home: dict[str, list[list[str]]],
) -> None:
    at_home["/proc/net/route"] = []
    at_home["/proc/net/ipv6_route"] = []
    assert (way_out(), way_out_6()) == (None, None)
    router = ipaddress.ip_address("fe80::1").packed.hex()
    end = ["00000064", "00000001", "00000000", "00000003", "eth0"]
    at_home["/proc/net/ipv6_route"] = [["0" * 32, "00", "0" * 32, "00", router, *end]]
    assert way_out_6() == ("fe80::1%eth0", ipaddress.ip_address("2001:db8::7"))


@pytest.mark.parametrize("way", [way_out, way_out_6])
def test_without_a_way_there_is_no_router(
    at_home: dict[str, list[list[str]]], monkeypatch: pytest.MonkeyPatch, way: Callable[[], object]
) -> None:
    monkeypatch.setattr(interfaces, "source_address", lambda to: None)
    assert way() is None


def test_an_address_in_no_subnet_of_ours_faces_no_router(
    at_home: dict[str, list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = {"192.0.2.1": "10.9.9.9", "2001:db8::1": "2001:db8:9::9"}
    monkeypatch.setattr(interfaces, "source_address", lambda to: ipaddress.ip_address(elsewhere[to]))
    assert (way_out(), way_out_6()) == (None, None)


def test_a_table_that_cannot_be_read_is_empty() -> None:
    assert interfaces._table("/proc/net/no_such_table") == []
