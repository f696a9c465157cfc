"""Tell which addresses belong together, for limits (spec §11).

A *network* is what one customer has: an IPv4 address, or an IPv6 /64. A *site* is what one
customer can have for the asking: an IPv4 /24, or an IPv6 /48, which holds 65,536 networks.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

Network: TypeAlias = IPv4Network | IPv6Network

SITE_SHARE: Final = 4
"How many times the share of one network a whole site may have."


def network_of(host: str) -> bytes:
    """Return the key of an address's network: 4 bytes for IPv4, 8 for IPv6, `b"?"` if it is no address."""
    address = parse_address(host)
    if address is None:
        return b"?"
    return address.packed if address.version == 4 else address.packed[:8]


def site_of(host: str) -> bytes:
    """Return the key of an address's site: 3 bytes for IPv4, 6 for IPv6, `b"?"` if it is no address."""
    address = parse_address(host)
    if address is None:
        return b"?"
    return address.packed[:3] if address.version == 4 else address.packed[:6]


def is_loopback(host: str) -> bool:
    """Return True if an address is one of this computer, however it is written."""
    address = parse_address(host)
    return address is not None and address.is_loopback


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read networks as `ADDRESS` or `ADDRESS/BITS`.

    Raises:
        ValueError: one of them is neither.
    """
    return tuple(ip_network(text, strict=False) for text in texts)


def is_within(host: str, networks: Iterable[Network]) -> bool:
    """Return True if an address lies in one of the networks, however it is written."""
    address = parse_address(host)
    return address is not None and any(address in network for network in networks)


def parse_address(host: str) -> IPv4Address | IPv6Address | None:
    """Read a numeric address; one that a dual-stack socket maps into IPv6 becomes the IPv4 address."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
