"""Ask our router to let others in to our punch ports, as `floater.core.meet.port_mapping` decides.

Each address family has a machine and a router of its own.

Only the router itself is listened to: sockets are connected to it, and where
that is not possible the sender is compared.
"""

import asyncio
import logging
import secrets
import socket
import sys
from collections.abc import Callable
from typing import Any, Final

from floater.core.meet import port_mapping as core
from floater.core.meet.port_mapping import ASKING, MappingState, Place, Protocol
from floater.drive import Driver
from floater.errors import RemoteProtocolError
from floater.net import interfaces
from floater.net.igd import Firewall, Igd, find_igd
from floater.net.sockets import address_of
from floater.tasks import Tasks
from floater.wire import igd, nat_pmp, pcp
from floater.wire.endpoint import Endpoint, Scope, scope_of

REMOVAL_TIME: Final = 2.0
"Seconds that giving all ports back may take at the end."
_HOPS: Final = 2
"How far a search may travel (UPnP Device Architecture 1.1 §1.3.2)."

_PROTOCOLS: Final = {socket.AF_INET: tuple(Protocol), socket.AF_INET6: core.PROTOCOLS_6}

log = logging.getLogger("floater.net")

Feed = Callable[[core.Event], None]


class MappedPort:
    """The wish that a port be reachable from outside."""

    def __init__(self, port: int, release: Callable[["MappedPort"], None]) -> None:
        self.port = port
        self.state = ASKING
        self.on_change: Callable[[], None] | None = None
        "Called when `state` has changed."
        self._release = release
        self._settled = asyncio.Event()

    def note(self, state: MappingState) -> None:
        """Note the new state of the mapping, and wake up `settled` unless the answer is still awaited."""
        self.state = state
        if state != ASKING:
            self._settled.set()
        if self.on_change is not None:
            self.on_change()

    async def settled(self, timeout: float) -> MappingState:
        """Wait up to `timeout` seconds for the router's answer, and return its state then."""
        try:
            async with asyncio.timeout(timeout):
                await self._settled.wait()
        except TimeoutError:
            pass
        return self.state

    def release(self) -> None:
        """Give the port back in the background."""
        self._release(self)


class PortMapper:
    """Maps ports by IPv4, and opens pinholes to them by IPv6; keeps both, and removes them.

    Args:
        lease: seconds for which a port is asked.
    """

    def __init__(self, lease: float = core.LEASE) -> None:
        self._families = {family: FamilyMapper(family, lease) for family in _PROTOCOLS}

    def want(self, port: int, family: socket.AddressFamily = socket.AF_INET) -> MappedPort:
        """Make a TCP port reachable until `release`; the result tells how that stands."""
        return self._families[family].want(port)

    async def close(self) -> None:
        """Remove all mappings within REMOVAL_TIME; those that are left lapse."""
        await asyncio.gather(*(mapper.close() for mapper in self._families.values()))


