"""Decide which candidates of one side the other may be told (spec §5.2).

A client's word is not enough to send another client to an address. A public
endpoint has to have been seen by one of our observers, for the client that
names it; a private one is told only to clients behind the same router.
"""

import ipaddress
from collections.abc import Collection, Iterable
from typing import Final

from floater.wire.endpoint import Candidate, CandidateKind, Endpoint, Scope, scope_of
from floater.wire.limits import MAX_PRIVATE_CANDIDATES

_MIN_PORT: Final = 1_024
"Ports below this belong to services; no peer listens there."


def verified(
    candidates: Iterable[Candidate], *, host: str, seen: Collection[Endpoint]
) -> tuple[Candidate, ...]:
    """Return the candidates that can be believed, each once.

    Args:
        candidates: as a client names them.
        host: the address that its control connection comes from.
        seen: the endpoints at which our observers saw it.
    """
    seen_hosts = {host, *(endpoint.host for endpoint in seen)}
    kept: dict[Candidate, None] = {}
    private = 0
    for candidate in candidates:
        scope = scope_of(candidate.host)
        if scope is Scope.FORBIDDEN or (scope is Scope.LOOPBACK and scope_of(host) is not Scope.LOOPBACK):
            continue
        match candidate.kind:
            case CandidateKind.PUBLIC:
                believed = candidate.endpoint in seen
            case CandidateKind.MAPPED:
                believed = candidate.host in seen_hosts and candidate.port >= _MIN_PORT
            case CandidateKind.UNKNOWN:
                believed = False
            case _:  # PRIVATE
                believed = (
                    scope is not Scope.PUBLIC
                    and candidate.port >= _MIN_PORT
                    and private < MAX_PRIVATE_CANDIDATES
                )
                private += believed
        if believed:
            kept[candidate] = None
    return tuple(kept)


def forwarded(
    candidates: Iterable[Candidate], *, host: str, to_host: str, forward_private: bool, local: bool = False
) -> tuple[Candidate, ...]:
    """Return the candidates that the peer may be told.

    Args:
        candidates: verified candidates of one side.
        host: the address that this side's control connection comes from.
        to_host: the same of the peer.
        forward_private: private addresses may be told to every peer.
        local: who comes from this computer sits at it. Otherwise it may be a tunnel
            or a balancer, whose clients have nothing in common.
    """
    on_this_computer = scope_of(host) is scope_of(to_host) is Scope.LOOPBACK
    together = is_same_network(host, to_host) and (local or not on_this_computer)
    on_this_computer = on_this_computer and local
    return tuple(
        candidate
        for candidate in candidates
        if (on_this_computer or scope_of(candidate.host) is not Scope.LOOPBACK)
        and (together or forward_private or candidate.kind is not CandidateKind.PRIVATE)
    )


def is_same_network(host: str, other: str) -> bool:
    """Return True if two addresses belong to one router: the same IPv4 address, or one IPv6 /64."""
    one, two = ipaddress.ip_address(host), ipaddress.ip_address(other)
    if one.version != two.version:
        return False
    return one == two or (one.version == 6 and int(one) >> 64 == int(two) >> 64)
