"""The program knows the class of every NAT of the laboratory, by six connections at most, before a press."""

import asyncio
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
import pytest

from floater.wire.nat import Nat, Stray
from tests.natlab.asking import BEHIND, ask_behind, build, expected, observing_server
from tests.natlab.packets import Packet
from tests.natlab.places import Host
from tests.natlab.scene import Scene

pytestmark = [pytest.mark.natlab, pytest.mark.asyncio]

RTT: Final = 0.08
BESIDE: Final = 2
"Connections that are none of the program's questions: the control connection, and the test's floor."
AT_ONCE: Final = 4


async def test_the_class_of_every_nat_is_known_before_anybody_presses(tmp_path: Path) -> None:
    assert len(BEHIND) >= 20
    with Scene(rtt=RTT) as scene:
        server_host = scene.host("server", addresses=2)
        hosts = {name: build(scene, name) for name in BEHIND}
        scene.capture("server")
        async with observing_server(tmp_path / "server", server_host) as server:
            found = await asyncio.to_thread(ask_behind, list(hosts.values()), server.url, at_once=AT_ONCE)
        packets = scene.seen("server")
    wrong, knocks = [], []
    for (name, host), asked in zip(hosts.items(), found, strict=True):
        dialled, knocked, places = dials(packets, host)
        knocks.append(knocked)
        print(
            f"{name:16} {asked.took / RTT:5.2f} RTT (floor {asked.floor / RTT:.2f}),"
            f" all {asked.settled_after:.2f} s,"
            f" {dialled - BESIDE} connections, {knocked} knocks, {asked.settled}"
        )
        assert dialled - BESIDE <= 6
        assert places <= 2, "strangers knock from two"
        want = expected(name)
        if without_ports(asked.settled) != want:
            wrong.append(f"{name}: {asked.settled} instead of {want}")
        if without_stray(asked.nat) != without_stray(want):
            wrong.append(f"{name}, when the port was ready: {asked.nat} instead of {want}")
    assert wrong == []
    # The kernel knocks again, and answers are late, where the machine stands still; not for most of them.
    assert median(knocks) <= 2, "one SYN from each place"
    assert median(asked.took for asked in found) < 2 * median(asked.floor for asked in found)


def without_ports(nat: Nat) -> Nat:
    return msgspec.structs.replace(nat, ports=())


def without_stray(nat: Nat) -> Nat:
    """What is known a round trip before the fate of strangers is."""
    return msgspec.structs.replace(nat, stray=Stray.UNKNOWN, ports=())


def dials(packets: list[Packet], host: Host) -> tuple[int, int, int]:
    """Connections from a host to the server; SYNs that went the other way, and from how many places."""
    syns = [packet for packet in packets if packet.is_bare_syn]
    there = {
        (packet.source_port, packet.target, packet.target_port)
        for packet in syns
        if packet.source == host.public
    }
    back = [(packet.source, packet.source_port) for packet in syns if packet.target == host.public]
    return len(there), len(back), len(set(back))