class FamilyMapper:
    """Maps ports for one address family.

    Args:
        family: AF_INET or AF_INET6.
        lease: seconds for which a port is asked.
    """

    def __init__(self, family: socket.AddressFamily, lease: float) -> None:
        self._family = family
        self._machine = core.PortMapping(lease, _PROTOCOLS[family])
        self._driver: Driver[core.Event, core.Effect] = Driver(self._machine, self._perform)
        self._tasks = Tasks()
        self._wishes: dict[int, MappedPort] = {}
        self._router: _Router | None = None
        self._moving = asyncio.Lock()
        self._clear = asyncio.Event()

    def want(self, port: int) -> MappedPort:
        """See `PortMapper`."""
        wish = self._wishes[port] = MappedPort(port, self._release)
        self._tasks.start(self._want(wish), "map a port")
        return wish

    async def close(self) -> None:
        """See `PortMapper`."""
        for wish in list(self._wishes.values()):
            self._release(wish)
        try:
            async with asyncio.timeout(REMOVAL_TIME):
                while not self._machine.is_clear:
                    self._clear.clear()
                    await self._clear.wait()
        except TimeoutError:
            log.info("= some mappings are left to lapse")
        self._driver.close()
        await self._tasks.close()
        if self._router is not None:
            await self._router.close()

    async def _want(self, wish: MappedPort) -> None:
        await self._look_around()
        if self._wishes.get(wish.port) is wish:
            self._feed(core.Want(wish.port, secrets.token_bytes(pcp.NONCE_SIZE)))

    async def _look_around(self) -> None:
        """Find out whether the router is still the same."""
        async with self._moving:
            place = _place() if self._family == socket.AF_INET else _place_6()
            if self._router is not None and self._router.place == place:
                return
            left, self._router = self._router, None
            if left is not None:
                await left.close()
            if place is not None:
                try:
                    self._router = await _Router.reach(place, self._feed, self._family)
                except OSError as error:
                    log.debug("= no socket towards the router: %s", type(error).__name__)
            self._feed(core.Placed(None if self._router is None else place))

    def _release(self, wish: MappedPort) -> None:
        if self._wishes.get(wish.port) is wish:
            del self._wishes[wish.port]
            self._feed(core.Release(wish.port))

    def _feed(self, event: core.Event) -> None:
        self._driver.feed(event)
        if self._machine.is_clear:
            self._clear.set()

    def _perform(self, effect: core.Effect) -> None:
        match effect:
            case core.Tell(port, state):
                log.debug("= port mapping: %s", state.outcome.value)
                if (wish := self._wishes.get(port)) is not None:
                    wish.note(state)
            case core.Search() | core.Map() | core.Unmap() if self._router is not None:
                self._router.perform(effect)
            case _:
                pass  # the router is gone; the machine hears of it next


