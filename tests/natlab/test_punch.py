"""Each technique joins, directly, a pair of NATs that needs it: real programs, a round trip of 80 ms."""

import contextlib
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from floater.net.sockets import connect_low, punch_socket
from floater.wire.endpoint import Endpoint
from tests.natlab.lab import Lab
from tests.natlab.peers.floater import Floater
from tests.natlab.rows import IN_TIME, RTT, Pair, Setting
from tests.natlab.scene import Host
from tests.natlab.town import Town

pytestmark = pytest.mark.natlab

PATIENCE: Final = 3.0
REPEATED: Final = 1.0
"Seconds after which the kernel sends a SYN again (RFC 6298 §2)."

PAIRS: Final = (
    ("APDF", "APDF", 0.0, {"public"}),
    ("APDF", "SYNBLOCK", 0.0, {"public", "opener", "incoming"}),
    ("RST", "RST", 0.3, {"public", "opener", "incoming"}),
    ("ICMP", "RST", -0.3, {"public", "opener", "incoming"}),
    ("POISON", "POISON", 0.3, {"public", "opener", "incoming"}),
    ("APDF", "SYM-SEQ", 0.0, {"prediction"}),
    ("APDF", "SYM-BLOCK", 0.0, {"block_scan"}),
    ("APDF", "SYM-RAND", 0.0, {"birthday"}),
    ("RST", "SYM-RAND", 0.0, {"birthday"}),
    ("SYNBLOCK", "SYM-RAND", 0.0, {"birthday"}),
    ("SYM-SEQ", "SYM-SEQ", 0.0, {"prediction"}),
    ("SYM-SEQ", "SYM-BLOCK", 0.0, {"block_scan"}),
    ("SYM-BLOCK", "SYM-BLOCK", 0.0, {"block_scan"}),
)
"The kinds of NAT, by how many seconds the second hears later that it is matched, and what may find the way."


@pytest.mark.asyncio
@pytest.mark.timeout(400)
async def test_each_technique_joins_a_pair_that_needs_it(tmp_path: Path) -> None:
    kinds = dict.fromkeys(kind for one, other, *_ in PAIRS for kind in (one, other))
    with Lab(rtt=RTT) as lab:
        town = Town(lab, kinds)
        async with Floater.settled(town, tmp_path) as program:
            for one, other, skew, hows in PAIRS:
                run = await town.join(program, Pair(one, other), Setting(skew))
                assert run.direct is not None, run
                assert run.direct < IN_TIME + abs(skew), run
                assert set(run.how.split("/")) <= hows | {"public"}, run
                assert hows == {"public"} or hows & set(run.how.split("/")), run


@pytest.mark.asyncio
@pytest.mark.timeout(200)
async def test_where_a_nat_lets_no_syn_in_no_side_waits_for_a_repetition(tmp_path: Path) -> None:
    """The order in which the other side opens is there at once. Of three runs the quickest counts."""
    pairs = Pair("SYNBLOCK", "SYM-SEQ"), Pair("SYNBLOCK", "SYM-BLOCK")
    with Lab(rtt=RTT) as lab:
        town = Town(lab, dict.fromkeys(kind for pair in pairs for kind in pair))
        async with Floater.settled(town, tmp_path) as program:
            for pair in pairs:
                runs = [await town.join(program, pair, Setting()) for _ in range(3)]
                # After a repetition, SYN, SYN-ACK and TLS would take two and a half round trips.
                assert min(run.proved or IN_TIME for run in runs) < REPEATED + 2 * RTT, runs


def test_a_low_syn_opens_our_nat_and_keeps_its_socket() -> None:
    """What the opener of lane 1 lives by, between two NATs that punish a SYN which comes too early."""
    with Lab(rtt=RTT) as lab:
        opener, caller = lab.behind("POISON", "opener"), lab.behind("RST", "caller")
        lab.capture("caller")
        with bound(opener, 40_001) as low, bound(caller, 40_002) as late, bound(caller, 40_003) as stranger:
            assert connect_low(low, Endpoint(caller.public, 40_002)) != 0
            # "Time exceeded" comes back in much less than a round trip, and ends nothing.
            assert not select.select([], [low], [], 2 * RTT)[1]
            assert not [packet for packet in lab.seen("caller") if packet.source == opener.public]
            stranger.connect_ex((opener.public, 40_001))
            began = time.monotonic()
            late.connect_ex((opener.public, 40_001))
            for sock in (late, low):
                assert select.select([], [sock], [], PATIENCE)[1]
                assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
            assert time.monotonic() - began < REPEATED, "the first SYN came in, not a repetition"
            assert not select.select([], [stranger], [], 2 * RTT)[1]


@contextlib.contextmanager
def bound(host: Host, port: int) -> Iterator[socket.socket]:
    with host.namespace.entered():
        sock = punch_socket(socket.AF_INET, port)
    with sock:
        yield sock
