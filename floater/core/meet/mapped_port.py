"""One port that a router is asked to map, and what came of it; `port_mapping` decides what happens to it."""

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Final

from floater.core.meet.candidates import LOWEST_PORT, is_port_allowed
from floater.wire.endpoint import Endpoint

FIRST_PAUSE: Final = 0.25
"Seconds from a question to its repetition, which doubles from then on (RFC 6886 §3.1)."
ATTEMPTS: Final = 3
"Questions without an answer before a protocol, or a removal, is given up."
OTHER_PORTS: Final = 4
"External ports that are asked for after one that another computer has."


class Protocol(StrEnum):
    """How a router can be asked. The better ones come first."""

    PCP = "PCP"
    NAT_PMP = "NAT-PMP"
    UPNP = "UPnP"


class Outcome(StrEnum):
    """What came of asking."""

    NOT_ASKED = "not_asked"  # port mapping is switched off, or there is no router
    ASKING = "asking"
    GRANTED = "granted"
    SILENT = "silent"  # the router speaks none of the protocols
    REFUSED = "refused"
    NESTED = "nested"  # the router has no public address itself: it stands behind another NAT


@dataclass(frozen=True, slots=True)
class MappingState:
    """What is known of the mapping of one port.

    Attributes:
        outcome: what came of asking.
        protocol: how it was granted; None unless it is GRANTED.
        endpoint: where the port can be reached from outside; None unless it is GRANTED.
    """

    outcome: Outcome
    protocol: Protocol | None = None
    endpoint: Endpoint | None = None


NOT_ASKED: Final = MappingState(Outcome.NOT_ASKED)
ASKING: Final = MappingState(Outcome.ASKING)
"The state of a mapping from the time it is wanted."


@dataclass(frozen=True, slots=True)
class Map:
    """Ask for a port, or for more time.

    Attributes:
        protocol: how to ask.
        port: the port of this computer.
        nonce: 12 bytes that name the mapping.
        external: the port wished for outside.
        lifetime: seconds.
    """

    protocol: Protocol
    port: int
    nonce: bytes
    external: int
    lifetime: float


@dataclass(frozen=True, slots=True)
class Unmap:
    """Give a mapping back; the attributes are those of `Map`."""

    protocol: Protocol
    port: int
    nonce: bytes
    external: int


@dataclass(frozen=True, slots=True)
class Tell:
    """The state of a port's mapping has changed."""

    port: int
    mapping: MappingState


class State(Enum):
    """Where a port stands; drawn in `port_mapping`."""

    WAITING = "waiting"
    ASKED = "asked"
    HELD = "held"
    LEAVING = "leaving"


@dataclass(slots=True)
class Port:
    """A port from `Want` until its mapping is removed."""

    number: int
    nonce: bytes
    lease: float
    external: int
    "The port outside: wished for, or held."
    state: State = State.WAITING
    protocol: Protocol | None = None
    "The protocol that was used last; None before the first question."
    tried: set[Protocol] = field(default_factory=set)
    "The protocols that did not grant it."
    others: int = 0
    "External ports that another computer had."
    due: float | None = None
    "Monotonic seconds at which to ask again."
    lapses: float | None = None
    "Monotonic seconds at which the mapping ends; set while it is held, also while it is ASKED for again."
    mapping: MappingState = ASKING
    asked: int = 0
    "Questions since the last answer."

    def is_asked(self, protocol: Protocol) -> bool:
        """Whether an answer in this protocol is awaited."""
        return self.state is State.ASKED and self.protocol is protocol

    def is_leaving(self, protocol: Protocol) -> bool:
        """Whether the removal of the mapping is awaited in this protocol."""
        return self.state is State.LEAVING and self.protocol is protocol

    @property
    def has_given_up(self) -> bool:
        """Whether there have been questions enough without an answer, and nothing is held meanwhile."""
        return self.asked >= ATTEMPTS and self.lapses is None

    @property
    def asks_for_others(self) -> bool:
        """Whether another external port may be asked for."""
        return self.others < OTHER_PORTS

    def begin(self) -> None:
        """Forget whatever came of asking before."""
        self.state, self.due, self.lapses, self.others = State.WAITING, None, None, 0
        self.tried.clear()

    def wait(self) -> None:
        """Ask nothing until there is a protocol to ask in."""
        self.state, self.due = State.WAITING, None

    def ask(self, protocol: Protocol, now: float) -> Map | Unmap:
        """Ask for the port in a protocol."""
        self.state, self.protocol, self.asked = State.ASKED, protocol, 0
        return self.ask_on(now)

    def ask_on(self, now: float) -> Map | Unmap:
        """Repeat the question, or the removal, in the protocol that was used last."""
        assert self.protocol is not None
        self.due = now + FIRST_PAUSE * 2.0**self.asked
        self.asked += 1
        if self.state is State.LEAVING:
            return Unmap(self.protocol, self.number, self.nonce, self.external)
        return Map(self.protocol, self.number, self.nonce, self.external, self.lease)

    def hold(self, lifetime: float, now: float) -> None:
        """The port is mapped for `lifetime` seconds; ask again after half of them."""
        self.state, self.due, self.lapses = State.HELD, now + lifetime / 2, now + lifetime

    def leave(self, now: float) -> Map | Unmap:
        """Have the mapping removed."""
        self.state, self.asked, self.lapses = State.LEAVING, 0, None
        return self.ask_on(now)

    def take_other(self) -> None:
        """Wish for another external port, which the nonce determines."""
        drawn = int.from_bytes(self.nonce[2 * self.others : 2 * self.others + 2], "big")
        room = 65_536 - LOWEST_PORT
        ports = (LOWEST_PORT + (drawn + more) % room for more in range(room))
        self.external = next(port for port in ports if is_port_allowed(port))
        self.others, self.lapses = self.others + 1, None

    def tell(self, mapping: MappingState) -> list[Tell]:
        """Change the state of the mapping; returns the news, if it is any."""
        if self.mapping == mapping:
            return []
        self.mapping = mapping
        return [Tell(self.number, mapping)]