class _Router:
    """Conversations with one router, in all protocols."""

    def __init__(self, place: Place, feed: Feed, family: socket.AddressFamily) -> None:
        self.place = place
        self._feed = feed
        self._zone = _zone_of(place) if family == socket.AF_INET6 else None
        self._tasks = Tasks()
        self._sockets: dict[Protocol | None, asyncio.DatagramTransport] = {}
        self._public = ""
        "As NAT-PMP has it."
        self._ports: dict[int, bytes] = {}
        "Asked for here, with their nonces."
        self._igd: Igd | Firewall | None = None
        self._pinholes: dict[int, str] = {}
        self._finding: asyncio.Task[None] | None = None
        self._calls: dict[int, asyncio.Task[None]] = {}

    @classmethod
    async def reach(cls, place: Place, feed: Feed, family: socket.AddressFamily) -> "_Router":
        """Make the sockets for it; nothing is sent yet.

        Raises:
            OSError: the system refused a socket.
        """
        self = cls(place, feed, family)
        own = (place.address, 0)
        hears = {Protocol.PCP: self._hear_pcp, Protocol.NAT_PMP: self._hear_nat_pmp}
        try:
            for protocol in _PROTOCOLS[family]:
                if protocol in hears:
                    where = (place.router, nat_pmp.PORT)
                    await self._open(protocol, hears[protocol], local_addr=own, remote_addr=where)
            await self._open(Protocol.UPNP, self._hear_ssdp, sock=_search_socket(place, self._zone))
            if (announcements := _announcement_socket(place, self._zone)) is not None:
                await self._open(None, self._hear_announcement, sock=announcements)
        except BaseException:
            await self.close()
            raise
        return self

    async def close(self) -> None:
        """Close the sockets."""
        await self._tasks.close()
        for transport in self._sockets.values():
            transport.abort()

    def perform(self, effect: core.Search | core.Map | core.Unmap) -> None:
        """Send what the machine orders."""
        own = self.place.address
        if isinstance(effect, core.Map):
            self._ports[effect.port] = effect.nonce
        match effect:
            case core.Search(Protocol.PCP):
                self._send(Protocol.PCP, pcp.encode_announce(own))
            case core.Search(Protocol.NAT_PMP):
                self._send(Protocol.NAT_PMP, nat_pmp.encode_address_request())
            case core.Search(Protocol.UPNP):
                group = igd.SEARCH_GROUP if self._zone is None else igd.SEARCH_GROUP_6
                zone = () if self._zone is None else (0, self._zone)
                for host in (group, self.place.router.partition("%")[0]):
                    self._send(Protocol.UPNP, igd.encode_search(host), (host, igd.SEARCH_PORT, *zone))
            case core.Map(Protocol.PCP, port, nonce, external, lifetime):
                request = pcp.encode_map_request(own, nonce, port, external, round(lifetime))
                self._send(Protocol.PCP, request)
            case core.Unmap(Protocol.PCP, port, nonce, external):
                self._send(Protocol.PCP, pcp.encode_map_request(own, nonce, port, external, 0))
            case core.Map(Protocol.NAT_PMP, port, _, external, lifetime):
                self._send(Protocol.NAT_PMP, nat_pmp.encode_address_request())  # it may have changed
                self._send(Protocol.NAT_PMP, nat_pmp.encode_map_request(port, external, round(lifetime)))
            case core.Unmap(Protocol.NAT_PMP, port):
                self._send(Protocol.NAT_PMP, nat_pmp.encode_map_request(port, 0, 0))
            case core.Map(Protocol.UPNP) | core.Unmap(Protocol.UPNP):
                self._call(effect)

    # -- UDP ------------------------------------------------------------------------------

    async def _open(self, protocol: Protocol | None, hear: Callable[[bytes], None], **where: Any) -> None:
        def refused() -> None:
            if protocol in (Protocol.PCP, Protocol.NAT_PMP):  # those who search may be answered all the same
                self._feed(core.Absent(protocol))

        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Datagrams(self.place.router, hear, refused), **where
        )
        self._sockets[protocol] = transport

    def _send(self, protocol: Protocol, data: bytes, to: tuple[Any, ...] | None = None) -> None:
        try:
            self._sockets[protocol].sendto(data, to)
        except OSError as error:
            log.debug("> router: %s: %s", protocol.value, type(error).__name__)

    def _hear_pcp(self, data: bytes) -> None:
        match pcp.decode_answer(data):
            case pcp.Announced(epoch):
                self._feed(core.Found(Protocol.PCP, epoch=epoch))
            case pcp.MapAnswer(epoch, nonce, port, external, lifetime) if self._ports.get(port) == nonce:
                self._hear_map(Protocol.PCP, port, external, lifetime, epoch)
            case pcp.Denied(_, nonce) as denied:
                known = [port for port, other in self._ports.items() if other == nonce]
                if denied.speaks_other or not nonce:
                    self._feed(core.Absent(Protocol.PCP))
                elif known:
                    self._feed(core.Denied(Protocol.PCP, known[0]))

    def _hear_nat_pmp(self, data: bytes) -> None:
        match nat_pmp.decode_answer(data):
            case nat_pmp.AddressAnswer(epoch, host):
                self._public = host
                self._feed(core.Found(Protocol.NAT_PMP, host, epoch))
            case nat_pmp.MapAnswer(epoch, port, external, lifetime) if port in self._ports and self._public:
                self._hear_map(Protocol.NAT_PMP, port, Endpoint(self._public, external), lifetime, epoch)
            case nat_pmp.Denied(_, is_map) as denied:
                if denied.has_no_address:
                    self._feed(core.Found(Protocol.NAT_PMP, ""))
                elif denied.speaks_other or not is_map:
                    self._feed(core.Absent(Protocol.NAT_PMP))
                else:
                    for port in list(self._ports):  # it does not say which
                        self._feed(core.Denied(Protocol.NAT_PMP, port))

    def _hear_map(self, protocol: Protocol, port: int, external: Endpoint, lifetime: int, epoch: int) -> None:
        if lifetime:
            self._feed(core.Granted(protocol, port, external, lifetime, epoch))
        else:
            self._ports.pop(port, None)
            self._feed(core.Removed(protocol, port))

    def _hear_announcement(self, data: bytes) -> None:
        if data[:1] == b"\2":
            self._hear_pcp(data)
        elif Protocol.NAT_PMP in self._sockets:
            self._hear_nat_pmp(data)

    # -- UPnP -----------------------------------------------------------------------------

    def _hear_ssdp(self, data: bytes) -> None:
        page = igd.decode_search_answer(data, self.place.router)
        if self._finding is None or self._finding.done():
            self._finding = self._tasks.start(self._find(page), "find an IGD")

    async def _find(self, page: igd.Page) -> None:
        self._igd = await find_igd(self.place, page, self._pinholes)
        if self._igd is not None:
            self._feed(core.Found(Protocol.UPNP, self._igd.host))
        else:
            self._feed(core.Absent(Protocol.UPNP))

    def _call(self, effect: core.Map | core.Unmap) -> None:
        running = self._calls.get(effect.port)
        if running is None or running.done() or isinstance(effect, core.Unmap):
            work = self._map(effect) if isinstance(effect, core.Map) else self._unmap(effect)
            self._calls[effect.port] = self._tasks.start(work, "call an IGD")

    async def _map(self, effect: core.Map) -> None:
        result = None
        if self._igd is not None:
            result = await self._igd.map(effect.port, effect.external, round(effect.lifetime))
        if self._calls.get(effect.port) is asyncio.current_task():
            del self._calls[effect.port]  # what is fed now may give rise to the next call
        match result:
            case Endpoint():
                self._feed(core.Granted(Protocol.UPNP, effect.port, result, effect.lifetime))
            case igd.Fault():
                self._feed(core.Denied(Protocol.UPNP, effect.port, result.is_conflict))
            case None:
                self._feed(core.Absent(Protocol.UPNP))

    async def _unmap(self, effect: core.Unmap) -> None:
        if self._igd is None or await self._igd.unmap(effect.port, effect.external):
            self._feed(core.Removed(Protocol.UPNP, effect.port))


