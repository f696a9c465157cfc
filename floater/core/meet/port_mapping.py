"""Decide how to have our router let others in to our punch ports (RFC 6886, RFC 6887, UPnP-IGD; spec §5.2).

By IPv4 that is a mapping, by IPv6 a pinhole in its firewall: to us a mapping
of a port to itself (RFC 6887 §11.2). There is one machine for each family.

The router is asked in all protocols of the family at once whether it is there, which
costs it nothing. The first that answers is asked for the port; whoever says no,
or nothing, is followed by the next, so that no port is ever mapped twice::

    router   RESTING ──a port is wanted──▶ SOUGHT ──1 s──▶ RESTING     (an answer counts whenever it comes)
    a port   WAITING ──somebody answered──▶ ASKED ──Granted──▶ HELD ──half of it is over──▶ ASKED, still held
                ▲                             │ Denied, or silence                 └─lapsed──▶ WAITING
                └─────────────────────────────┘            Release ──▶ LEAVING ──Removed, or silence──▶ gone

- A router that restarted has lost every mapping: its epoch does not go on
  where it was (RFC 6887 §8.5). All are asked for again at once.
- Elsewhere (`Placed`) another router is asked; what the old one granted lapses.
- The address that a router names is no candidate unless it is public; by IPv6, unless it is ours.
- Where somebody else has the port outside, a few others are asked for, which the nonce draws.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Final, TypeAlias

from floater.core.meet.candidates import LOWEST_PORT, is_port_allowed
from floater.machine import Tick
from floater.wire.endpoint import Endpoint, Scope, scope_of

LEASE: Final = 600.0
"Seconds for which a port is asked. What we could not remove is gone then."
SHORTEST_LEASE: Final = 2.0
"Seconds; whoever grants less wants to be asked for ever."
SEARCH_TIME: Final = 1.0
"Seconds from the first question to giving up for now."
FIRST_PAUSE: Final = 0.25
"Seconds from a question to its repetition, which doubles from then on (RFC 6886 §3.1)."
REST: Final = 600.0
"Seconds until a router that granted nothing is asked again by itself."
OTHER_PORTS: Final = 4
"Ports outside that are asked for after one that somebody else has."
ATTEMPTS: Final = 3
"Questions without an answer before a protocol, or a removal, is given up."


class Protocol(StrEnum):
    """How a router can be asked. The better ones come first."""

    PCP = "PCP"
    NAT_PMP = "NAT-PMP"
    UPNP = "UPnP"


PROTOCOLS_6: Final = (Protocol.PCP, Protocol.UPNP)
"Those that know IPv6."


class Outcome(StrEnum):
    """What came of asking."""

    NOT_ASKED = "not_asked"  # nobody is to be asked, or there is no router
    ASKING = "asking"
    GRANTED = "granted"
    SILENT = "silent"  # the router speaks none of the protocols
    REFUSED = "refused"
    NESTED = "nested"  # it has no public address itself: it stands behind another NAT


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with one port."""

    outcome: Outcome
    protocol: Protocol | None = None
    endpoint: Endpoint | None = None
    "Where the port can be reached from outside, while it is GRANTED."


NOT_ASKED: Final = Standing(Outcome.NOT_ASKED)
ASKING: Final = Standing(Outcome.ASKING)
"What a wish begins with."


@dataclass(frozen=True, slots=True)
class Place:
    """Whom we ask, and as whom."""

    router: str
    address: str
    "Ours, that faces the router."


# -- events -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Placed:
    """This is our router now; None: we have none that could map a port."""

    place: Place | None


@dataclass(frozen=True, slots=True)
class Want:
    """A port shall be reachable. `nonce` is 12 random bytes."""

    port: int
    nonce: bytes


@dataclass(frozen=True, slots=True)
class Release:
    """It need not be any more."""

    port: int


@dataclass(frozen=True, slots=True)
class Found:
    """The router speaks this protocol.

    Attributes:
        protocol: which.
        host: its public address; empty if it said that it has none, None if it said nothing.
        epoch: its clock, in seconds; None if it told none.
    """

    protocol: Protocol
    host: str | None = None
    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class Absent:
    """The router let us know that it does not speak this protocol."""

    protocol: Protocol


