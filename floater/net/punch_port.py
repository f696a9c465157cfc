"""Perform what `floater.core.meet.port` decides: bind a punch port and ask observers about it (spec §5.1)."""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from floater.core.meet import port as core
from floater.core.meet.candidates import is_port_allowed
from floater.core.meet.observe import observers_to_ask, read_observer
from floater.core.meet.port_facts import Network, PortFacts, private_places
from floater.core.meet.port_mapping import NOT_ASKED, MappingState
from floater.drive import Driver
from floater.net import interfaces
from floater.net.port_mapping import MappedPort, PortMapper
from floater.net.questions import Questions
from floater.net.sockets import local_of, punch_socket
from floater.net.stun_stream import ProbeListener
from floater.wire.endpoint import Candidate, Endpoint, Scope, scope_of
from floater.wire.nat import Nat
from floater.wire.url import ServerUrl

log = logging.getLogger("floater.net")


@dataclass(slots=True)
class _Moments:
    """What can be waited for."""

    known: asyncio.Event = field(default_factory=asyncio.Event)
    settled: asyncio.Event = field(default_factory=asyncio.Event)


class PunchPort:
    """One port of this computer, bound, with a stream to an observer held open so that NATs keep its mapping.

    Good for one match: give it to `Meeting`, which closes it, or close it.

    Args:
        server: the server's address; empty if it is not known.
        on_stale: called once when another port should be prepared.
        mapper: asks our router to let others in.
        patience: seconds for the whole exchange with an observer.
    """

    def __init__(
        self,
        server: str,
        on_stale: Callable[[], None] | None,
        mapper: PortMapper | None = None,
        patience: float = core.PATIENCE,
    ) -> None:
        self.on_change: Callable[[], None] | None = None
        "Called when `facts` may have changed."
        self._on_stale = on_stale
        self._moments = _Moments()
        self._reserved = _Reserved()
        ports = self._reserved.ports
        self._questions = Questions(ports, self._feed)
        scope = scope_of(server) if server else Scope.PUBLIC
        network = Network(interfaces.own_subnets(), interfaces.gateways())
        facing = interfaces.source_address(server) if server else None
        private = private_places(ports[0], network.subnets, facing=facing, server=scope)
        facts = PortFacts(ports=ports, server=scope, private=private, network=network)
        self._machine = core.Port(
            facts,
            by_ipv6=socket.AF_INET6 in self.families,
            listens=ProbeListener.can_be(),
            patience=patience,
        )
        self._driver: Driver[core.Event, core.Effect] = Driver(self._machine, self._perform)
        self._wishes: dict[socket.AddressFamily, MappedPort] = {}
        self._mapper = mapper
        self._feed(core.Bound())

    @property
    def families(self) -> tuple[socket.AddressFamily, ...]:
        """The address families in which the ports are bound."""
        return self._reserved.families

    @property
    def facts(self) -> PortFacts:
        """What is known of the port now."""
        return self._machine.facts

    @property
    def is_stale(self) -> bool:
        """Whether what the outside sees may have changed: another port should be prepared."""
        return self._machine.is_stale

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """For `seek`: the places where peers may reach the port."""
        return self.facts.candidates

    def introduce(self) -> Nat:
        """Return what is known of our NAT, for the server beside `candidates`. `facts.told` keeps it."""
        self._feed(core.Introduced())
        return self.facts.told.nat

    def look_around(self) -> None:
        """Bring `facts` up to date with the addresses and routers that this computer has now."""
        self._feed(core.Placed(Network(interfaces.own_subnets(), interfaces.gateways())))

    async def ask(self, observers: Sequence[Endpoint], observer_key: str) -> None:
        """Ask these observers, all at once, what this port looks like from outside.

        Returns when all have answered that were reached by the time the first
        one did: two round trips. Those who take longer than that add what
        they see later.
        """
        self._questions.key = observer_key
        self._feed(core.Ask(tuple(observers)))
        await self._moments.known.wait()
        log.debug("= punch port %s, %s answers", self.facts.nat.mapping.value, len(self.facts.seen))

    async def settled(self) -> None:
        """Wait until nothing more can be learnt about our NAT: about a second, where strays are dropped."""
        await self._moments.settled.wait()

    async def router_answers(self, timeout: float) -> tuple[MappingState, MappingState]:
        """Wait up to `timeout` seconds for what our router says about this port, by IPv4 and by IPv6."""
        await asyncio.gather(*(wish.settled(timeout) for wish in self._wishes.values()))
        return self.facts.router, self.facts.firewall

    async def close(self) -> None:
        """Give the port back."""
        self._on_stale = self.on_change = None
        self._driver.close()
        for wish in self._wishes.values():
            wish.release()
        await self._questions.close()
        self._reserved.close()
        self._moments.known.set()
        self._moments.settled.set()

    # -- what the machine wants -----------------------------------------------------------

    def _feed(self, event: core.Event) -> None:
        self._driver.feed(event)
        if self.on_change is not None:
            self.on_change()

    def _perform(self, effect: core.Effect) -> None:
        match effect:
            case core.WantMapping(by_ipv6):
                self._want(socket.AF_INET6 if by_ipv6 else socket.AF_INET)
            case core.Known():
                self._moments.known.set()
            case core.Settled():
                self._moments.settled.set()
            case core.Stale():
                if self._on_stale is not None:
                    self._on_stale()
            case _:
                self._questions.perform(effect)

    def _want(self, family: socket.AddressFamily) -> None:
        """Ask our router to let others in, where it may be asked."""
        if self._mapper is not None:
            wish = self._wishes[family] = self._mapper.want(self.facts.port, family)
            wish.on_change = self._routed
            self._routed()

    def _routed(self) -> None:
        router, firewall = (
            self._wishes[family].state if family in self._wishes else NOT_ASKED
            for family in (socket.AF_INET, socket.AF_INET6)
        )
        self._feed(core.Routed(router, firewall))


