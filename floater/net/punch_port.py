"""A local port prepared for punching: what it looks like from outside, before it is needed (spec §5.1)."""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Final

from floater.core.meet.candidates import Surroundings, is_port_allowed
from floater.core.meet.observe import Asker, Observation, Question, nat_of, public_endpoints, questions_for
from floater.core.meet.port_mapping import NOT_ASKED, Standing
from floater.net import interfaces
from floater.net.port_mapping import MappedPort, PortMapper
from floater.net.sockets import family_of, local_of, punch_socket
from floater.net.stun_stream import ProbeListener, StunStream
from floater.tasks import Tasks
from floater.wire.endpoint import (
    Candidate,
    CandidateKind,
    Endpoint,
    Scope,
    parse_address,
    scope_of,
)
from floater.wire.limits import MAX_CANDIDATES, MAX_PRIVATE_CANDIDATES
from floater.wire.nat import UNKNOWN_NAT, Mapping, Nat
from floater.wire.url import ServerUrl

REFRESH: Final = 60.0
"Seconds between two questions on the stream that is held open; NATs forget what is silent."
ANSWER_TIMEOUT: Final = 10.0
"Seconds for the answer to such a question."
AT_LEAST: Final = 0.1
"Seconds that observers have to be reached in, however soon others answer."
_REACH: Final = (Scope.FORBIDDEN, Scope.LOOPBACK, Scope.PRIVATE, Scope.PUBLIC)

log = logging.getLogger("floater.net")


