"""The same as `peer.mjs` with py-libp2p, which dials from the port it listens on: DCUtR's punch proper.

python peer.py relay /ip4/…/tcp/…            python peer.py peer RELAY PUBLIC-ADDRESS OWN-ADDRESS

It runs in an environment of its own, made by `tests.natlab.peers.dcutr`.
"""

# mypy: disable-error-code="import-not-found, misc"

import json
import logging
import sys
import time
from typing import Any

import trio
from libp2p import new_host
from libp2p.abc import INotifee
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.relay.circuit_v2 import (
    PROTOCOL_ID,
    CircuitV2Protocol,
    CircuitV2Transport,
    DCUtRProtocol,
    RelayLimits,
)
from libp2p.relay.circuit_v2.config import RelayConfig, RelayRole
from libp2p.tools.anyio_service import background_trio_service
from multiaddr import Multiaddr

PORT = 4001
WORD = TProtocol("/natlab/word/1")
PLENTY = RelayLimits(duration=3600, data=1 << 30, max_circuit_conns=1_000, max_reservations=1_000)


def say(**line: Any) -> None:
    print(json.dumps({**line, "at": time.time()}), flush=True)


class Watch(INotifee):
    """Says of each connection, but those to the relay, what it goes through."""

    def __init__(self, relay: ID) -> None:
        self._relay = relay

    async def connected(self, network: Any, conn: Any) -> None:
        if conn.muxed_conn.peer_id != self._relay:
            places = [str(place) for place in conn.get_transport_addresses()]
            relayed = all("/p2p-circuit" in place for place in places)
            say(open="relay" if relayed else "direct")

    async def disconnected(self, network: Any, conn: Any) -> None:
        pass

    async def opened_stream(self, network: Any, stream: Any) -> None:
        pass

    async def closed_stream(self, network: Any, stream: Any) -> None:
        pass

    async def listen(self, network: Any, multiaddr: Any) -> None:
        pass

    async def listen_close(self, network: Any, multiaddr: Any) -> None:
        pass


async def relay(place: str) -> None:
    listen = Multiaddr(place)
    host = new_host(listen_addrs=[listen])
    protocol = CircuitV2Protocol(host, limits=PLENTY, allow_hop=True)
    async with host.run(listen_addrs=[listen]), background_trio_service(protocol):
        await protocol.event_started.wait()
        roles = RelayRole.HOP | RelayRole.STOP | RelayRole.CLIENT
        CircuitV2Transport(host, protocol, RelayConfig(roles=roles, limits=PLENTY))
        say(ready=f"{place}/p2p/{host.get_id()}")
        await trio.sleep_forever()


async def peer(place: str, own: str) -> None:
    listen = Multiaddr(f"/ip4/{own}/tcp/{PORT}")
    host = new_host(listen_addrs=[listen])
    protocol, dcutr = CircuitV2Protocol(host, limits=PLENTY), DCUtRProtocol(host)
    there = info_from_p2p_addr(Multiaddr(place))
    host.get_network().register_notifee(Watch(there.peer_id))
    host.set_stream_handler(WORD, echo)
    async with host.run(listen_addrs=[listen]), background_trio_service(protocol):
        await protocol.event_started.wait()
        transport = CircuitV2Transport(host, protocol, RelayConfig(limits=PLENTY))
        async with background_trio_service(dcutr), trio.open_nursery() as nursery:
            transport.create_listener(echo)
            await host.connect(there)
            hop = await host.new_stream(there.peer_id, [PROTOCOL_ID])
            if await transport.reserve(hop, there.peer_id, nursery):
                say(ready=f"{place}/p2p-circuit/p2p/{host.get_id()}")
            async for line in trio.wrap_file(sys.stdin):
                try:
                    other = ID.from_string(line.strip().rpartition("/")[2])
                    await transport.dial(Multiaddr(line.strip()))
                    nursery.start_soon(dcutr.initiate_hole_punch, other)  # it would by itself, 2 s later
                    stream = await host.new_stream(other, [WORD])
                    await stream.write(b"!")
                    await stream.read(1)
                    say(word=True)
                except Exception as error:
                    say(error=type(error).__name__)
            nursery.cancel_scope.cancel()


async def echo(stream: Any) -> None:
    await stream.write(await stream.read(1))
    await stream.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    what, where, *addresses = sys.argv[1:]
    trio.run(*((relay, where) if what == "relay" else (peer, where, addresses[1])))
