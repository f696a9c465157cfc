"""Send a file of 1 GB from one headless process to another, hashed and stored, on loopback.

Compared in the same run: bare TLS between two processes on the same loop, whose
bytes are neither read, hashed nor stored; the least work of a program that hashes
and stores, without a protocol; and magic-wormhole with its own mailbox server on
loopback, which hashes and stores too; on wish also another checkout of this program (`--other FOLDER`, by
`git worktree add FOLDER COMMIT`).
"""

import argparse
import asyncio
import hashlib
import os
import shutil
import socket
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from benchmarks.report import aim, note, start, table
from floater.store.hashing import new_hash
from floater.wire.digest import Digest
from tests.helpers.headless import ROOT_VARIABLE, Person, Program, Server, greet, meet

HERE = Path(__file__).parents[1]
BLOCK = 1 << 20
LONG = 600.0


def make_file(path: Path, size: int) -> dict[str, str]:
    """Write a file of random bytes and return its digests, by their names."""
    block = hashlib.shake_128(b"floater").digest(BLOCK)
    made = {digest: new_hash(digest) for digest in Digest}
    with path.open("wb") as file:
        for at in range(0, size, BLOCK):
            piece = at.to_bytes(8, "big") + block[8 : min(BLOCK, size - at)]
            for each in made.values():
                each.update(piece[: size - at])
            file.write(piece[: size - at])
    return {digest.value: each.digest().hex() for digest, each in made.items()}


@dataclass
class Took:
    """The cost of each transfer: seconds, and processor seconds of both sides together."""

    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


