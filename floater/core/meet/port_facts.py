"""What is known of a punch port at one moment, and what peers are told of it (spec §5.2).

`PortFacts` is the value that `floater.core.meet.port` comes to, and all that
`floater.core.meet.meeting` ever sees of a port.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from floater.core.meet.candidates import Subnet, Surroundings
from floater.core.meet.observe import Observation, nat_of, public_endpoints
from floater.core.meet.port_mapping import NOT_ASKED, MappingState
from floater.wire.endpoint import Address, Candidate, CandidateKind, Endpoint, Scope, scope_of
from floater.wire.limits import MAX_CANDIDATES, MAX_PRIVATE_CANDIDATES
from floater.wire.nat import UNKNOWN_NAT, Nat, Stray
from floater.wire.stun import Probe


@dataclass(frozen=True, slots=True)
class Told:
    """What the peer was told of a port. Two who plan together have to go by the same words."""

    nat: Nat = UNKNOWN_NAT
    mapped: tuple[Endpoint, ...] = ()
    "Where our router let others in at that time."


@dataclass(frozen=True, slots=True)
class Network:
    """What this computer knows of its own place."""

    subnets: Mapping[Address, Subnet] = field(default_factory=dict)
    "Our addresses, each with the subnet it is in."
    gateways: frozenset[Address] = frozenset()
    "Our routers."


@dataclass(frozen=True, slots=True, kw_only=True)
class PortFacts:
    """Everything that is known of a punch port at one moment."""

    ports: tuple[int, int]
    "By lane (spec §6.2)."
    server: Scope = Scope.PUBLIC
    "How far the address reaches under which we reach the server."
    private: tuple[Endpoint, ...] = ()
    "Our own addresses that a peer may be told of, the one that faces the server first."
    network: Network = Network()
    seen: tuple[Observation, ...] = ()
    "What observers saw, of this port and of fresh ones, in the order of dialling."
    fates: Mapping[Probe, Stray] = field(default_factory=dict)
    "What became of the strangers' SYNs that observers sent to a fresh port."
    router: MappingState = NOT_ASKED
    "What our router says about a mapping, by IPv4."
    firewall: MappingState = NOT_ASKED
    "What it says about a pinhole, by IPv6."
    asked: int = 0
    "How many observers were asked about the port of lane 0."
    told: Told = Told()
    "What was told of it so far."

    @property
    def port(self) -> int:
        """The port of lane 0."""
        return self.ports[0]

    @property
    def observations(self) -> tuple[Observation, ...]:
        """What observers saw of the port of lane 0."""
        return tuple(seen for seen in self.seen if seen.local.port == self.port)

    @property
    def public(self) -> tuple[Endpoint, ...]:
        """Where observers saw the port of lane 0, IPv4 first, once each."""
        return tuple(sorted(public_endpoints(self.observations), key=lambda place: ":" in place.host))

    @property
    def second(self) -> tuple[Endpoint, ...]:
        """Where observers saw the port of lane 1."""
        return tuple(seen.mapped for seen in self.seen if seen.local.port == self.ports[1])

    @property
    def mapped(self) -> tuple[Endpoint, ...]:
        """Where our router lets others in to the port of lane 0, IPv4 first."""
        asked = (self.router.endpoint, self.firewall.endpoint)
        return tuple(endpoint for endpoint in asked if endpoint is not None)

    @property
    def nat(self) -> Nat:
        """What is known of our NAT; of IPv4 if there is any."""
        return nat_of(self.port, self.seen, self.fates)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The places to tell: what the router opened, what observers saw, our own; at most MAX_CANDIDATES."""
        private = [place for place in self.private if place not in self.public][:MAX_PRIVATE_CANDIDATES]
        taken = len(self.mapped) + len(self.second) + len(private)
        public = [place for place in self.public if place not in self.mapped][: MAX_CANDIDATES - taken]
        return (
            *(Candidate(CandidateKind.MAPPED, *place) for place in self.mapped),
            *(Candidate(CandidateKind.PUBLIC, *place) for place in public),
            *(Candidate(CandidateKind.PUBLIC, *place, lane=1) for place in self.second),
            *(Candidate(CandidateKind.PRIVATE, *place) for place in private),
        )

    @property
    def surroundings(self) -> Surroundings:
        """Where we are, for `choose_candidates`."""
        return Surroundings(
            server=self.server,
            port=self.port,
            addresses=frozenset(self.network.subnets),
            subnets=tuple(self.network.subnets.values()),
            gateways=self.network.gateways,
            public=frozenset((*self.mapped, *self.public, *self.second)),
        )

    def introduced(self) -> "PortFacts":
        """The same once a peer has been told what is known now."""
        return replace(self, told=Told(self.nat, self.mapped))

    @property
    def has_news(self) -> bool:
        """Whether the router has opened an endpoint that the peer has not been told of."""
        return not set(self.mapped) <= set(self.told.mapped)


def private_places(
    port: int, addresses: Iterable[Address], *, facing: Address | None, server: Scope
) -> tuple[Endpoint, ...]:
    """List our own places that a peer may be told of, the one that faces the server first.

    Args:
        port: of lane 0.
        addresses: ours.
        facing: the one of them from which the server is reached, if known.
        server: how far the server's address reaches. Loopback is told only to a server on this computer.
    """
    told = [
        address
        for address in addresses
        if scope_of(str(address)) is Scope.PRIVATE
        or (address.is_loopback and address.version == 4 and server is Scope.LOOPBACK)
    ]
    told.sort(key=lambda address: (address != facing, address.version))
    return tuple(Endpoint(str(address), port) for address in told)
