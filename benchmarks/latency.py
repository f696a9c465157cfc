"""Measure from `send_text` at one side to `text` at the other, against a bare TCP echo of the same size.

Both clients, the echo server and its client live in this process, on one
loop; the text crosses loopback over the talk's own link (mutual TLS 1.3). The
echo crosses it twice, the text once, so the comparison favours the echo.

Then the same while a file goes the same way as fast as it can, between
headless clients in processes of their own: on loopback, and, as root, between
two computers 80 ms apart whose lines carry 20 Mbit/s. Beside it an idle TCP
connection between the same two computers is asked, with and without the file.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

from benchmarks.bare import PAUSE, Echo
from benchmarks.people import Someone, two_talking
from benchmarks.report import aim, note, percentile, spread, start, table
from floater import api
from floater.core.talk.intake import BODIES, MESSAGES
from tests.helpers.headless import Person, Program, Server, greet, meet
from tests.natlab.lab import Lab, Line
from tests.natlab.namespaces import missing

AIM = 0.003
WARM_UP = 50
LONGEST = 30.0
"Seconds for the texts of one size; the larger, the fewer."
RTT: Final = 0.08
RATE: Final = 2_500_000.0
"Bytes a second."
AIM_BESIDE: Final = 0.1
"Seconds that a file may add to a text, at the 95th percentile: too short to notice."
FILE: Final = 8_000_000_000
"Bytes of the file, more than pass while texts are measured; it is then cancelled."


async def echoes(size: int, times: int) -> list[float]:
    """Return the round trips of `size` bytes over a bare TCP connection, in seconds."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    took = []
    for _ in range(times):
        began = perf_counter()
        writer.write(bytes(size))
        await reader.readexactly(size)
        took.append(perf_counter() - began)
    writer.close()
    await writer.wait_closed()
    server.close()
    return took


async def texts(sender: Someone, listener: Someone, size: int, times: int) -> list[float]:
    """Return the seconds from the command at one side to the event at the other."""
    text = "x" * size
    took = []
    for _ in range(times):
        began = perf_counter()
        await sender.client.do(api.SendText(text))
        at, heard = await listener.heard.get()
        assert len(heard.text) == size
        took.append(at - began)
        await asyncio.sleep(pause(size))
    return took


def pause(size: int) -> float:
    """Return the seconds between two texts of this size at which the receiver goes on reading."""
    return max(1 / MESSAGES[0], size / BODIES[0])


@dataclass
class Flow:
    """Two people in a talk, and beside them a client and a server of the echo."""

    words: str
    alice: Person
    bob: Person
    asker: Program
    folder: Path

    async def texts(self, times: int) -> tuple[list[float], list[float]]:
        """Seconds of so many texts of Alice, one way, and of what was asked meanwhile, there and back."""
        took, answered = [], len(self.asker.everything)
        for number in range(times):
            began = perf_counter()
            said = self.alice.do("send_text", text=f"{number}")
            await asyncio.gather(said, self.bob.event("text", text=f"{number}"))
            took.append(perf_counter() - began)
            await asyncio.sleep(PAUSE)
        return took, [line["seconds"] for line in self.asker.everything[answered:]]

    async def beside_a_file(self, times: int) -> tuple[list[float], list[float], float]:
        """Measure the same while Alice sends a file, and at how many bytes a second it comes meanwhile."""
        path = self.folder / "file.bin"
        with path.open("wb") as file:
            file.truncate(FILE)
        await self.alice.do("send_file", path=str(path))
        transfer = (await self.bob.event("offer"))["transfer_id"]
        await self.bob.do("accept", transfer_id=transfer, to=str(self.bob.data_dir))
        await self.texts(WARM_UP)  # until it has its full speed
        self.bob.forget()
        before, began = (await self.bob.event("progress"))["bytes"], perf_counter()
        took, asked = await self.texts(times)
        self.bob.forget()
        pace = ((await self.bob.event("progress"))["bytes"] - before) / (perf_counter() - began)
        await self.alice.do("cancel", transfer_id=transfer)
        await self.bob.event("failed", transfer_id=transfer)
        return took, asked, pace


