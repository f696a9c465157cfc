"""Probe how a client's NAT filters: RFC 5780's CHANGE-REQUEST over TCP (spec §5.1).

A SYN goes only to the endpoint of a finished handshake, so a client has sent
more than it causes to be sent. Each connection gets one SYN from each source,
up to the rate that the operator allows.
"""

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Final

from floater.tasks import Tasks
from floater.wire.endpoint import Endpoint
from floater.wire.nat import Stray
from floater.wire.stun import Probe
from server.core.call_rates import CallRates
from server.core.networks import network_of, site_of
from server.core.rates import parse_rates

PROBE_TIMEOUT: Final = 0.9
"Seconds after which a SYN counts as dropped: less than TCP's first repetition, so only one is sent."
_UNDER_WAY: Final = (0, errno.EINPROGRESS, errno.EWOULDBLOCK)
_FATES: Final = {
    0: Stray.ACCEPTED,
    errno.ECONNREFUSED: Stray.RESET,
    errno.EHOSTUNREACH: Stray.UNREACHABLE,
    errno.ENETUNREACH: Stray.UNREACHABLE,
    errno.EACCES: Stray.UNREACHABLE,  # ICMPv6: administratively prohibited
}
_LINGER_NOT: Final = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class Prober:
    """Sends single SYNs and reports what became of each.

    Args:
        limit: COUNT/SECONDS twice, for one source and in all; empty: no SYN is sent.
        addresses: those that are known to be this server's.

    Raises:
        ValueError: `limit` is not one of these.
    """

    def __init__(self, limit: str, addresses: Sequence[str], tasks: Tasks) -> None:
        rates = parse_rates(limit, 0, 2)
        self._rates = CallRates(of_network=rates[0], in_all=rates[1]) if rates else None
        self._addresses = tuple(addresses)
        self._tasks = tasks

    def probe(self, wanted: Probe, asker: Endpoint, own: str, tell: Callable[[Probe, Stray], None]) -> Probe:
        """Send SYNs to `asker` from the sources it wants, at once.

        Args:
            wanted: the sources.
            asker: the other end of its connection.
            own: our address at this end of it.
            tell: called with the fate of each SYN, within PROBE_TIMEOUT.

        Returns:
            The sources from which SYNs are under way.
        """
        elsewhere = (one for one in self._addresses if one != own and (":" in one) == (":" in own))
        sources = {Probe.OTHER_PORT: own, Probe.OTHER_ADDRESS: next(elsewhere, None)}
        under_way = Probe.NONE
        for probe in wanted:
            source = sources[probe]
            if source is None or not self._may(asker):
                continue
            if (syn := _send_syn(source, asker)) is not None:
                under_way |= probe
                self._tasks.start(_follow(syn, probe, tell), "probe")
        return under_way

    def _may(self, asker: Endpoint) -> bool:
        if self._rates is None:
            return False
        network, site = network_of(asker.host), site_of(asker.host)
        return not self._rates.take(network=network, site=site, now=asyncio.get_running_loop().time())


def _send_syn(source: str, target: Endpoint) -> socket.socket | None:
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        return None  # no descriptor left
    try:
        sock.setblocking(False)
        sock.bind((source, 0))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        if sock.connect_ex(tuple(target)) in _UNDER_WAY:
            return sock
    except OSError:
        pass  # no such address any more, or no port left
    sock.close()
    return None


async def _follow(syn: socket.socket, probe: Probe, tell: Callable[[Probe, Stray], None]) -> None:
    loop = asyncio.get_running_loop()
    answered = asyncio.Event()
    loop.add_writer(syn, answered.set)
    fate = Stray.DROPPED
    try:
        async with asyncio.timeout(PROBE_TIMEOUT):
            await answered.wait()
        fate = _FATES.get(syn.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), Stray.DROPPED)
    except TimeoutError:
        pass
    finally:
        loop.remove_writer(syn)
        syn.close()
    tell(probe, fate)
