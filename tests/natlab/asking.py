"""What the program itself finds out about a NAT of the laboratory, and how long it takes to.

The client's own code runs in a thread that lives on the host: `welcome` from a
real server, then `prepare_punch_port`, as before a press of 聊一聊.
"""

import asyncio
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from floater.config import ClientConfig
from floater.core.person.reconnect import Reached
from floater.net.punch_port import prepare_punch_port
from floater.net.server_link import ServerLink
from floater.wire import stun
from floater.wire.endpoint import Endpoint
from floater.wire.nat import Allocation, Filtering, Mapping, Nat, Stray
from floater.wire.url import ServerUrl, parse_server_url
from tests.helpers.headless import Server
from tests.natlab import nats
from tests.natlab.places import Host
from tests.natlab.scene import Scene

PORTS: Final = (443, 3478)
"Of the observers, at each address of the server."


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was found out. Times are seconds since the beginning."""

    nat: Nat
    "When the port was ready."
    took: float
    settled: Nat
    "When nothing more was to come."
    settled_after: float
    answers: int
    floor: float
    "What connecting and asking once takes, without our code: two round trips."


def observing_server(folder: Path, host: Host) -> Server:
    """A server that can tell all classes apart: two addresses, two ports at each."""
    places = [f"{address}:{port}" for port in PORTS for address in host.addresses[:2]]
    options = [word for place in places[1:] for word in ("--stun", place)]
    return Server(folder, *options, listen=places[0], prefix=host.prefix)


BEHIND: Final[dict[str, tuple[str, ...]]] = {
    **{code: (code,) for code in (*nats.KINDS, *nats.OTHERS)},
    "APDF+APDF": ("APDF", "APDF"),
    "FC+SYM-RAND": ("FC", "SYM-RAND"),
    "APDF-NP+SYM-SEQ": ("APDF-NP", "SYM-SEQ"),
}
"By name: kinds of NAT between a person and the Internet, the nearest first. All single ones, some in a row."


def build(scene: Scene, name: str) -> Host:
    """Put a host behind NATs of these kinds."""
    home, *carriers = BEHIND[name]
    under = None
    for code in carriers:
        under = scene.router(code, f"{name}-carrier", is_carrier=True)
    return scene.router(home, f"{name}-home", under=under).host(name)


def expected(name: str) -> Nat:
    """Say what the program has to find out there; `ports` are left out."""
    return class_of(*(nats.kind_of(code) for code in BEHIND[name]))


def ask_behind(hosts: Sequence[Host], url: str, *, at_once: int) -> list[Asked]:
    """Let each host find out about its NAT, so many at a time."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(partial(_ask_on, parse_server_url(url)), hosts))


def class_of(*kinds: nats.Kind) -> Nat:
    """Say what the program has to find out behind these kinds, one behind the other; `ports` are left out.

    Of several in a row, the worst of each counts. What the program's words do
    not tell apart: it calls FIXED whatever gives one public port to one of
    ours, RANDOM whatever gives many of no order, and does not wait 6 s for an
    answer to strays.
    """
    found = [_class_of(kind.behaviour) for kind in kinds]
    worst = found[0]
    for other in found[1:]:
        worst = Nat(
            max(worst.mapping, other.mapping, key=list(Mapping).index),
            max(worst.filtering, other.filtering, key=list(Filtering).index),
            max(worst.allocation, other.allocation, key=list(Allocation).index),
            max(worst.stray, other.stray, key=[Stray.ACCEPTED, *Stray].index),
        )
    return worst


def _class_of(behaviour: nats.Behaviour) -> Nat:
    mapping = Mapping.OPEN if behaviour.mapping is nats.Mapping.NONE else Mapping[behaviour.mapping.name]
    anybody = behaviour.filtering is nats.Filtering.NONE
    filtering = Filtering.ENDPOINT_INDEPENDENT if anybody else Filtering[behaviour.filtering.name]
    allocation = Allocation[behaviour.allocation.name]
    if allocation is not Allocation.PRESERVED and mapping is Mapping.ENDPOINT_INDEPENDENT:
        allocation = Allocation.FIXED
    elif allocation is Allocation.FIXED:
        allocation = Allocation.RANDOM
    stray = Stray.DROPPED if behaviour.stray is nats.Stray.LATE else Stray[behaviour.stray.name]
    return Nat(mapping, filtering, allocation, stray)


def _ask_on(server: ServerUrl, host: Host) -> Asked:
    with host.namespace.entered():  # this thread does nothing else meanwhile
        return asyncio.run(_ask(server))


async def _ask(server: ServerUrl) -> Asked:
    arrived = asyncio.Event()

    def reached(news: Reached) -> None:
        if news.online:
            arrived.set()

    link = ServerLink(
        server,
        config=ClientConfig(),
        proxy=lambda: None,
        agent="natlab",
        language=lambda: "en",
        reached=reached,
        news=lambda _: None,
    )
    link.start()
    async with asyncio.timeout(20):
        await arrived.wait()
    assert link.welcome is not None
    floor = await asyncio.to_thread(_floor, Endpoint(server.host, server.port))
    began = time.monotonic()
    port = await prepare_punch_port(
        server=server, observers=link.welcome.observers, observer_key=link.welcome.observer_key
    )
    took, nat, answers = time.monotonic() - began, port.facts.nat, len(port.facts.seen)
    await port.settled()
    asked = Asked(
        nat=nat,
        took=took,
        settled=port.facts.nat,
        settled_after=time.monotonic() - began,
        answers=answers,
        floor=floor,
    )
    await port.close()
    await link.close()
    return asked


def _floor(observer: Endpoint) -> float:
    """Connect, ask, hear, and nothing else."""
    request = stun.encode(stun.BindingRequest(bytes(12), ""))
    began = time.monotonic()
    with socket.create_connection(observer, timeout=10) as stream:
        stream.sendall(request)
        assert stream.recv(1_024)
    return time.monotonic() - began
