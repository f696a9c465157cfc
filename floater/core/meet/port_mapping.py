"""Decide how to have our router let others in to our punch ports (RFC 6886, RFC 6887, UPnP-IGD; spec §5.2).

By IPv4 that is a mapping, by IPv6 a pinhole in its firewall: to us a mapping
of a port to itself (RFC 6887 §11.2). There is one machine for each family.

A search asks the router in all protocols of the family at once whether it speaks them, which
costs it nothing. A port is asked for in the first protocol that is answered; after a refusal
or silence the next one follows, so that no port is ever mapped twice::

    router   RESTING ──a port is wanted──▶ SOUGHT ──1 s──▶ RESTING        (a late answer counts, too)
    a port   WAITING ──a router is found──▶ ASKED ──Granted──▶ HELD ──half of it is over──▶ ASKED, still held
                ▲                             │ Denied, or silence                 └─lapsed──▶ WAITING
                └─────────────────────────────┘            Release ──▶ LEAVING ──Removed, or silence──▶ gone

- A router that restarted has lost every mapping: its epoch does not go on
  where it was (RFC 6887 §8.5). All ports are asked for again at once.
- In another network (`Placed`) another router is asked; what the old one granted lapses.
- The address that a router names is no candidate unless it is public; by IPv6, unless it is ours.
- If another computer has the external port, a few others are asked for, which the nonce determines.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from floater.core.meet.candidates import is_port_allowed
from floater.core.meet.mapped_port import (
    ASKING,
    NOT_ASKED,
    Map,
    MappingState,
    Outcome,
    Port,
    Protocol,
    State,
    Tell,
    Unmap,
)
from floater.core.meet.router import Place, Router, Search
from floater.machine import Tick, earliest
from floater.wire.endpoint import Endpoint, Scope, scope_of

# Every event and effect of a PortMapping can be named as `port_mapping.NAME`.
__all__ = [
    "ASKING",
    "NOT_ASKED",
    "Map",
    "MappingState",
    "Outcome",
    "Place",
    "Protocol",
    "Search",
    "Tell",
    "Unmap",
]

LEASE: Final = 600.0
"Seconds for which a port is asked. A mapping that could not be removed lapses after them."
SHORTEST_LEASE: Final = 2.0
"Seconds; a router that grants less would have to be asked all the time."

PROTOCOLS_6: Final = (Protocol.PCP, Protocol.UPNP)
"The protocols that know IPv6."


# -- events -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Placed:
    """This is our router now; None: we have none that could map a port."""

    place: Place | None


@dataclass(frozen=True, slots=True)
class Want:
    """A port is to be reachable from outside. `nonce` is 12 random bytes."""

    port: int
    nonce: bytes


@dataclass(frozen=True, slots=True)
class Release:
    """A port need not be reachable any more."""

    port: int


@dataclass(frozen=True, slots=True)
class Found:
    """The router speaks this protocol.

    Attributes:
        protocol: which.
        host: its public address; empty if it said that it has none, None if it did not say.
        epoch: its clock, in seconds; None if it did not say.
    """

    protocol: Protocol
    host: str | None = None
    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class Absent:
    """The router does not speak this protocol, as it has let us know."""

    protocol: Protocol


@dataclass(frozen=True, slots=True)
class Granted:
    """A port is mapped for `lifetime` seconds; `epoch` as in `Found`."""

    protocol: Protocol
    port: int
    external: Endpoint
    lifetime: float
    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class Denied:
    """The router will not map a port; `taken`: because another computer has the external one."""

    protocol: Protocol
    port: int
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Removed:
    """A mapping is gone."""

    protocol: Protocol
    port: int


Event: TypeAlias = Placed | Want | Release | Found | Absent | Granted | Denied | Removed | Tick
Effect: TypeAlias = Search | Map | Unmap | Tell


class PortMapping:
    """The mappings of one client.

    Args:
        lease: seconds for which a port is asked.
        protocols: those in which a router may be asked, the better ones first.
    """

    def __init__(self, lease: float = LEASE, protocols: Sequence[Protocol] = tuple(Protocol)) -> None:
        self._lease = lease
        self._router = Router(protocols)
        self._ports: dict[int, Port] = {}

    @property
    def deadline(self) -> float | None:
        """Monotonic seconds at which to feed `Tick`; None for never."""
        times = [self._router.deadline]
        for port in self._ports.values():
            times += [port.due, port.lapses]
        return earliest(*times)

    @property
    def is_clear(self) -> bool:
        """Whether no port is mapped, or asked for, or being removed."""
        return not self._ports

    def feed(self, event: Event, *, now: float) -> list[Effect]:
        """Advance by one event. An event about a port or a router that is no longer ours changes nothing."""
        return list(self._feed(event, now))

    def _feed(self, event: Event, now: float) -> Iterator[Effect]:
        match event:
            case Placed(place) if place != self._router.place:
                yield from self._move(place, now)
            case Want(number, nonce) if self._wanted(number) is None:
                port = self._ports.setdefault(number, Port(number, nonce, self._lease, external=number))
                yield from self._begin(port, now)
            case Release(number) if (wanted := self._wanted(number)) is not None:
                if wanted.state is State.WAITING:
                    del self._ports[number]
                else:
                    yield wanted.leave(now)
            case Found(protocol, host, epoch):
                yield from self._hear(protocol, epoch, now)
                yield from self._find(protocol, host, now)
            case Absent(protocol):
                yield from self._miss(protocol, now)
            case Granted():
                yield from self._hear(event.protocol, event.epoch, now)
                yield from self._grant(event, now)
            case Denied(protocol, number, taken) if (
                denied := self._ports.get(number)
            ) is not None and denied.is_asked(protocol):
                if taken and denied.asks_for_others:
                    denied.take_other()
                    yield denied.ask(protocol, now)
                    yield from denied.tell(ASKING)
                else:
                    yield from self._pass_over(denied, protocol, now)
            case Removed(protocol, number) | Denied(protocol, number) if (
                removed := self._ports.get(number)
            ) is not None and removed.is_leaving(protocol):
                del self._ports[number]
            case Tick():
                yield from self._tick(now)

    # -- the router -----------------------------------------------------------------------

    def _move(self, place: Place | None, now: float) -> Iterator[Effect]:
        self._router.move(place)
        for port in [port for port in self._ports.values() if port.state is State.LEAVING]:
            del self._ports[port.number]  # the router that could remove it is out of reach
        for port in self._ports.values():
            port.external = port.number
            yield from self._begin(port, now)

    def _search(self, now: float) -> Iterator[Effect]:
        """Ask anew whether the router is there, as if nothing were known of it."""
        for port in self._waiting():
            port.tried.clear()
        yield from self._router.search(now)

    def _find(self, protocol: Protocol, host: str | None, now: float) -> Iterator[Effect]:
        if self._router.place is None:
            return
        if not self._router.found(protocol, host):
            yield from self._miss(protocol, now)
            return
        for port in self._waiting():
            yield from self._ask_next(port, now)

    def _miss(self, protocol: Protocol, now: float) -> Iterator[Effect]:
        """Use this protocol no more."""
        self._router.lacks(protocol)
        for port in list(self._ports.values()):
            if port.is_asked(protocol):
                if port.lapses is not None and not self._router.is_searched and not self._router.is_found:
                    yield from self._search(now)  # it was there a while ago
                yield from self._pass_over(port, protocol, now)
            elif port.state is State.WAITING:
                yield from self._ask_next(port, now)

    def _hear(self, protocol: Protocol, epoch: int | None, now: float) -> Iterator[Effect]:
        """Ask for all ports again if the router has restarted."""
        if self._router.has_restarted(protocol, epoch, now):
            for port in self._ports.values():
                if port.state is State.HELD:
                    assert port.protocol is not None
                    yield port.ask(port.protocol, now)

    # -- a port ---------------------------------------------------------------------------

    def _begin(self, port: Port, now: float) -> Iterator[Effect]:
        """Have a port mapped from the very beginning."""
        port.begin()
        if self._router.place is None:
            yield from port.tell(NOT_ASKED)
            return
        yield from port.tell(ASKING)
        if not self._router.is_found and not self._router.is_searched:
            yield from self._search(now)
        yield from self._ask_next(port, now)

    def _ask_next(self, port: Port, now: float) -> Iterator[Effect]:
        """Ask for a port in the next protocol; without one, wait for the search, or rest."""
        if (protocol := self._router.next_protocol(port.tried)) is not None:
            yield port.ask(protocol, now)
            return
        port.wait()
        if self._router.is_searched:
            yield from port.tell(ASKING)
        else:
            self._router.rest(now)
            yield from port.tell(MappingState(self._router.outcome(port.tried)))

    def _grant(self, event: Granted, now: float) -> Iterator[Effect]:
        port = self._wanted(event.port)
        if port is None or (port.state is not State.WAITING and port.protocol is not event.protocol):
            return  # an answer that came too late; the mapping lapses
        port.protocol, port.external = event.protocol, event.external.port
        is_public = scope_of(event.external.host) is Scope.PUBLIC
        if not (
            is_public
            and is_port_allowed(port.external)
            and self._router.can_open(event.external, port.number)
        ):
            self._router.is_nested = self._router.is_nested or not is_public
            yield Unmap(event.protocol, port.number, port.nonce, port.external)
            port.external = port.number
            yield from self._pass_over(port, event.protocol, now)
            return
        lifetime = min(event.lifetime, self._lease)
        if lifetime < SHORTEST_LEASE:
            yield from self._pass_over(port, event.protocol, now)
            return
        port.hold(lifetime, now)
        yield from port.tell(MappingState(Outcome.GRANTED, event.protocol, event.external))

    def _pass_over(self, port: Port, protocol: Protocol, now: float) -> Iterator[Effect]:
        """A protocol did not grant a port: use the next."""
        port.lapses = None
        port.tried.add(protocol)
        yield from self._ask_next(port, now)
        if port.state is State.ASKED:
            yield from port.tell(ASKING)

    def _tick(self, now: float) -> Iterator[Effect]:
        if self._router.is_search_over(now):
            self._router.end_search()
            for port in self._waiting():
                yield from self._ask_next(port, now)
        elif self._router.is_due(now):
            if self._router.is_searched:
                yield from self._router.search_on(now)
            elif self._waiting():
                yield from self._search(now)
            else:
                self._router.end_search()
        for port in list(self._ports.values()):
            if port.lapses is not None and now >= port.lapses:
                yield from self._begin(port, now)
            elif port.due is not None and now >= port.due:
                yield from self._repeat(port, now)

    def _repeat(self, port: Port, now: float) -> Iterator[Effect]:
        assert port.protocol is not None
        if port.state is State.HELD:
            yield port.ask(port.protocol, now)
        elif not port.has_given_up:
            yield port.ask_on(now)
        elif port.state is State.LEAVING:
            del self._ports[port.number]
        else:
            yield from self._miss(port.protocol, now)

    def _wanted(self, number: int) -> Port | None:
        """The port of this number, if it is wanted still."""
        port = self._ports.get(number)
        return None if port is None or port.state is State.LEAVING else port

    def _waiting(self) -> list[Port]:
        return [port for port in self._ports.values() if port.state is State.WAITING]