@dataclass(frozen=True, slots=True)
class Granted:
    """A port is mapped."""

    protocol: Protocol
    port: int
    external: Endpoint
    lifetime: float
    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class Denied:
    """The router will not map a port; if `taken`, because somebody else has the one outside."""

    protocol: Protocol
    port: int
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Removed:
    """A mapping is gone."""

    protocol: Protocol
    port: int


# -- effects ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Search:
    """Ask whether the router speaks this protocol."""

    protocol: Protocol


@dataclass(frozen=True, slots=True)
class Map:
    """Ask for a port, or for more time. `external` is the port wished for outside."""

    protocol: Protocol
    port: int
    nonce: bytes
    external: int
    lifetime: float


@dataclass(frozen=True, slots=True)
class Unmap:
    """Give a mapping back."""

    protocol: Protocol
    port: int
    nonce: bytes
    external: int


@dataclass(frozen=True, slots=True)
class Tell:
    """How it stands with a port has changed."""

    port: int
    standing: Standing


Event: TypeAlias = Placed | Want | Release | Found | Absent | Granted | Denied | Removed | Tick
Effect: TypeAlias = Search | Map | Unmap | Tell


class _State(Enum):
    WAITING = "waiting"
    ASKED = "asked"
    HELD = "held"
    LEAVING = "leaving"


@dataclass(slots=True)
class _Port:
    number: int
    nonce: bytes
    external: int
    "The port outside: wished for, or held."
    state: _State = _State.WAITING
    protocol: Protocol | None = None
    "Whoever was asked last."
    tried: set[Protocol] = field(default_factory=set)
    "Who did not grant it."
    asked: int = 0
    others: int = 0
    "Ports outside that somebody else had."
    due: float | None = None
    lapses: float | None = None
    "While it is held, also when it is ASKED again."
    standing: Standing = ASKING


