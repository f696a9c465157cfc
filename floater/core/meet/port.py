"""Decide about a punch port: whom to ask about it, when enough is known, what peers are told (spec §5.1).

::

    Ask ──▶ Open, Open, … ──▶ Connected, Answered, … ──▶ Hold a stream for each lane and family, Close others
                                        └─▶ Known: the port may be told of; late answers add to `facts`

`Port` is the machine of one port; `PortFacts` is the value that it comes to,
and all that `floater.core.meet.meeting` ever sees of a port.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from floater.core.meet.candidates import Subnet, Surroundings
from floater.core.meet.observe import Asker, Observation, Question, nat_of, public_endpoints, questions_for
from floater.core.meet.port_mapping import NOT_ASKED, MappingState
from floater.errors import LocalProtocolError
from floater.machine import Tick
from floater.wire.endpoint import Address, Candidate, CandidateKind, Endpoint, Scope, scope_of
from floater.wire.limits import MAX_CANDIDATES, MAX_PRIVATE_CANDIDATES
from floater.wire.nat import UNKNOWN_NAT, Nat, Stray
from floater.wire.stun import Probe

AT_LEAST: Final = 0.1
"Seconds that observers have to be reached in, however soon others answer."


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


# -- events -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ask:
    """Find out what the port looks like from outside."""

    observers: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class Connected:
    """The stream of a question stands; its answer is to come."""

    question: int


@dataclass(frozen=True, slots=True)
class Answered:
    """The observer of a question has answered, the first time or again. None: it has not, and will not."""

    question: int
    seen: Observation | None


@dataclass(frozen=True, slots=True)
class Probed:
    """What became of the strangers' SYNs, as far as it is known."""

    fates: Mapping[Probe, Stray]


@dataclass(frozen=True, slots=True)
class Routed:
    """What our router says, by IPv4 and by IPv6."""

    router: MappingState
    firewall: MappingState


@dataclass(frozen=True, slots=True)
class Placed:
    """This computer has these addresses and routers now."""

    network: Network


@dataclass(frozen=True, slots=True)
class Introduced:
    """The peer is being told what is known now."""


# -- effects ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Open:
    """Ask an observer. Feed `Connected`, then `Answered`. The streams are dialled in the order of these."""

    question: int
    asker: Asker
    observer: Endpoint


@dataclass(frozen=True, slots=True)
class WantPinhole:
    """Ask our router to let others in by IPv6: an observer may see us there, so peers hear of it."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep a stream open and ask again now and then, so that the NAT keeps the mapping."""

    question: int


@dataclass(frozen=True, slots=True)
class Follow:
    """Wait for what becomes of the strangers' SYNs, and feed `Probed`."""

    question: int


@dataclass(frozen=True, slots=True)
class Close:
    """Hang up."""

    question: int


@dataclass(frozen=True, slots=True)
class Known:
    """Enough is known to tell others of the port."""


@dataclass(frozen=True, slots=True)
class Stale:
    """What the outside sees may have changed: another port should be prepared. Comes once."""


Event: TypeAlias = Ask | Connected | Answered | Probed | Routed | Placed | Introduced | Tick
Effect: TypeAlias = Open | WantPinhole | Hold | Follow | Close | Known | Stale


class Port:
    """One punch port, from the moment it is bound.

    Args:
        facts: what is known at once.
        by_ipv6: whether it is bound in IPv6, too.
        listens: whether a program may listen on a fresh port without the person being asked about it.
    """

    def __init__(self, facts: PortFacts, *, by_ipv6: bool, listens: bool) -> None:
        self.facts = facts
        self.is_stale = False
        self._by_ipv6 = by_ipv6
        self._listens = listens
        self._questions: list[Question] = []
        self._seen: dict[int, Observation] = {}
        self._asking: set[int] = set()
        self._connected: set[int] = set()
        self._held: set[tuple[Asker, bool]] = set()
        "Who holds a stream, and whether by IPv6."
        self._soonest: float | None = None
        "When enough may be known; None before the question, and after `Known`."
        self._is_due = False

    @property
    def deadline(self) -> float | None:
        """Monotonic seconds at which to feed `Tick`; None for never."""
        return None if self._is_due else self._soonest

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance by one event and say what is to be done.

        Raises:
            LocalProtocolError: `Ask` twice.
        """
        match event:
            case Ask(observers):
                return self._ask(observers, now)
            case Connected(question):
                self._connected.add(question)
                return []
            case Answered(question, seen) if question in self._asking:
                return [*self._settle(question, seen), *self._look()]
            case Answered(question, seen):
                return self._compare(question, seen)
            case Probed(fates):
                self.facts = replace(self.facts, fates=dict(fates))
                return []
            case Routed(router, firewall):
                self.facts = replace(self.facts, router=router, firewall=firewall)
                return []
            case Placed(network):
                self.facts = replace(self.facts, network=network)
                return []
            case Introduced():
                self.facts = self.facts.introduced()
                return []
            case _:  # a Tick
                self._is_due = self._soonest is not None and now >= self._soonest
                return self._look()

    def _ask(self, observers: Sequence[Endpoint], now: float) -> list[Effect]:
        if self._questions:
            raise LocalProtocolError("asked twice")
        self._questions = [
            question
            if self._listens or question.asker is not Asker.PROBED
            else Question(Asker.FRESH, question.observer)
            for question in questions_for(observers)
            if self._by_ipv6 or not _is_ipv6(question.observer)
        ]
        self._soonest = now + AT_LEAST
        self._asking = set(range(len(self._questions)))
        asked = sum(question.asker is Asker.PUNCH_PORT for question in self._questions)
        self.facts = replace(self.facts, asked=asked)
        effects: list[Effect] = [
            Open(number, question.asker, question.observer) for number, question in enumerate(self._questions)
        ]
        if any(_is_ipv6(question.observer) for question in self._questions):
            effects.append(WantPinhole())
        return [*effects, *self._look()]

    def _look(self) -> list[Effect]:
        """Say once when some have answered, and all that were reached by then."""
        if self._soonest is None:
            return []
        is_known = self._is_due and self._seen and not self._asking & self._connected
        if self._asking and not is_known:
            return []
        self._soonest = None
        return [Known()]

    def _settle(self, number: int, seen: Observation | None) -> list[Effect]:
        self._asking.discard(number)
        if seen is None:
            return [Close(number)]
        self._note(number, seen)
        question = self._questions[number]
        if question.asker is Asker.PROBED:
            return [Follow(number)]
        held = (question.asker, _is_ipv6(question.observer))
        if question.asker is Asker.FRESH or held in self._held:
            return [Close(number)]
        self._held.add(held)
        return [Hold(number)]

    def _compare(self, number: int, seen: Observation | None) -> list[Effect]:
        """Take the answer to a question that was asked again."""
        before = self._seen.get(number)
        if seen is not None:
            self._note(number, seen)
        if self.is_stale or seen == before:
            return []
        self.is_stale = True
        return [Stale()]

    def _note(self, number: int, seen: Observation) -> None:
        self._seen[number] = seen
        self.facts = replace(self.facts, seen=tuple(self._seen[one] for one in sorted(self._seen)))


def _is_ipv6(place: Endpoint) -> bool:
    return ":" in place.host