@asynccontextmanager
async def flow(lab: Lab | None) -> AsyncIterator[Flow]:
    """Let two meet and greet, on loopback or in the laboratory."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="floater-bench-")))
        prefixes: list[list[str]] = [[], [], []]
        address, at_bob = "127.0.0.1", "127.0.0.1"
        if lab is not None:
            line = Line(delay=RTT / 4, rate=RATE)
            hosts = lab.host("server"), lab.host("alice", line=line), lab.host("bob", line=line)
            prefixes = [list(host.prefix) for host in hosts]
            address, at_bob = hosts[0].address, hosts[2].address
        server = Server(folder / "server", listen=f"{address}:0", prefix=prefixes[0])
        await stack.enter_async_context(server)
        alice, bob = [
            await stack.enter_async_context(Person(server, folder / name, prefix=prefix))
            for name, prefix in zip(("alice", "bob"), prefixes[1:], strict=True)
        ]
        bare = [sys.executable, "-m", "benchmarks.bare"]
        echo = Program([*bare, "echo", at_bob], folder / "echo.log", prefix=prefixes[2])
        await stack.enter_async_context(echo)
        port = str((await echo.event("ready"))["port"])
        asker = Program([*bare, "ask", at_bob, port], folder / "ask.log", prefix=prefixes[1])
        await stack.enter_async_context(asker)
        for person in (alice, bob):
            await person.sign_up_and_log_in(f"{person.data_dir.name}@example.org", person.data_dir.name)
        path, _ = await meet(alice, bob)
        await greet(alice, bob)
        where = "loopback" if lab is None else f"{RTT * 1e3:.0f} ms, {RATE * 8e-6:.0f} Mbit/s"
        yield Flow(f"{where}, path {path['kind']}", alice, bob, asker, folder)


async def beside(flow: Flow, times: int) -> None:
    """Measure without a file, with one, and say what the file costs a text."""
    alone, asked = await flow.texts(times)
    with_file, asked_with, pace = await flow.beside_a_file(times)

    def row(words: str, took: list[float]) -> list[str]:
        return [
            words, *(f"{percentile(took, part) * 1e3:.2f}" for part in (50, 95, 99)), str(len(took)),
        ]  # fmt: skip

    rows = [
        row("idle TCP echo, there and back", asked),
        row("text, one way", alone),
        row("idle TCP echo beside the file", asked_with),
        row("text beside the file", with_file),
    ]
    title = f"A text behind a file that goes at {pace / 1e6:.1f} MB/s: {flow.words}"
    table(title, ["milliseconds", "p50", "p95", "p99", "samples"], rows)
    more = percentile(with_file, 95) - percentile(alone, 95)
    aim("a file costs a text less than 100 ms (p95)", more < AIM_BESIDE, f"{more * 1e3:.1f} ms")


async def measure(options: argparse.Namespace) -> None:
    """Measure texts alone, then texts beside a file."""
    if options.times:
        await alone(options)
    async with flow(None) as two:
        await beside(two, options.texts)
    if (reason := missing()) is not None:
        note(f"not measured between two computers: {reason}")
        return
    with Lab() as lab:
        async with flow(lab) as two:
            await beside(two, options.texts)


async def alone(options: argparse.Namespace) -> None:
    """Take both measures in turn, for each size."""
    rows = []
    worst = 0.0
    async with two_talking() as (ann, bob, kind):
        for size in (16, 1_024, 65_536):
            times = min(options.times, int(LONGEST / pause(size)))
            await echoes(size, WARM_UP)
            await texts(ann, bob, size, WARM_UP)
            bare, ours = [], []
            for _ in range(10):  # in turn, so that other load of the machine affects both
                bare += await echoes(size, times // 10)
                ours += await texts(ann, bob, size, times // 10)
            above = percentile(ours, 95) - percentile(bare, 95)
            worst = max(worst, above)
            rows.append([f"TCP echo, {size} bytes, there and back", *spread(bare, 1e3, 3), "1.0"])
            ratio = percentile(ours, 50) / percentile(bare, 50)
            rows.append([f"text, {size} bytes, one way", *spread(ours, 1e3, 3), f"{ratio:.1f}"])
    header = ["milliseconds", "min", "median", "p95", "samples", "× echo"]
    table(f"Text latency on loopback, path {kind}, both clients in one process", header, rows)
    aim("p95 less than 3 ms above the echo's", worst < AIM, f"worst: {worst * 1e3:.2f} ms above")
    note("the text is framed, numbered, encrypted, decrypted, checked and told; the echo is none of these")


def main(argv: list[str] | None = None) -> None:
    """Read the options and measure."""

    def options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--times", type=int, default=1_000, help="samples of each")
        parser.add_argument("--texts", type=int, default=200, help="texts with, and without, a file")

    start("latency", __doc__, options, measure, argv)


if __name__ == "__main__":
    main()
