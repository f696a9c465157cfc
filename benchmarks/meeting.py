"""Measure from both pressing 聊一聊 until both can greet: on loopback, and over an Internet of 80 ms.

A real server and two headless clients, each a process of its own, driven by
JSON lines. Over loopback the floor is one round trip of `status` at both
clients, which is what the lines themselves cost. Over the wire (namespaces, a
home router before each client, 80 ms there and back) figures are in round trips.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from time import perf_counter

from benchmarks.report import aim, note, percentile, spread, start, table
from tests.helpers.headless import Person, Server, meet

RTT = 0.08
REST = 0.5
"Seconds between two meetings: a person presses no sooner, and the next punch port gets ready."


async def meetings(ann: Person, bob: Person, times: int) -> tuple[list[float], list[str], list[float]]:
    """Meet that often; return the time and path of each meeting, and the time of a command alone."""
    took, kinds, floor = [], [], []
    for _ in range(times):
        await asyncio.sleep(REST)
        for person in (ann, bob):
            person.forget()
        began = perf_counter()
        await asyncio.gather(ann.do("status"), bob.do("status"))
        floor.append(perf_counter() - began)
        began = perf_counter()
        pressed = asyncio.gather(ann.do("seek"), bob.do("seek"))
        await asyncio.gather(*(person.event("state", state="greeting") for person in (ann, bob)))
        took.append(perf_counter() - began)
        await pressed
        kinds.append((await ann.event("path"))["kind"])
        await ann.do("hang_up")
        await asyncio.gather(*(person.event("state", state="home") for person in (ann, bob)))
    return took, kinds, floor


async def two_homes(
    stack: AsyncExitStack, folder: Path, *, wire: bool, hide: bool = False
) -> tuple[Person, Person]:
    """A server and two people at home, on loopback or behind a router each."""
    if wire:
        from tests.natlab.lab import Lab

        lab = stack.enter_context(Lab(rtt=RTT))
        host = lab.host("server", addresses=2)
        places = [lab.behind("APDF", name) for name in ("ann", "bob")]
        server = Server(
            folder / "server",
            "--stun",
            f"{host.addresses[1]}:3478",
            listen=f"{host.address}:443",
            prefix=host.prefix,
        )
        prefixes: list[Sequence[str]] = [place.prefix for place in places]
    else:
        server, prefixes = Server(folder / "server"), [(), ()]
    await stack.enter_async_context(server)
    ann, bob = [
        await stack.enter_async_context(Person(server, folder / name, prefix=prefix))
        for name, prefix in zip(("ann", "bob"), prefixes, strict=True)
    ]
    for person, name in ((ann, "ann"), (bob, "bob")):
        await person.sign_up_and_log_in(f"{name}@example.org", name)
    if hide:
        await ann.do("set", hide_address=True)
    return ann, bob


async def place(
    options: argparse.Namespace, *, wire: bool, hide: bool = False
) -> tuple[list[float], str, list[float]]:
    """Measure in one place; the times, the paths in words, and the floor."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="floater-bench-")))
        ann, bob = await two_homes(stack, folder, wire=wire, hide=hide)
        await meet(ann, bob)  # one to warm up
        await ann.do("hang_up")
        await asyncio.gather(*(person.event("state", state="home") for person in (ann, bob)))
        times = options.times if not wire else options.wire_times
        took, kinds, floor = await meetings(ann, bob, times)
    return took, ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds))), floor


async def measure(options: argparse.Namespace) -> None:
    """Measure on loopback, then over the wire."""
    took, paths, floor = await place(options, wire=False)
    relayed, relay_paths, _ = await place(options, wire=False, hide=True)
    rows = [
        ["a command alone (status), both", *spread(floor, 1e3), "–"],
        ["both press → both may greet", *spread(took, 1e3), paths],
        ["the same, one hides its address", *spread(relayed, 1e3), relay_paths],
    ]
    table("Meeting on loopback", ["milliseconds", "min", "median", "p95", "meetings", "paths"], rows)
    aim("p95 less than 1 s on loopback", percentile(took, 95) < 1.0, f"{percentile(took, 95):.3f} s")
    if not options.wire_times:
        return
    try:
        from tests.natlab.namespaces import missing
    except ImportError as error:
        note(f"over the wire: not measured: {error}")
        return
    if (reason := missing()) is not None:
        note(f"over the wire: not measured: {reason}")
        return
    header = ["round trips of 80 ms", "min", "median", "p95", "meetings", "paths"]
    rows = []
    for words, hide in (("both press → both may greet", False), ("the same, one hides its address", True)):
        took, paths, _ = await place(options, wire=True, hide=hide)
        rows.append([words, *spread(took, 1 / RTT), paths])
    table("Meeting behind two port-restricted home routers, an Internet of 80 ms between", header, rows)
    note("of 4½: seek and matched 1, TCP 1, TLS 1.3 1, hello both ways 1, the leader's choice ½;")
    note("through the relay: seek 1, TCP 1, join 1, and from there on a round trip between the two counts 2")


def main(argv: list[str] | None = None) -> None:
    """Read the options and measure."""

    def options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--times", type=int, default=30, help="meetings on loopback")
        parser.add_argument("--wire-times", type=int, default=20, help="meetings over the wire; 0 for none")

    start("meeting", __doc__, options, measure, argv)


if __name__ == "__main__":
    main()
