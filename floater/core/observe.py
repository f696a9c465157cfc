"""Conclude from what observers saw how our NAT maps a port (RFC 4787 §4.1; spec §5.1).

A value, not a machine: nothing here waits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from floater.wire.endpoint import Endpoint
from floater.wire.nat import Mapping


@dataclass(frozen=True, slots=True)
class Observation:
    """One observer's answer: from `local` we reached `observer`, and it saw `mapped`."""

    local: Endpoint
    observer: Endpoint
    mapped: Endpoint


def mapping_of(observations: Sequence[Observation]) -> Mapping:
    """Name the mapping of one address family, as far as these observations can tell.

    With one observer a NAT shows itself, but not its kind. Observers that
    share an address cannot tell ADDRESS_DEPENDENT from ENDPOINT_INDEPENDENT;
    the kinder one is said then, and an attempt is the proof.
    """
    if observations and all(seen.mapped == seen.local for seen in observations):
        return Mapping.OPEN
    if len({seen.observer for seen in observations}) < 2:
        return Mapping.UNKNOWN
    if len({seen.mapped for seen in observations}) == 1:
        return Mapping.ENDPOINT_INDEPENDENT
    by_address: dict[str, set[Endpoint]] = {}
    for seen in observations:
        by_address.setdefault(seen.observer.host, set()).add(seen.mapped)
    if all(len(mapped) == 1 for mapped in by_address.values()):
        return Mapping.ADDRESS_DEPENDENT
    return Mapping.PORT_DEPENDENT


def public_endpoints(observations: Sequence[Observation]) -> tuple[Endpoint, ...]:
    """List the endpoints that observers saw, once each, the one seen most often first."""
    seen = [observation.mapped for observation in observations]
    return tuple(sorted(dict.fromkeys(seen), key=lambda endpoint: -seen.count(endpoint)))


def is_hopeless(ours: Mapping, theirs: Mapping) -> bool:
    """Say whether plain punching between two NATs of these kinds is known to fail mostly.

    A NAT that takes another port for each destination cannot be dialled; from
    behind it only somebody can be reached who lets everybody in.
    """
    hard = (Mapping.ADDRESS_DEPENDENT, Mapping.PORT_DEPENDENT)
    return (ours in hard and theirs is not Mapping.OPEN) or (theirs in hard and ours is not Mapping.OPEN)
