"""Which observers to ask about our NAT, and what to conclude from the answers (RFC 4787 §4, §5; spec §5.1).

Values, not machines: nothing here waits.
"""

import itertools
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Values
from dataclasses import dataclass
from enum import Enum
from typing import Final

from floater.core.meet.allocation import allocation_of
from floater.wire.endpoint import Endpoint, Scope, parse_address, scope_of
from floater.wire.limits import MAX_NAT_PORTS
from floater.wire.nat import Filtering, Mapping, Nat, Stray
from floater.wire.stun import Probe

MAX_QUESTIONS: Final = MAX_NAT_PORTS
"Connections by which our NAT is got to know, all at once."
_REACH: Final = (Scope.FORBIDDEN, Scope.LOOPBACK, Scope.PRIVATE, Scope.PUBLIC)


class Asker(Enum):
    """From which of our ports a question is asked."""

    PUNCH_PORT = "punch port"  # for the mapping, and for what peers will be told
    SECOND = "second punch port"  # the one of lane 1; a NAT that maps the first well maps this one alike
    PROBED = "probed"  # a fresh port that the observer is asked to probe, to learn how the NAT filters
    FRESH = "fresh"  # one more, for the allocation


@dataclass(frozen=True, slots=True)
class Question:
    """One connection to an observer."""

    asker: Asker
    observer: Endpoint


@dataclass(frozen=True, slots=True)
class Observation:
    """One observer's answer: from `local` we reached `observer`, and it saw `mapped`."""

    local: Endpoint
    observer: Endpoint
    mapped: Endpoint


def read_observer(text: str) -> tuple[str, int] | None:
    """Read `host:port` or `:port` of `welcome`; None if it is neither.

    Returns:
        The host, which is empty if it is the server's, and the port.
    """
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65_535):
        return None
    return host.removeprefix("[").removesuffix("]"), int(port)


def observers_to_ask(places: Iterable[tuple[str, int]], server: Scope) -> tuple[Endpoint, ...]:
    """Choose the observers to ask, once each: none that is nearer to us than the server itself.

    Otherwise a server elsewhere could make us connect to this computer, or to our own network.

    Args:
        places: addresses as the system resolved them, and ports.
        server: how far the server's own address reaches.
    """
    least = max(1, _REACH.index(server))
    found = []
    for host, port in places:
        address = parse_address(host)
        if address is not None and _REACH.index(scope_of(host)) >= least:
            found.append(Endpoint(str(address), port))
    return tuple(dict.fromkeys(found))


def questions_for(observers: Sequence[Endpoint]) -> list[Question]:
    """Say who is to be asked from where, in the order in which to dial: at most MAX_QUESTIONS.

    The last of `observers` is the server's own port, the likeliest that a
    strict firewall lets us reach, so it comes first. Most of the others are
    asked from the punch port too; what is left goes to fresh ports, because
    six flows tell what three do not. Where there are both address families
    IPv4 is got to know, and IPv6 asked about once: no port is changed there,
    and firewalls are crossed on lane 0 whatever they answer. Another flow would
    take one of the five from which ports are told, and gain nothing
    (tests.natlab.test_firewall6).
    """
    ordered = [*observers[-1:], *observers[:-1]]
    first = [observer for observer in ordered if ":" not in observer.host]
    beside = [observer for observer in ordered if ":" in observer.host]
    if not first:
        first, beside = beside, []
    room = MAX_QUESTIONS - len(beside[:1])
    asked = [Question(Asker.SECOND, observer) for observer in first[:1]]
    asked += [Question(Asker.PUNCH_PORT, observer) for observer in first[: room - 2]]
    again = itertools.cycle(first)
    fresh = [next(again) for _ in range(room - len(asked))] if first else []
    asked += [Question(Asker.FRESH if at else Asker.PROBED, place) for at, place in enumerate(fresh)]
    return asked + [Question(Asker.PUNCH_PORT, observer) for observer in beside[:1]]


def nat_of(port: int, observations: Sequence[Observation], fates: Values[Probe, Stray]) -> Nat:
    """Name all that is known of a NAT; of IPv4 if there is any.

    Args:
        port: the punch port.
        observations: from it and from fresh ports, in the order of dialling.
        fates: of the strangers' SYNs that were sent to one of the fresh ports.
    """
    seen = [one for one in observations if ":" not in one.local.host] or observations
    mapping = mapping_of([one for one in seen if one.local.port == port])
    return Nat(
        mapping,
        filtering_of(fates),
        allocation_of(mapping, [(one.local.port, one.mapped.port) for one in seen]),
        stray_of(fates),
        tuple(one.mapped.port for one in seen)[-MAX_NAT_PORTS:],
    )


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


def filtering_of(fates: Values[Probe, Stray]) -> Filtering:
    """Return the filtering that the fates of the probes show.

    If the server has one address only, a NAT that lets in any port of it may
    let in every sender; the stricter word is used then. SYNs that come in only
    while none of ours has gone the same way cannot be told from others: NATs
    that let no SYN in at all look PORT_DEPENDENT too.
    """
    if fates.get(Probe.OTHER_ADDRESS) is Stray.ACCEPTED:
        return Filtering.ENDPOINT_INDEPENDENT
    if fates.get(Probe.OTHER_PORT) is Stray.ACCEPTED:
        return Filtering.ADDRESS_DEPENDENT
    return Filtering.PORT_DEPENDENT if Probe.OTHER_PORT in fates else Filtering.UNKNOWN


def stray_of(fates: Values[Probe, Stray]) -> Stray:
    """Name what a stranger's SYN gets."""
    if Probe.OTHER_ADDRESS in fates:
        return fates[Probe.OTHER_ADDRESS]
    fate = fates.get(Probe.OTHER_PORT, Stray.UNKNOWN)
    return Stray.UNKNOWN if fate is Stray.ACCEPTED else fate
