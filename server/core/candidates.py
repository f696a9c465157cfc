"""Decide which places of one person another may be sent to (spec §5.2).

Nobody is sent to an address only because a stranger named it. A public
endpoint has to have been seen by an observer of ours, from the very person
who names it; a private one goes to nobody but those behind the same router.
"""

import ipaddress
from collections.abc import Collection, Iterable
from typing import Final

from floater.wire.endpoint import Candidate, CandidateKind, Endpoint, Scope, scope_of
from floater.wire.limits import MAX_PRIVATE_CANDIDATES

_MIN_PORT: Final = 1_024
"Ports below belong to services; no peer listens there."


def verified(
    candidates: Iterable[Candidate], *, host: str, seen: Collection[Endpoint]
) -> tuple[Candidate, ...]:
    """Leave out what its owner cannot be believed, and what is said twice.

    Args:
        candidates: what somebody says of themselves.
        host: the address from which their control connection comes.
        seen: the endpoints at which our observers saw them.
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
            case CandidateKind.PRIVATE:
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
    candidates: Iterable[Candidate], *, host: str, to_host: str, forward_private: bool
) -> tuple[Candidate, ...]:
    """Leave out what the peer must not be told.

    Args:
        candidates: verified candidates of the one.
        host: the address from which that one's control connection comes.
        to_host: the other's.
        forward_private: the operator's word that private addresses are good between all.
    """
    together = is_same_network(host, to_host)
    on_this_computer = scope_of(host) is scope_of(to_host) is Scope.LOOPBACK
    return tuple(
        candidate
        for candidate in candidates
        if (on_this_computer or scope_of(candidate.host) is not Scope.LOOPBACK)
        and (together or forward_private or candidate.kind is not CandidateKind.PRIVATE)
    )


def is_same_network(host: str, other: str) -> bool:
    """Whether two addresses are one router's: equal for IPv4, of one /64 for IPv6."""
    one, two = ipaddress.ip_address(host), ipaddress.ip_address(other)
    if one.version != two.version:
        return False
    return one == two or (one.version == 6 and int(one) >> 64 == int(two) >> 64)
