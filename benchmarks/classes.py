"""Measure how soon the class of a NAT is known, and whether it is right, for every kind of the laboratory.

The client's own code asks a real server over an Internet of 80 ms, behind one
NAT after the other (namespaces; needs root). The floor is measured at the same
place: a bare connect and one request, two round trips. For comparison:
Tailscale's netcheck, UDP only, allows itself 5 s.
"""

import argparse
import asyncio
import tempfile
from collections import Counter
from pathlib import Path

import msgspec

from benchmarks.report import aim, note, percentile, start, table
from floater.core.meet.observe import MAX_QUESTIONS
from floater.wire.nat import Nat, Stray

RTT = 0.08


async def measure(options: argparse.Namespace) -> None:
    """Build all NATs, and let a client behind each find out its class, one after the other."""
    try:
        from tests.natlab.asking import BEHIND, Asked, ask_behind, build, expected, observing_server
        from tests.natlab.namespaces import missing
        from tests.natlab.scene import Scene
    except ImportError as error:
        note(f"not measured: {error}")
        return
    if (reason := missing()) is not None:
        note(f"not measured: {reason}")
        return
    found: dict[str, list[Asked]] = {name: [] for name in BEHIND}
    with Scene(rtt=RTT) as scene, tempfile.TemporaryDirectory(prefix="floater-bench-") as folder:
        server_host = scene.host("server", addresses=2)
        hosts = {name: build(scene, name) for name in BEHIND}
        async with observing_server(Path(folder) / "server", server_host) as server:
            for _ in range(options.times):
                for name, host in hosts.items():
                    found[name] += await asyncio.to_thread(ask_behind, [host], server.url, at_once=1)
    rows = []
    for name, all_asked in found.items():
        want = expected(name)
        right = sum(_plain(asked.settled) == want for asked in all_asked)
        soon = sum(_early(asked.nat) == _early(want) for asked in all_asked)
        took = [asked.took / RTT for asked in all_asked]
        rows.append(
            [
                f"{name}: {_words(want)}",
                f"{soon}/{len(all_asked)}",
                f"{percentile(took, 50):.2f}",
                f"{max(took):.2f}",
                f"{percentile([asked.floor / RTT for asked in all_asked], 50):.2f}",
                f"{right}/{len(all_asked)}",
                f"{percentile([asked.settled_after for asked in all_asked], 50):.2f}",
                f"{max(asked.answers for asked in all_asked)}",
            ]
        )
    header = ["NAT", "right", "median RTT", "max RTT", "floor RTT", "stray too", "after s", "answers"]
    table(f"What is known of a NAT when the port is ready, {RTT * 1e3:.0f} ms away", header, rows)
    every = [asked for all_asked in found.values() for asked in all_asked]
    took = [asked.took / RTT for asked in every]
    floor = percentile([asked.floor / RTT for asked in every], 50)
    wrong = Counter(
        name
        for name, all_asked in found.items()
        for one in all_asked
        if _plain(one.settled) != expected(name)
    )
    kinds = len(found) - len(wrong)
    aim(
        f"right for {len(found)} of {len(found)} kinds", not wrong, f"{kinds}; wrong: {dict(wrong) or 'none'}"
    )
    median, late = percentile(took, 50), percentile(took, 95)
    own = (median - floor) * RTT
    aim(
        "2 RTT, and at most 20 ms of our own, in the median",
        own <= 0.02,
        f"{median:.2f} RTT, {own * 1e3:.0f} ms above the floor of {floor:.2f}; p95 {late:.2f}",
    )
    most = max(asked.answers for asked in every)
    aim(f"at most {MAX_QUESTIONS} connections", most <= MAX_QUESTIONS, str(most))


def _words(nat: Nat) -> str:
    return ", ".join(word.value for word in (nat.mapping, nat.filtering, nat.allocation))


def _plain(nat: Nat) -> Nat:
    return msgspec.structs.replace(nat, ports=())


def _early(nat: Nat) -> Nat:
    """Return the part known after two round trips: probes are reported in the third, or after a second."""
    return msgspec.structs.replace(nat, stray=Stray.UNKNOWN, ports=())


def main(argv: list[str] | None = None) -> None:
    """Read the options and measure."""

    def options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--times", type=int, default=5, help="how often each NAT is asked about")

    start("classes", __doc__, options, measure, argv)


if __name__ == "__main__":
    main()