class _Datagrams(asyncio.DatagramProtocol):
    """Passes on the datagrams of the router and drops all others."""

    def __init__(self, router: str, hear: Callable[[bytes], None], refused: Callable[[], None]) -> None:
        self._router = address_of(router)
        self._hear = hear
        self._refused = refused

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        if address_of(addr[0]) != self._router:
            return
        try:
            self._hear(data)
        except RemoteProtocolError as error:
            log.debug("< router: %s", error.code.value)

    def error_received(self, exc: Exception) -> None:
        if isinstance(exc, ConnectionError):  # ICMP: the port is closed. Windows calls it a reset.
            self._refused()


def _place() -> Place | None:
    """Find the IPv4 router; None unless router and our address are private, because there is no NAT then."""
    found = interfaces.way_out()
    if found is None or any(scope_of(str(address)) is not Scope.PRIVATE for address in found):
        return None
    return Place(*(str(address) for address in found))


def _place_6() -> Place | None:
    """Find the IPv6 router; None unless our address is public, because a pinhole would lead nowhere."""
    found = interfaces.way_out_6()
    if found is None or scope_of(str(found[1])) is not Scope.PUBLIC:
        return None
    return Place(found[0], str(found[1]))


def _zone_of(place: Place) -> int:
    """The number of the interface behind which an IPv6 router is; 0 if that is not said.

    Raises:
        OSError: it has gone.
    """
    name = place.router.partition("%")[2]
    return socket.if_nametoindex(name) if name else 0


def _search_socket(place: Place, zone: int | None) -> socket.socket:
    """Make a socket to search the router with; by IPv6 the system picks the address of ours (Annex A).

    Raises:
        OSError: the system refused the socket.
    """
    sock = socket.socket(socket.AF_INET if zone is None else socket.AF_INET6, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if zone is None:
            sock.bind((place.address, 0))
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(place.address))
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, _HOPS)
        else:
            sock.bind(("::", 0))
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, zone)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, _HOPS)
    except BaseException:
        sock.close()
        raise
    return sock


def _announcement_socket(place: Place, zone: int | None) -> socket.socket | None:
    """Listen for a router that says it has restarted. Only where no firewall asks the person about that."""
    if sys.platform != "linux":
        return None
    sock = socket.socket(socket.AF_INET if zone is None else socket.AF_INET6, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if zone is None:
            sock.bind((nat_pmp.ANNOUNCE_GROUP, nat_pmp.ANNOUNCE_PORT))
            group = socket.inet_aton(nat_pmp.ANNOUNCE_GROUP) + socket.inet_aton(place.address)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        else:  # all computers there are in it as they are
            sock.bind((pcp.ANNOUNCE_GROUP_6, nat_pmp.ANNOUNCE_PORT, 0, zone))
    except OSError:
        sock.close()
        return None
    return sock