async def prepare_punch_port(
    *,
    server: ServerUrl,
    observers: Sequence[str],
    observer_key: str,
    timeout: float = core.PATIENCE,
    on_stale: Callable[[], None] | None = None,
    mapper: PortMapper | None = None,
) -> PunchPort:
    """Bind a fresh port and ask the observers what it looks like.

    Never fails for want of observers: what did not answer in `timeout`
    seconds is left out, and with no answer there are private candidates only
    and the mapping is UNKNOWN.

    Args:
        server: the server of `welcome`.
        observers: of `welcome`.
        observer_key: of `welcome`.
        timeout: seconds to wait for names, and again for observers.
        on_stale: called once when `is_stale` becomes true.
        mapper: asks our router to let others in, meanwhile; nothing waits for its answer.

    Raises:
        OSError: this computer has no port left.
    """
    try:
        async with asyncio.timeout(timeout):
            hosts = await _addresses_of(server.host)
    except TimeoutError:
        hosts = []
    port = PunchPort(hosts[0] if hosts else "", on_stale, mapper, timeout)
    try:
        places: list[tuple[str, int]] = []
        try:
            async with asyncio.timeout(timeout):
                places = await _places(observers, hosts)
        except TimeoutError:
            pass  # the port is known by what this computer knows
        await port.ask(observers_to_ask(places, port.facts.server), observer_key)
    except BaseException:
        await port.close()
        raise
    return port


class _Reserved:
    """Two ports, one for each lane, bound in each address family that there is."""

    def __init__(self) -> None:
        self._sockets = [_reserve(), _reserve()]
        self.ports = local_of(self._sockets[0]).port, local_of(self._sockets[1]).port
        self.families: tuple[socket.AddressFamily, ...] = (socket.AF_INET,)
        try:
            self._sockets += [punch_socket(socket.AF_INET6, port) for port in self.ports]
            self.families += (socket.AF_INET6,)
        except OSError:
            pass  # no IPv6 here, or the port is in use

    def close(self) -> None:
        """Give the ports back."""
        for sock in self._sockets:
            sock.close()


def _reserve() -> socket.socket:
    """Take a fresh port that peers will agree to dial."""
    for _ in range(64):
        sock = punch_socket(socket.AF_INET, 0)
        if is_port_allowed(local_of(sock).port):
            return sock
        sock.close()
    raise OSError("no port to punch from")


async def _addresses_of(host: str) -> list[str]:
    """Resolve a name: one address of each family, in the system's order."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    by_family: dict[int, str] = {}
    for family, _, _, _, address in found:
        by_family.setdefault(family, str(address[0]))
    return list(by_family.values())


async def _places(observers: Sequence[str], server: Sequence[str]) -> list[tuple[str, int]]:
    """Resolve the observers of `welcome`; `server` are the server's own addresses."""
    found: list[tuple[str, int]] = []
    for text in observers:
        if (named := read_observer(text)) is not None:
            host, port = named
            found += [(address, port) for address in (await _addresses_of(host) if host else server)]
    return found
