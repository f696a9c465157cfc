"""A local port prepared for punching: what it looks like from outside, before it is needed (spec §5.1)."""

import asyncio
import logging
import secrets
import socket
from collections.abc import Callable, Sequence
from typing import Final

from floater.core.candidates import Surroundings, is_port_allowed
from floater.core.observe import Observation, mapping_of, public_endpoints
from floater.errors import RemoteProtocolError
from floater.net import interfaces
from floater.net.port_mapping import PortMapper
from floater.net.sockets import family_of, local_of, punch_socket, remote_of
from floater.tasks import Tasks
from floater.wire import stun
from floater.wire.endpoint import (
    Candidate,
    CandidateKind,
    Endpoint,
    Scope,
    parse_address,
    scope_of,
)
from floater.wire.limits import MAX_CANDIDATES, MAX_PRIVATE_CANDIDATES
from floater.wire.nat import Mapping, Nat
from floater.wire.url import ServerUrl

REFRESH: Final = 60.0
"Seconds between two questions on the stream that is held open; NATs forget what is silent."
ANSWER_TIMEOUT: Final = 10.0
"Seconds for the answer to such a question."
MAX_OBSERVERS: Final = 6
"Observers asked, of each address family."
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
        self.observations: tuple[Observation, ...] = ()
        self.server_scope = scope_of(server) if server else Scope.PUBLIC
        self._on_stale = on_stale
        self._tasks = Tasks()
        self._held: list[_Stun] = []
        self._reserved = [_reserve()]
        self.port = local_of(self._reserved[0]).port
        try:
            self._reserved.append(punch_socket(socket.AF_INET6, self.port))
        except OSError:
            pass  # no IPv6 here, or somebody else's port there
        self.private = self._private_endpoints(server)
        # A server that is near brings nobody together who would have to come through our router.
        wanted = mapper is not None and self.server_scope is Scope.PUBLIC
        self.router = mapper.want(self.port) if mapper is not None and wanted else None
        "Asked to let others in to this port; None: nobody is asked."

    @property
    def ports(self) -> tuple[int, ...]:
        """By lane (spec §6.2)."""
        return (self.port,)

    @property
    def public(self) -> tuple[Endpoint, ...]:
        """What observers saw, IPv4 first, once each."""
        return tuple(sorted(public_endpoints(self.observations), key=lambda place: ":" in place.host))

    @property
    def mapped(self) -> tuple[Endpoint, ...]:
        """Where our router lets others in to this port."""
        endpoint = None if self.router is None else self.router.standing.endpoint
        return () if endpoint is None else (endpoint,)

    @property
    def mapping(self) -> Mapping:
        """How the NAT maps this port; of IPv4 if there is any."""
        v4 = [seen for seen in self.observations if ":" not in seen.local.host]
        return mapping_of(v4 or self.observations)

    @property
    def nat(self) -> Nat:
        """What is known of our NAT, for `seek`."""
        return Nat(self.mapping)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """For `seek`: what the router opened, what observers saw, then our own; at most MAX_CANDIDATES."""
        private = [place for place in self.private if place not in self.public]
        taken = len(self.mapped) + min(len(private), MAX_PRIVATE_CANDIDATES)
        seen = self.public[: MAX_CANDIDATES - taken]
        return (
            *(Candidate(CandidateKind.MAPPED, *place) for place in self.mapped),
            *(Candidate(CandidateKind.PUBLIC, *place) for place in seen),
            *(Candidate(CandidateKind.PRIVATE, *place) for place in private[:MAX_PRIVATE_CANDIDATES]),
        )

    @property
    def families(self) -> tuple[socket.AddressFamily, ...]:
        """The address families the port is bound in."""
        return tuple(sock.family for sock in self._reserved)

    def surroundings(self) -> Surroundings:
        """Describe where we are, for `choose_candidates`."""
        subnets = interfaces.own_subnets()
        return Surroundings(
            server=self.server_scope,
            port=self.port,
            addresses=frozenset(subnets),
            subnets=tuple(subnets.values()),
            gateways=interfaces.gateways(),
            public=frozenset((*self.mapped, *self.public)),
        )

    async def ask(self, observers: Sequence[Endpoint], observer_key: str, timeout: float) -> None:
        """Ask these observers, all at once, what the port looks like; hold on to the first that answers."""
        streams = [
            _Stun(self.port, observer, observer_key)
            for observer in observers
            if family_of(observer.host) in self.families
        ]
        tasks = [self._tasks.start(stream.ask(), "observer") for stream in streams]
        if not tasks:
            return
        self._held += streams  # so that `close` finds them if we are cancelled here
        await asyncio.wait(tasks, timeout=timeout)
        self._held.clear()
        answered = []
        for stream, task in zip(streams, tasks, strict=True):
            if (
                task.done()
                and not task.cancelled()
                and task.exception() is None
                and task.result() is not None
            ):
                answered.append(stream)
            else:
                task.cancel()
                stream.close()
        self.observations = tuple(stream.seen for stream in answered if stream.seen is not None)
        for family in self.families:
            mine = [stream for stream in answered if family_of(stream.observer.host) == family]
            for stream in mine[1:]:
                stream.close()
            if mine:
                self._held.append(mine[0])
                self._tasks.start(self._hold(mine[0]), "punch port")
        log.debug("= punch port %s, %s of %s observers", self.mapping.value, len(answered), len(streams))

    async def close(self) -> None:
        """Give the port back."""
        self._on_stale = None
        if self.router is not None:
            self.router.release()
        await self._tasks.close()
        for stream in self._held:
            stream.close()
        for sock in self._reserved:
            sock.close()

    async def _hold(self, stream: "_Stun") -> None:
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
    unique = list(dict.fromkeys(found))
    return [
        *[place for place in unique if ":" not in place.host][:MAX_OBSERVERS],
        *[place for place in unique if ":" in place.host][:MAX_OBSERVERS],
    ]


class _Stun:
    """One STUN stream from the punch port to an observer."""

    def __init__(self, port: int, observer: Endpoint, key: str) -> None:
        self.observer = observer
        self.seen: Observation | None = None
        self._key = key
        self._buffer = bytearray()
        self._sock = punch_socket(family_of(observer.host), port)
        self._is_connected = False

    async def ask(self) -> Observation | None:
        """Ask once; None if the observer is not there, hangs up, or is none."""
        loop = asyncio.get_running_loop()
        request = stun.BindingRequest(secrets.token_bytes(12), self._key)
        try:
            if not self._is_connected:
                await loop.sock_connect(self._sock, tuple(self.observer))
                self._is_connected = True
            await loop.sock_sendall(self._sock, stun.encode_request(request))
            while not isinstance(answer := stun.take_message(self._buffer), stun.BindingResponse) or (
                answer.transaction != request.transaction
            ):
                if answer is not None:
                    continue  # to something else
                data = await loop.sock_recv(self._sock, 1_024)
                if not data:
                    return None
                self._buffer += data
            self.seen = Observation(local_of(self._sock), remote_of(self._sock), answer.mapped)
        except (OSError, RemoteProtocolError):
            return None
        return self.seen

    async def is_quiet(self, seconds: float) -> bool:
        """Wait; True if nothing came, False as soon as the observer hangs up or speaks unasked."""
        try:
            async with asyncio.timeout(seconds):
                await asyncio.get_running_loop().sock_recv(self._sock, 1)
        except TimeoutError:
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        """Hang up."""
        self._sock.close()
