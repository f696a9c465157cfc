"""Addresses as they travel: an endpoint, a candidate, and how far an address reaches."""

import ipaddress
from enum import StrEnum
from typing import Annotated, Final, NamedTuple

import msgspec

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_PRIVATE: Final = tuple(
    ipaddress.ip_network(net)
    for net in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",  # RFC 1918
        "100.64.0.0/10",  # RFC 6598: between a home and its carrier's NAT
        "fc00::/7",  # RFC 4193
    )
)  # fmt: skip
_FORBIDDEN: Final = tuple(
    ipaddress.ip_network(net)
    for net in (
        "0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.88.99.0/24", "224.0.0.0/3",  # RFC 6890
    )
)  # fmt: skip
_GLOBAL_V6: Final = ipaddress.ip_network("2000::/3")  # RFC 4291 §2.4; what lies outside is not for us
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052


class Endpoint(NamedTuple):
    """A numeric address and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        """`1.2.3.4:5` or `[::1]:5`."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Scope(StrEnum):
    """How far an address reaches. Later members reach further."""

    FORBIDDEN = "forbidden"  # no peer may ever be told to dial it
    LOOPBACK = "loopback"  # this computer
    PRIVATE = "private"  # a home, a campus, a carrier: RFC 1918, RFC 4193, RFC 6598
    PUBLIC = "public"  # the Internet


class CandidateKind(StrEnum):
    """Where a candidate was learnt."""

    PUBLIC = "public"  # an observer saw it
    PRIVATE = "private"  # an interface of the peer's own
    MAPPED = "mapped"  # a port mapping the peer's router granted
    UNKNOWN = "unknown"  # in a way of a later version; such a candidate is neither forwarded nor dialled

    @classmethod
    def _missing_(cls, value: object) -> "CandidateKind":
        return cls.UNKNOWN


class Candidate(msgspec.Struct, frozen=True, order=True, omit_defaults=True):
    """A place where a peer may be (spec §5.2), dialled from our punch port of the same `lane` (§6.2)."""

    kind: CandidateKind
    host: Annotated[str, msgspec.Meta(min_length=2, max_length=45)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    lane: Annotated[int, msgspec.Meta(ge=0, le=1)] = 0

    @property
    def endpoint(self) -> Endpoint:
        """The place without how it was learnt."""
        return Endpoint(self.host, self.port)


def parse_address(text: str) -> Address | None:
    """Read a numeric address; None: not an address.

    An IPv4 address inside an IPv6 one (mapped, 6to4, NAT64) is unwrapped
    first, so that no spelling of an address escapes the rules for it.
    Scoped addresses (`fe80::1%eth0`) are refused.
    """
    if "%" in text:
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def scope_of(host: str) -> Scope:
    """Say how far an address reaches. Anything that is no unicast address of a host is FORBIDDEN.

    Documentation ranges (RFC 5737, RFC 3849) count as PUBLIC: no
    host has them, so dialling them harms none, and a laboratory can use them as the Internet.
    """
    address = parse_address(host)
    if address is None or any(address in net for net in _FORBIDDEN):
        return Scope.FORBIDDEN
    if address.is_loopback:
        return Scope.LOOPBACK
    if any(address in net for net in _PRIVATE):
        return Scope.PRIVATE
    return Scope.PUBLIC if address.version == 4 or address in _GLOBAL_V6 else Scope.FORBIDDEN
