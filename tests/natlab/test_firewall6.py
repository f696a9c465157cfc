"""Firewalls for IPv6, whatever they answer to strays: proved, and crossed by real programs."""

import itertools
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, TypeAlias

import pytest

from floater.net.sockets import connect_low
from floater.wire import nat as wire
from floater.wire.endpoint import Endpoint
from tests.helpers.headless import Person, Server
from tests.natlab.classify import PATIENCE, dial, outcome, plain_dial, shared_socket
from tests.natlab.lab import Lab
from tests.natlab.nats import Stray
from tests.natlab.peers.floater import Floater
from tests.natlab.rows import RTT, Pair, Setting
from tests.natlab.scene import Host
from tests.natlab.town import SIDES, Town

pytestmark = pytest.mark.natlab

STRAYS: Final = (Stray.DROPPED, Stray.RESET, Stray.UNREACHABLE)
SKEWS: Final = (0.0, 0.3, -0.3)
PORT: Final = 40_001
Homes: TypeAlias = dict[tuple[Stray, str], Host]


@pytest.mark.parametrize("stray", STRAYS)
def test_a_firewall_gives_strays_what_its_name_says_and_lets_in_whom_it_was_dialled_to(stray: Stray) -> None:
    with Lab(rtt=0.02, ipv6=True) as lab:
        server, alice = lab.host("server"), lab.behind("APDF", "alice", stray6=stray)
        ours, theirs = (alice.addresses[1], PORT), (server.addresses[1], PORT)
        with shared_socket(alice.namespace, ours) as listener:
            listener.listen()
            for _ in range(5):  # each one: no limit of the router's kernel stands in between
                with plain_dial(server, ours) as fate:
                    assert fate is stray
            # A SYN of ours that is lost behind the firewall opens it for the one that comes from there.
            lab.block("alice", "server")
            with dial(alice.namespace, ours, theirs) as lost:
                lab.block("alice", "server", blocked=False)
                with dial(server.namespace, theirs, ours) as crossing:
                    assert outcome(crossing, PATIENCE) is Stray.ACCEPTED
                    assert lost.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


def test_a_low_syn_that_dies_opens_the_firewall_for_who_calls_the_listener_beside_it() -> None:
    """By IPv6 "time exceeded" ends the opener's socket: no option of a socket makes it deaf (tcp_v6_err)."""
    with Lab(rtt=RTT, ipv6=True) as lab:
        hosts = homes(lab)
        for at, (one, other) in enumerate(itertools.product(STRAYS, repeat=2)):
            opener, caller = hosts[one, "a"], hosts[other, "b"]
            ours, theirs = (opener.addresses[1], PORT + at), (caller.addresses[1], PORT + at)
            with (
                shared_socket(opener.namespace, ours) as listener,
                shared_socket(opener.namespace, ours) as low,
            ):
                listener.listen()
                with plain_dial(caller, ours) as fate:
                    assert fate is one, "nobody comes in where no hole was made"
                low.setblocking(False)
                connect_low(low, Endpoint(*theirs))
                assert outcome(low) is Stray.UNREACHABLE
                with dial(caller.namespace, theirs, ours) as call:
                    assert outcome(call) is Stray.ACCEPTED
                    listener.settimeout(PATIENCE)
                    accepted, peer = listener.accept()
                    assert peer[:2] == theirs
                    accepted.close()


def homes(lab: Lab) -> Homes:
    """Two homes for each answer to strays. IPv4 leads nowhere but to port 443."""
    return {
        (stray, side): lab.behind("EGRESS", f"{stray.name.lower()}-{side}", stray6=stray)
        for stray in STRAYS
        for side in SIDES
    }


@asynccontextmanager
async def settled(lab: Lab, folder: Path, *, by_ipv4: bool) -> AsyncIterator[tuple[Floater, Homes]]:
    """Put up the homes and a server, and let everybody log in.

    Without `by_ipv4` the server has IPv6 alone. What is observed of lane 1 is
    of the family in which it is reached.
    """
    town, hosts = Town(lab, ()), homes(lab)
    by_ipv6 = town.server.addresses[-1]
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            Server(
                folder / "server",
                *(word for port in (3478, 3479) for word in ("--stun", f"[{by_ipv6}]:{port}")),
                listen=f"{town.server.address}:443" if by_ipv4 else f"[{by_ipv6}]:443",
                prefix=town.server.prefix,
            )
        )
        people = {}
        for host in hosts.values():
            person = Person(server, folder / host.name, prefix=host.prefix)
            people[host.name] = await stack.enter_async_context(person)
        for name, person in people.items():
            await person.sign_up_and_log_in(f"{name}@example.org", name)
        if not by_ipv4:
            for (stray, _), host in hosts.items():
                assert (await people[host.name].do("network"))["stray"] == wire.Stray[stray.name]
        yield Floater(town, people), hosts


@pytest.mark.asyncio
@pytest.mark.timeout(300)
@pytest.mark.parametrize("by_ipv4", [True, False])
async def test_any_two_firewalls_are_crossed_whoever_hears_later_of_the_other(
    tmp_path: Path, by_ipv4: bool
) -> None:
    failed = []
    with Lab(rtt=RTT, ipv6=True) as lab:
        async with settled(lab, tmp_path, by_ipv4=by_ipv4) as (program, hosts):
            for one, other in itertools.combinations_with_replacement(STRAYS, 2):
                for skew in SKEWS:
                    ends = hosts[one, "a"], hosts[other, "b"]
                    run = await program.join(Pair("FW", "FW"), *ends, Setting(skew))
                    print(f"{one.name} x {other.name}, {skew * 1e3:+.0f} ms: {run.how}, {run.proved} s")
                    if not run.is_direct:
                        failed.append((one, other, skew, run))
    assert failed == []