def processor_time(*programs: Program) -> float:
    """Return the processor seconds of programs, user and system; 0 if the system does not tell."""
    try:
        stats = [
            Path(f"/proc/{program.process.pid}/stat").read_text(encoding="ascii") for program in programs
        ]
    except OSError:
        return 0.0
    ticks = sum(int(field) for stat in stats for field in stat.rpartition(")")[2].split()[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


class Bare:
    """TLS 1.3 between two processes, without a protocol above it.

    Args:
        sink: arguments of `benchmarks.bare` at the reading end.
        sender: those at the writing end; the port goes between the two.
    """

    def __init__(self, folder: Path, sink: Sequence[str], sender: tuple[str, str]) -> None:
        self.took = Took()
        self._folder = folder
        self._sender = sender
        self._sink = Program([sys.executable, "-m", "benchmarks.bare", *sink], folder / f"{sink[0]}.log")
        self._port = 0

    async def start(self, stack: AsyncExitStack) -> None:
        """Start the reading end."""
        await stack.enter_async_context(self._sink)
        self._port = (await self._sink.event("ready"))["port"]

    async def send(self) -> None:
        """Send that many bytes once."""
        verb, what = self._sender
        argv = [sys.executable, "-m", "benchmarks.bare", verb, str(self._port), what]
        before = processor_time(self._sink)
        async with Program(argv, self._folder / "send.log") as sender:
            sent = await sender.event("sent", within=LONG)
        self.took.seconds.append(sent["seconds"])
        self.took.processor.append(sent["processor"] + processor_time(self._sink) - before)


class Ours:
    """Two people in a talk, in two headless processes.

    Args:
        folder: where they keep what they have.
        relay: whether one of them hides the address.
        root: the checkout of the program.
    """

    def __init__(self, folder: Path, *, relay: bool = False, root: Path = HERE) -> None:
        self.took = Took()
        self._root = root
        self._relay = relay
        self._folder = folder
        self._people: list[Person] = []

    async def start(self, stack: AsyncExitStack) -> None:
        """Let the two meet and greet."""
        os.environ[ROOT_VARIABLE] = os.environ["PYTHONPATH"] = str(self._root)
        server = await stack.enter_async_context(Server(self._folder / "server"))
        for name in ("ann", "bob"):
            person = Person(server, self._folder / f"{name}")
            self._people.append(await stack.enter_async_context(person))
        ann, bob = self._people
        for person, name in ((ann, "ann"), (bob, "bob")):
            await person.sign_up_and_log_in(f"{name}@example.org", name)
        if self._relay:
            await ann.do("set", hide_address=True)
        await meet(ann, bob)
        await greet(ann, bob)
        os.environ[ROOT_VARIABLE] = os.environ["PYTHONPATH"] = str(HERE)

    async def send(self, path: Path, digests: dict[str, str]) -> None:
        """Send the file once; time it from `accept` until the sender has received `stored`."""
        ann, bob = self._people
        await ann.do("send_file", path=str(path))
        transfer = (await bob.event("offer"))["transfer_id"]
        computed, began = processor_time(ann, bob), perf_counter()
        await bob.do("accept", transfer_id=transfer, to=str(bob.data_dir))
        received = await bob.event("received", transfer_id=transfer, within=LONG)
        await ann.event("sent", transfer_id=transfer, within=LONG)
        self.took.seconds.append(perf_counter() - began)
        self.took.processor.append(processor_time(ann, bob) - computed)
        name, _, digest = received["digest"].partition(":")
        assert digest == digests[name]
        Path(received["path"]).unlink()


def free_port() -> int:
    """Return a free port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Wormhole:
    """magic-wormhole with a mailbox server of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bin = Path(sys.executable).parent
        self._url = ""
        self._server: asyncio.subprocess.Process | None = None

    @property
    def missing(self) -> str | None:
        """Return why it cannot be measured; None if it can."""
        for program in ("wormhole", "twist"):
            if shutil.which(program, path=str(self._bin)) is None:
                return f"{program} is not installed: pip install 'floater[bench]'"
        return None

    async def start(self) -> None:
        """Start the mailbox server."""
        port = free_port()
        self._url = f"ws://127.0.0.1:{port}/v1"
        with (self._folder / "mailbox.log").open("wb") as log:
            self._server = await asyncio.create_subprocess_exec(
                str(self._bin / "twist"), "wormhole-mailbox", f"--port=tcp:{port}:interface=127.0.0.1",
                cwd=self._folder, stdout=log, stderr=log,
            )  # fmt: skip
        async with asyncio.timeout(20.0):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                    continue
                writer.close()
                return

    async def send(self, path: Path, digest: str) -> float:
        """Return the seconds from the receiver's consent to the end of both programs."""
        target = self._folder / "wormhole-received"
        code = f"1-bench-{free_port()}"
        common = [str(self._bin / "wormhole"), f"--relay-url={self._url}", "--transit-helper="]
        sender = await asyncio.create_subprocess_exec(
            *common, "send", "--hide-progress", f"--code={code}", "--no-qr", str(path),
            cwd=self._folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        receiver = await asyncio.create_subprocess_exec(
            *common, "receive", "--hide-progress", "-o", str(target), code,
            cwd=self._folder, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            assert receiver.stdout is not None
            assert receiver.stdin is not None
            asked = b""
            async with asyncio.timeout(60.0):
                while b"ok?" not in asked:
                    piece = await receiver.stdout.read(4_096)
                    if not piece:
                        raise RuntimeError(asked.decode(errors="replace"))
                    asked += piece
            began = perf_counter()
            receiver.stdin.write(b"y\n")
            async with asyncio.timeout(LONG):
                await asyncio.gather(receiver.stdout.read(), receiver.wait(), sender.wait())
            took = perf_counter() - began
            with target.open("rb") as file:
                assert hashlib.file_digest(file, "sha256").hexdigest() == digest
        finally:
            for process in (sender, receiver):
                if process.returncode is None:
                    process.kill()
                    await process.wait()
            target.unlink(missing_ok=True)
        return took

    async def stop(self) -> None:
        """End the mailbox server."""
        if self._server is not None:
            self._server.terminate()
            await self._server.wait()


async def wormhole(folder: Path, path: Path, digest: str, times: int) -> list[float] | str:
    """Return the seconds for the same file by magic-wormhole, or why it was not measured."""
    peer = Wormhole(folder)
    reason = peer.missing if times else "not wanted"
    if reason is not None:
        return reason
    try:
        await peer.start()
        return [await peer.send(path, digest) for _ in range(times)]
    except (OSError, RuntimeError, TimeoutError, AssertionError) as error:
        return f"{type(error).__name__}: {str(error)[-200:]}"
    finally:
        await peer.stop()


async def measure(options: argparse.Namespace) -> None:
    """Measure each in turn."""
    size = options.size * 1_000_000
    with tempfile.TemporaryDirectory(prefix="floater-bench-", dir=options.folder) as name:
        folder = Path(name)
        path = folder / "file.bin"
        digests = make_file(path, size)
        direct, relayed = Ours(folder / "direct"), Ours(folder / "relayed", relay=True)
        other = None if options.other is None else Ours(folder / "other", root=Path(options.other).resolve())
        bare = Bare(folder, ["sink", str(size)], ("send", str(size)))
        floor = Bare(folder, ["keep", str(size), str(folder)], ("send_file", str(path)))
        async with AsyncExitStack() as stack:
            await direct.start(stack)
            await bare.start(stack)
            await floor.start(stack)
            if other is not None:
                await other.start(stack)
            for _ in range(options.times):  # in turn, so that other load of the machine affects both
                await direct.send(path, digests)
                if other is not None:
                    await other.send(path, digests)
                await bare.send()
                await floor.send()
        async with AsyncExitStack() as stack:
            await relayed.start(stack)
            await relayed.send(path, digests)
        by_wormhole = await wormhole(folder, path, digests["sha256"], options.wormhole_times)
    best = min(direct.took.seconds)

    def row(words: str, took: Took) -> list[str]:
        least, middle, most = min(took.seconds), statistics.median(took.seconds), max(took.seconds)
        computed = f"{min(took.processor):.2f}" if took.processor else "–"
        speed = f"{size / least / 1e6:.0f}"
        return [words, f"{least:.2f}", f"{middle:.2f}", f"{most:.2f}", computed, speed, f"{least / best:.2f}"]

    rows = [
        row("floater, direct, hashed and stored", direct.took),
        row("bare TLS 1.3, neither", bare.took),
        row("no protocol, hashed and stored", floor.took),
        row("floater, through the relay", relayed.took),
    ]
    if other is not None:
        rows.append(row("the other checkout, direct", other.took))
    if isinstance(by_wormhole, str):
        rows.append(["magic-wormhole: not measured", *["–"] * 6])
    else:
        rows.append(row("magic-wormhole, hashed and stored", Took(by_wormhole)))
    header = ["seconds", "min", "median", "max", "processors", "MB/s", "× ours"]
    table(f"{size / 1e9:g} GB on loopback", header, rows)
    note("compared are the quickest of each, which other work on the machine disturbs least")
    share = min(bare.took.seconds) / best
    aim("at least half the speed of bare TLS", share >= 0.5, f"{share:.2f}")
    possible = min(bare.took.seconds) / min(floor.took.seconds)
    least = min(floor.took.seconds) / best
    note(
        f"hashing and storing alone leave {possible:.2f} of the speed of bare TLS here;"
        f" of what is left, {least:.2f} is reached"
    )
    if isinstance(by_wormhole, str):
        note(f"magic-wormhole: {by_wormhole}")
    else:
        times = min(by_wormhole) / best
        aim("3 times the speed of magic-wormhole", times >= 3.0, f"{times:.1f} times")
        note(f"without a protocol it is {min(by_wormhole) / min(floor.took.seconds):.1f} times here")


def main(argv: list[str] | None = None) -> None:
    """Read the options and measure."""

    def options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--size", type=int, default=1_000, help="of the file, in MB")
        parser.add_argument("--times", type=int, default=3)
        parser.add_argument("--wormhole-times", type=int, default=1)
        parser.add_argument("--other", default=None, help="a checkout of another commit")
        parser.add_argument("--folder", default=None, help="where the file is made and stored")

    start("file", __doc__, options, measure, argv)


if __name__ == "__main__":
    main()