class PunchPort:
    """One port of this computer, bound, with a stream to an observer held open so that NATs keep its mapping.

    Good for one match: give it to `Meeting`, which closes it, or close it.
    """

    def __init__(
        self, server: str, on_stale: Callable[[], None] | None, mapper: PortMapper | None = None
    ) -> None:
        self.is_stale = False
        "What the outside sees may have changed: prepare another one."
        self.server_scope = scope_of(server) if server else Scope.PUBLIC
        self._on_stale = on_stale
        self._tasks = Tasks()
        self._news = asyncio.Event()
        self._streams: list[StunStream] = []
        "In the order in which they were dialled."
        self._asking: set[StunStream] = set()
        self._asks: list[asyncio.Task[None]] = []
        self._held: dict[tuple[int, socket.AddressFamily], StunStream] = {}
        self._probe_listener: ProbeListener | None = None
        self._reserved = [_reserve(), _reserve()]
        self.ports = tuple(local_of(sock).port for sock in self._reserved)
        "By lane (spec §6.2)."
        self.port = self.ports[0]
        self.families: tuple[socket.AddressFamily, ...] = (socket.AF_INET,)
        "In which the ports are bound."
        try:
            self._reserved += [punch_socket(socket.AF_INET6, port) for port in self.ports]
            self.families += (socket.AF_INET6,)
        except OSError:
            pass  # no IPv6 here, or somebody else's port there
        self.told = UNKNOWN_NAT
        "What was told of our NAT; see `introduce`."
        self._named: tuple[Endpoint, ...] = ()
        self.private = self._private_endpoints(server)
        self.router: MappedPort | None = None
        "Asked to let others in to this port; None: nobody is asked."
        self.firewall: MappedPort | None = None
        "The same by IPv6: asked for a pinhole, where an observer may see us so that peers hear of it."
        # A server that is near brings nobody together who would have to come through our router.
        self._mapper = mapper if self.server_scope is Scope.PUBLIC else None
        if self._mapper is not None:
            self.router = self._mapper.want(self.port)

    @property
    def seen(self) -> tuple[Observation, ...]:
        """What observers saw, of this port and of fresh ones, in the order of dialling."""
        return tuple(stream.seen for stream in self._streams if stream.seen is not None)

    @property
    def observations(self) -> tuple[Observation, ...]:
        """What they saw of this port."""
        return tuple(seen for seen in self.seen if seen.local.port == self.port)

    @property
    def asked(self) -> int:
        """How many observers were asked about this port."""
        return sum(stream.port == self.port for stream in self._streams)

    @property
    def public(self) -> tuple[Endpoint, ...]:
        """What observers saw of this port, IPv4 first, once each."""
        return tuple(sorted(public_endpoints(self.observations), key=lambda place: ":" in place.host))

    @property
    def mapped(self) -> tuple[Endpoint, ...]:
        """Where our router lets others in to this port, IPv4 first."""
        asked = (wish.standing.endpoint for wish in self.wishes)
        return tuple(endpoint for endpoint in asked if endpoint is not None)

    @property
    def wishes(self) -> tuple[MappedPort, ...]:
        """What was asked of our router."""
        return tuple(wish for wish in (self.router, self.firewall) if wish is not None)

    @property
    def second(self) -> tuple[Endpoint, ...]:
        """What they saw of the port of lane 1."""
        return tuple(seen.mapped for seen in self.seen if seen.local.port == self.ports[1])

    @property
    def mapping(self) -> Mapping:
        """How the NAT maps this port; of IPv4 if there is any."""
        return self.nat.mapping

    @property
    def nat(self) -> Nat:
        """What is known of our NAT, for `seek`."""
        return nat_of(
            self.port, self.seen, {} if self._probe_listener is None else self._probe_listener.fates
        )

    def introduce(self) -> Nat:
        """Give what is known of our NAT now, for the server beside `candidates`; it stays in `told`.

        More may be learnt later, but two who plan together have to go by the same words.
        """
        self.told, self._named = self.nat, self.mapped
        return self.told

    async def is_let_in_later(self, wish: MappedPort, timeout: float) -> bool:
        """Wait for an answer to a wish, so long at most; whether there is a way in that nobody heard of."""
        await _answer(wish, timeout)
        return not set(self.mapped) <= set(self._named)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """For `seek`: what the router opened, what observers saw, then our own; at most MAX_CANDIDATES."""
        private = [place for place in self.private if place not in self.public]
        taken = len(self.mapped) + len(self.second) + min(len(private), MAX_PRIVATE_CANDIDATES)
        seen = [place for place in self.public if place not in self.mapped][: MAX_CANDIDATES - taken]
        return (
            *(Candidate(CandidateKind.MAPPED, *place) for place in self.mapped),
            *(Candidate(CandidateKind.PUBLIC, *place) for place in seen),
            *(Candidate(CandidateKind.PUBLIC, *place, lane=1) for place in self.second),
            *(Candidate(CandidateKind.PRIVATE, *place) for place in private[:MAX_PRIVATE_CANDIDATES]),
        )

    def surroundings(self) -> Surroundings:
        """Describe where we are, for `choose_candidates`."""
        subnets = interfaces.own_subnets()
        return Surroundings(
            server=self.server_scope,
            port=self.port,
            addresses=frozenset(subnets),
            subnets=tuple(subnets.values()),
            gateways=interfaces.gateways(),
            public=frozenset((*self.mapped, *self.public, *self.second)),
        )

    async def ask(self, observers: Sequence[Endpoint], observer_key: str, timeout: float) -> None:
        """Ask these observers, all at once, how our NAT maps this port; hold on to the first answer.

        Returns when all have answered that were reached by the time the first
        one did: two round trips. Those who take longer than that add what
        they see later, up to `timeout` seconds after the beginning.
        """
        for question in questions_for(observers):
            if family_of(question.observer.host) in self.families:
                self._streams.append(self._stream(question, observer_key))
        asks_6 = any(family_of(stream.observer.host) == socket.AF_INET6 for stream in self._streams)
        if asks_6 and self._mapper is not None:
            self.firewall = self._mapper.want(self.port, socket.AF_INET6)
        self._asking = set(self._streams)
        # In this order: a task begins, and so dials, in the order in which it was made.
        self._asks = [self._tasks.start(self._ask(stream, timeout), "observer") for stream in self._streams]
        loop = asyncio.get_running_loop()
        began = loop.time()
        timer = loop.call_later(AT_LEAST, self._news.set)
        try:
            while self._asking and not (loop.time() >= began + AT_LEAST and self._is_known()):
                await self._news.wait()
                self._news.clear()
        finally:
            timer.cancel()
        answers = len(self._streams) - len(self._asking)
        log.debug("= punch port %s, %s of %s answers", self.mapping.value, answers, len(self._streams))

    async def settled(self) -> None:
        """Wait until nothing more can be learnt about our NAT: about a second, where strays are dropped."""
        if self._asks:
            await asyncio.wait(self._asks)

    async def router_answers(self, timeout: float) -> tuple[Standing, Standing]:
        """Wait for what our router says about this port, so long at most: by IPv4, and by IPv6."""
        by_ipv4, by_ipv6 = await asyncio.gather(
            *(_answer(wish, timeout) for wish in (self.router, self.firewall))
        )
        return by_ipv4, by_ipv6

    async def close(self) -> None:
        """Give the port back."""
        self._on_stale = None
        for wish in (self.router, self.firewall):
            if wish is not None:
                wish.release()
        await self._tasks.close()
        for stream in self._streams:
            stream.close()
        for sock in self._reserved:
            sock.close()

    def _stream(self, question: Question, key: str) -> StunStream:
        if question.asker in (Asker.PUNCH_PORT, Asker.SECOND):
            return StunStream(self.ports[question.asker is Asker.SECOND], question.observer, key)
        if question.asker is Asker.DOORSTEP and ProbeListener.can_be():
            self._probe_listener = ProbeListener(question.observer)
            return self._probe_listener
        return StunStream(0, question.observer)

    def _is_known(self) -> bool:
        """Whether somebody has answered, and none that was reached by then still owes an answer."""
        answered = any(stream.seen is not None for stream in self._streams)
        return answered and not any(stream.is_connected for stream in self._asking)

    async def _ask(self, stream: StunStream, timeout: float) -> None:
        try:
            async with asyncio.timeout(timeout):
                await stream.ask()
        except TimeoutError:
            pass
        self._asking.discard(stream)
        self._news.set()
        place = (stream.port, family_of(stream.observer.host))
        if stream.seen is None:
            stream.close()
        elif isinstance(stream, ProbeListener):
            try:
                async with asyncio.timeout(timeout):
                    await stream.follow()
            except TimeoutError:
                pass
            stream.close()
        elif stream.port in self.ports and place not in self._held:
            self._held[place] = stream
            self._tasks.start(self._hold(stream), "punch port")
        else:
            stream.close()

    async def _hold(self, stream: StunStream) -> None:
        before = stream.seen
        try:
            while await stream.is_quiet(REFRESH):
                async with asyncio.timeout(ANSWER_TIMEOUT):
                    if await stream.ask() != before:
                        break
        except TimeoutError:
            pass
        self.is_stale = True
        if self._on_stale is not None:
            self._on_stale()

    def _private_endpoints(self, server: str) -> tuple[Endpoint, ...]:
        facing = interfaces.source_address(server) if server else None
        addresses = [
            address
            for address in interfaces.own_subnets()
            if scope_of(str(address)) is Scope.PRIVATE
            or (address.is_loopback and address.version == 4 and self.server_scope is Scope.LOOPBACK)
        ]
        addresses.sort(key=lambda address: (address != facing, address.version))
        return tuple(Endpoint(str(address), self.port) for address in addresses)


async def prepare_punch_port(
    *,
    server: ServerUrl,
    observers: Sequence[str],
    observer_key: str,
    timeout: float = 2.0,
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
    port = PunchPort(hosts[0] if hosts else "", on_stale, mapper)
    try:
        async with asyncio.timeout(timeout):
            places = await _observers(observers, hosts, port.server_scope)
        await port.ask(places, observer_key, timeout)
    except TimeoutError:
        pass
    except BaseException:
        await port.close()
        raise
    return port


async def _answer(wish: MappedPort | None, timeout: float) -> Standing:
    return NOT_ASKED if wish is None else await wish.settled(timeout)


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


async def _observers(texts: Sequence[str], server: Sequence[str], narrowest: Scope) -> list[Endpoint]:
    """Read `host:port` and `:port` of `welcome`; nothing nearer than the server itself is asked."""
    found: list[Endpoint] = []
    for text in texts:
        host, _, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65_535):
            continue
        for address in await _addresses_of(host) if host else server:
            place = parse_address(address)
            if place is not None and _REACH.index(scope_of(address)) >= max(1, _REACH.index(narrowest)):
                found.append(Endpoint(str(place), int(port)))
    return list(dict.fromkeys(found))
