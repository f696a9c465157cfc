"""What this computer knows of its own place: addresses, attached subnets, routers."""

import ipaddress
import socket
import struct
from pathlib import Path
from typing import Final

import ifaddr

from floater.core.meet.candidates import Subnet
from floater.net.sockets import address_of, family_of
from floater.wire.endpoint import Address

_FAR_AWAY: Final = "192.0.2.1"
_FAR_AWAY_6: Final = "2001:db8::1"
"Addresses of no computer (RFC 5737, RFC 3849): their route is the default route. Nothing is sent there."


def own_subnets() -> dict[Address, Subnet]:
    """List our addresses, each with the subnet it is in, but no link-local ones, which need a zone."""
    found: dict[Address, Subnet] = {}
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            host = ip.ip if isinstance(ip.ip, str) else ip.ip[0]
            address = address_of(host)
            if address is not None and not address.is_link_local:
                found[address] = ipaddress.ip_network(f"{address}/{ip.network_prefix}", strict=False)
    return found


def used_interfaces() -> frozenset[int]:
    """Tell the numbers of the interfaces that hold the addresses of `own_subnets`, without the loopback."""
    found = set()
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            address = address_of(ip.ip if isinstance(ip.ip, str) else ip.ip[0])
            if adapter.index is not None and address is not None:
                if not (address.is_link_local or address.is_loopback):
                    found.add(adapter.index)
    return frozenset(found)


def gateways() -> frozenset[Address]:
    """List our routers.

    Linux tells (proc(5)); elsewhere the first address of each attached
    subnet, where routers mostly are, is taken for one.
    """
    if Path("/proc/net/route").exists():
        return frozenset(
            (*gateways_v4(_table("/proc/net/route")), *gateways_v6(_table("/proc/net/ipv6_route")))
        )
    return frozenset(
        subnet[1] for subnet in own_subnets().values() if subnet.num_addresses > 2 and not subnet.is_loopback
    )


def way_out() -> tuple[Address, Address] | None:
    """Return the IPv4 default router and our address that faces it; None without a router."""
    own = source_address(_FAR_AWAY)
    subnet = None if own is None else own_subnets().get(own)
    if own is None or subnet is None:
        return None
    router = min((address for address in gateways() if address in subnet), key=int, default=None)
    return None if router is None else (router, own)


def way_out_6() -> tuple[str, Address] | None:
    """Return the IPv6 default router and our address that faces it; None without a router.

    The router is text; a link-local one has its zone behind it, as in `fe80::1%eth0`.

    Other systems than Linux are guessed as `gateways` does, which finds no link-local one.
    """
    own = source_address(_FAR_AWAY_6)
    if own is None:
        return None
    if Path("/proc/net/ipv6_route").exists():
        router = default_router_6(_table("/proc/net/ipv6_route"))
    else:
        subnet = own_subnets().get(own)
        near = [] if subnet is None else [address for address in gateways() if address in subnet]
        router = str(min(near, key=int)) if near else None
    return None if router is None else (router, own)


def source_address(towards: str) -> Address | None:
    """Tell which of our addresses faces a numeric address; None if there is no way there. Sends nothing."""
    with socket.socket(family_of(towards), socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((towards, 9))
        except OSError:
            return None
        return address_of(sock.getsockname()[0])


def gateways_v4(rows: list[list[str]]) -> list[Address]:
    """Read `/proc/net/route`, whose rows begin with interface, destination and gateway.

    Addresses are hexadecimal numbers in this machine's byte order.
    """
    return [
        ipaddress.IPv4Address(struct.pack("=I", int(row[2], 16)))
        for row in rows[1:]
        if len(row) > 2 and int(row[2], 16)
    ]


def gateways_v6(rows: list[list[str]]) -> list[Address]:
    """Read `/proc/net/ipv6_route`: destination, its length, source, its length, next hop, and more."""
    return [ipaddress.IPv6Address(bytes.fromhex(row[4])) for row in rows if len(row) > 4 and int(row[4], 16)]


def default_router_6(rows: list[list[str]]) -> str | None:
    """Read the best router for all addresses: the one whose metric, in the sixth column, is the lowest."""
    found = [
        (int(row[5], 16), ipaddress.IPv6Address(bytes.fromhex(row[4])), row[9])
        for row in rows
        if len(row) > 9 and int(row[1], 16) == 0 and int(row[4], 16)
    ]
    if not found:
        return None
    _, router, interface = min(found)
    return f"{router}%{interface}" if router.is_link_local else str(router)


def _table(path: str) -> list[list[str]]:
    try:
        return [line.split() for line in Path(path).read_text(encoding="ascii").splitlines()]
    except OSError:
        return []
