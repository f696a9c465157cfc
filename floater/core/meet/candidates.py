"""Decide which of the places a server names may be dialled (spec §5.3).

A server, or a peer through it, could send us anywhere: to our router's page,
to the database of the office. So a place is dialled only if a peer may well
be there, and what only a liar would name is counted.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from floater.wire.endpoint import (
    Address,
    Candidate,
    CandidateKind,
    Endpoint,
    Scope,
    parse_address,
    scope_of,
)
from floater.wire.limits import MAX_CANDIDATES

Subnet = ipaddress.IPv4Network | ipaddress.IPv6Network

LOWEST_PORT: Final = 1024
"Below are the ports of services, which no client is given to punch from."
DENIED_PORTS: Final = frozenset(
    (
        1433, 1521, 2049, 2375, 2376, 2379, 2380, 3000, 3128, 3306, 3389, 4369, 4444, 5000, 5432, 5601, 5672,
        5900, 5984, 5985, 5986, 6000, 6379, 6443, 7001, 7474, 8000, 8006, 8008, 8009, 8080, 8081, 8088, 8123,
        8161, 8443, 8500, 8834, 8888, 9000, 9042, 9090, 9092, 9100, 9200, 9300, 9418, 10000, 10250, 11211,
        15672, 27017, 27018,
    )
)  # fmt: skip
"Services that a home or an office is likely to run. Our own ports avoid them too."

_REACH: Final = {Scope.FORBIDDEN: 0, Scope.LOOPBACK: 1, Scope.PRIVATE: 2, Scope.PUBLIC: 3}
_ORDER: Final = {CandidateKind.PRIVATE: 0, CandidateKind.MAPPED: 1, CandidateKind.PUBLIC: 2}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where we are."""

    server: Scope
    "How far the address reaches under which we reach the server."
    port: int
    "Our punch port."
    addresses: frozenset[Address]
    "Our own."
    subnets: tuple[Subnet, ...]
    "Attached to our interfaces."
    gateways: frozenset[Address]
    "Our routers."
    public: frozenset[Endpoint] = frozenset()
    "What observers saw of us."


@dataclass(frozen=True, slots=True)
class Choice:
    """Candidates to dial, addresses unwrapped, the nearest first; and how many only a liar would name."""

    dial: tuple[Candidate, ...]
    lies: int


def is_port_allowed(port: int) -> bool:
    """Return whether a client may dial this port, or punch from it."""
    return LOWEST_PORT <= port <= 65_535 and port not in DENIED_PORTS


def choose_candidates(candidates: Sequence[Candidate], around: Surroundings) -> Choice:
    """Choose from what the server says of our peer.

    - A place is no peer's if its address is FORBIDDEN or a router of ours, or
      its port is a service's. Only a liar names it.
    - An address that reaches less far than the server's is taken only if it
      is PRIVATE and in a subnet of ours. One that is private and said to be
      so, but not ours, is no lie: the peer has more interfaces than one.
    - A candidate of a kind that this version does not know is left out, and is no lie.
    - Our own endpoints and repetitions are left out, as is everything beyond
      MAX_CANDIDATES.
    """
    chosen: dict[Endpoint, Candidate] = {}
    lies = max(0, len(candidates) - MAX_CANDIDATES)
    for candidate in candidates[:MAX_CANDIDATES]:
        if candidate.kind is CandidateKind.UNKNOWN:
            continue
        address = parse_address(candidate.host)
        scope = scope_of(candidate.host)
        if (
            address is None
            or scope is Scope.FORBIDDEN
            or not is_port_allowed(candidate.port)
            or address in around.gateways
        ):
            lies += 1
            continue
        if _REACH[scope] < _REACH[around.server] and not (
            scope is Scope.PRIVATE and is_attached(address, around.subnets)
        ):
            lies += candidate.kind is not CandidateKind.PRIVATE or scope is not Scope.PRIVATE
            continue
        endpoint = Endpoint(str(address), candidate.port)
        is_ours = candidate.port == around.port and (address in around.addresses or address.is_loopback)
        if is_ours or endpoint in around.public or endpoint in chosen:
            continue
        chosen[endpoint] = Candidate(candidate.kind, *endpoint, candidate.lane)
    return Choice(tuple(sorted(chosen.values(), key=_rank)), lies)


def is_attached(address: Address, subnets: Iterable[Subnet]) -> bool:
    """Say whether an address lies in a subnet of ours."""
    return any(address in subnet for subnet in subnets)


def _rank(candidate: Candidate) -> tuple[int, bool]:
    return _ORDER[candidate.kind], ":" not in candidate.host