class PortMapping:
    """The mappings of one client.

    Args:
        lease: seconds for which a port is asked.
        protocols: those there are, the better ones first.
    """

    def __init__(self, lease: float = LEASE, protocols: Sequence[Protocol] = tuple(Protocol)) -> None:
        self._lease = lease
        self._protocols = protocols
        self._place: Place | None = None
        self._found: set[Protocol] = set()
        self._absent: set[Protocol] = set()
        self._nested = False
        self._searched = 0
        self._search_due: float | None = None
        self._search_ends: float | None = None
        self._clocks: dict[Protocol, tuple[int, float]] = {}
        self._ports: dict[int, _Port] = {}

    @property
    def deadline(self) -> float | None:
        """Monotonic seconds at which to feed `Tick`; None for never."""
        times = [self._search_due, self._search_ends]
        for port in self._ports.values():
            times += [port.due, port.lapses]
        return min((time for time in times if time is not None), default=None)

    @property
    def is_clear(self) -> bool:
        """Whether no port is mapped, as far as we can do anything about it."""
        return not self._ports

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance by one event. What is about a port or a router that is no longer ours changes nothing."""
        return list(self._feed(event, now))

    def _feed(self, event: Event, now: float) -> Iterator[Effect]:
        match event:
            case Placed(place) if place != self._place:
                yield from self._move(place, now)
            case Want(number, nonce) if self._port(number) is None:
                port = self._ports.setdefault(number, _Port(number, nonce, number))
                yield from self._begin(port, now)
            case Release(number) if (wanted := self._port(number)) is not None:
                yield from self._leave(wanted, now)
            case Found(protocol, host, epoch):
                yield from self._hear(protocol, epoch, now)
                yield from self._find(protocol, host, now)
            case Absent(protocol):
                yield from self._miss(protocol, now)
            case Granted():
                yield from self._hear(event.protocol, event.epoch, now)
                yield from self._grant(event, now)
            case Denied(protocol, number, taken) if self._is_asked(number, protocol):
                denied = self._ports[number]
                if taken and denied.others < OTHER_PORTS:
                    yield from self._ask_for_other(denied, now)
                else:
                    yield from self._pass_over(denied, now)
            case Removed(protocol, number) | Denied(protocol, number) if self._is_leaving(number, protocol):
                del self._ports[number]
            case Tick():
                yield from self._tick(now)

    # -- the router -----------------------------------------------------------------------

    def _move(self, place: Place | None, now: float) -> Iterator[Effect]:
        self._place = place
        self._found.clear()
        self._absent.clear()
        self._clocks.clear()
        self._end_search()
        for port in [port for port in self._ports.values() if port.state is _State.LEAVING]:
            del self._ports[port.number]  # whoever could remove it is out of reach
        for port in self._ports.values():
            port.external = port.number
            yield from self._begin(port, now)

    def _search(self, now: float) -> Iterator[Effect]:
        """Ask anew whether the router is there, as if nothing were known of it."""
        self._searched, self._search_ends, self._nested = 0, now + SEARCH_TIME, False
        self._found.clear()
        self._absent.clear()
        for port in self._ports.values():
            if port.state is _State.WAITING:
                port.tried.clear()
        yield from self._search_on(now)

    def _search_on(self, now: float) -> Iterator[Effect]:
        self._search_due = now + FIRST_PAUSE * 2.0**self._searched
        self._searched += 1
        for protocol in self._protocols:
            if protocol not in self._found | self._absent:
                yield Search(protocol)

    def _end_search(self) -> None:
        self._search_due = self._search_ends = None

    def _find(self, protocol: Protocol, host: str | None, now: float) -> Iterator[Effect]:
        if self._place is None:
            return
        if host is not None and scope_of(host) is not Scope.PUBLIC:
            self._nested = True
            yield from self._miss(protocol, now)
            return
        self._found.add(protocol)
        for port in self._ports.values():
            if port.state is _State.WAITING:
                yield from self._ask_somebody(port, now)

    def _miss(self, protocol: Protocol, now: float) -> Iterator[Effect]:
        """Count on this protocol no more."""
        self._found.discard(protocol)
        self._absent.add(protocol)
        if self._absent.issuperset(self._protocols) and self._search_ends is not None:
            self._end_search()
        for port in list(self._ports.values()):
            if self._is_asked(port.number, protocol):
                if port.lapses is not None and self._search_ends is None and not self._found:
                    yield from self._search(now)  # it was there a while ago
                yield from self._pass_over(port, now)
            elif port.state is _State.WAITING:
                yield from self._ask_somebody(port, now)

    def _hear(self, protocol: Protocol, epoch: int | None, now: float) -> Iterator[Effect]:
        """Compare the router's clock with ours (RFC 6887 §8.5)."""
        if epoch is None:
            return
        before = self._clocks.get(protocol)
        self._clocks[protocol] = epoch, now
        if before is None:
            return
        ours, theirs = now - before[1], epoch - before[0]
        if theirs < -1 or ours + 2 < theirs * 15 / 16 or theirs + 2 < ours * 15 / 16:
            for port in self._ports.values():
                if port.state is _State.HELD:
                    yield from self._ask(port, port.protocol, now)

    # -- a port ---------------------------------------------------------------------------

    def _begin(self, port: _Port, now: float) -> Iterator[Effect]:
        """Have a port mapped from the very beginning."""
        port.state, port.due, port.lapses, port.others = _State.WAITING, None, None, 0
        port.tried.clear()
        if self._place is None:
            yield from self._tell(port, NOT_ASKED)
            return
        yield from self._tell(port, ASKING)
        if not self._found and self._search_ends is None:
            yield from self._search(now)
        yield from self._ask_somebody(port, now)

    def _ask_somebody(self, port: _Port, now: float) -> Iterator[Effect]:
        protocol = next((one for one in self._protocols if one in self._found - port.tried), None)
        if protocol is not None:
            yield from self._ask(port, protocol, now)
            return
        port.state, port.due = _State.WAITING, None
        if self._search_ends is not None:
            yield from self._tell(port, ASKING)
        else:
            self._search_due = self._search_due or now + REST
            refused = Outcome.REFUSED if port.tried or self._found else Outcome.SILENT
            yield from self._tell(port, Standing(Outcome.NESTED if self._nested else refused))

    def _ask(self, port: _Port, protocol: Protocol | None, now: float) -> Iterator[Effect]:
        assert protocol is not None
        port.state, port.protocol, port.asked = _State.ASKED, protocol, 0
        yield self._ask_on(port, now)

    def _ask_on(self, port: _Port, now: float) -> Map | Unmap:
        assert port.protocol is not None
        port.due = now + FIRST_PAUSE * 2.0**port.asked
        port.asked += 1
        if port.state is _State.LEAVING:
            return Unmap(port.protocol, port.number, port.nonce, port.external)
        return Map(port.protocol, port.number, port.nonce, port.external, self._lease)

    def _grant(self, event: Granted, now: float) -> Iterator[Effect]:
        port = self._port(event.port)
        if port is None or (port.state is not _State.WAITING and port.protocol is not event.protocol):
            return  # an answer that came too late; what it grants lapses
        port.protocol, port.external = event.protocol, event.external.port
        is_public = scope_of(event.external.host) is Scope.PUBLIC
        if not (is_public and is_port_allowed(port.external) and self._can_be(event.external, port)):
            self._nested = self._nested or not is_public
            yield Unmap(event.protocol, port.number, port.nonce, port.external)
            port.external = port.number
            yield from self._pass_over(port, now)
            return
        lifetime = min(event.lifetime, self._lease)
        if lifetime < SHORTEST_LEASE:
            yield from self._pass_over(port, now)
            return
        port.state, port.due, port.lapses = _State.HELD, now + lifetime / 2, now + lifetime
        yield from self._tell(port, Standing(Outcome.GRANTED, event.protocol, event.external))

    def _can_be(self, external: Endpoint, port: _Port) -> bool:
        """Say whether a router can be right: by IPv6 it opens our own endpoint and no other."""
        own = "" if self._place is None else self._place.address
        return ":" not in own or external == Endpoint(own, port.number)

    def _ask_for_other(self, port: _Port, now: float) -> Iterator[Effect]:
        drawn = int.from_bytes(port.nonce[2 * port.others : 2 * port.others + 2], "big")
        room = 65_536 - LOWEST_PORT
        ports = (LOWEST_PORT + (drawn + more) % room for more in range(room))
        port.external = next(one for one in ports if is_port_allowed(one))
        port.others, port.lapses = port.others + 1, None
        yield from self._ask(port, port.protocol, now)
        yield from self._tell(port, ASKING)

    def _pass_over(self, port: _Port, now: float) -> Iterator[Effect]:
        """Somebody did not grant a port: ask the next."""
        assert port.protocol is not None
        port.lapses = None
        port.tried.add(port.protocol)
        yield from self._ask_somebody(port, now)
        if port.state is _State.ASKED:
            yield from self._tell(port, ASKING)

    def _leave(self, port: _Port, now: float) -> Iterator[Effect]:
        if port.state is _State.WAITING:
            del self._ports[port.number]
            return
        port.state, port.asked, port.lapses = _State.LEAVING, 0, None
        yield self._ask_on(port, now)

    def _tick(self, now: float) -> Iterator[Effect]:
        if self._search_ends is not None and now >= self._search_ends:
            self._end_search()
            for port in self._ports.values():
                if port.state is _State.WAITING:
                    yield from self._ask_somebody(port, now)
        elif self._search_due is not None and now >= self._search_due:
            if self._search_ends is not None:
                yield from self._search_on(now)
            elif any(port.state is _State.WAITING for port in self._ports.values()):
                yield from self._search(now)
            else:
                self._search_due = None
        for port in list(self._ports.values()):
            if port.lapses is not None and now >= port.lapses:
                yield from self._begin(port, now)
            elif port.due is not None and now >= port.due:
                yield from self._repeat(port, now)

    def _repeat(self, port: _Port, now: float) -> Iterator[Effect]:
        if port.state is _State.HELD:
            yield from self._ask(port, port.protocol, now)
        elif port.asked < ATTEMPTS or port.lapses is not None:
            yield self._ask_on(port, now)
        elif port.state is _State.LEAVING:
            del self._ports[port.number]
        elif port.protocol is not None:
            yield from self._miss(port.protocol, now)

    # -- small things ---------------------------------------------------------------------

    def _port(self, number: int) -> _Port | None:
        """A port that is wanted."""
        port = self._ports.get(number)
        return None if port is None or port.state is _State.LEAVING else port

    def _is_asked(self, number: int, protocol: Protocol) -> bool:
        port = self._ports.get(number)
        return port is not None and port.state is _State.ASKED and port.protocol is protocol

    def _is_leaving(self, number: int, protocol: Protocol) -> bool:
        port = self._ports.get(number)
        return port is not None and port.state is _State.LEAVING and port.protocol is protocol

    def _tell(self, port: _Port, standing: Standing) -> Iterator[Effect]:
        if port.standing != standing:
            port.standing = standing
            yield Tell(port.number, standing)
