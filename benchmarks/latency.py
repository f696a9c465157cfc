"""From `send_text` at one side to `text` at the other, against a bare TCP echo of the same size.

Both clients, the echo server and its client live in this process, on one
loop; the text crosses loopback over the talk's own link (mutual TLS 1.3). The
echo crosses it twice, the text once, so the comparison favours the echo.
"""

import argparse
import asyncio
from time import perf_counter

from benchmarks.bare import Echo
from benchmarks.people import Someone, two_talking
from benchmarks.report import aim, note, percentile, spread, start, table
from floater.bridge import api

AIM = 0.003
WARM_UP = 50


async def echoes(size: int, times: int) -> list[float]:
    """Seconds that `size` bytes take there and back over a bare TCP connection."""
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
    """Seconds from the wish at one side to the event at the other."""
    text = "x" * size
    took = []
    for _ in range(times):
        began = perf_counter()
        await sender.client.do(api.SendText(text))
        at, heard = await listener.heard.get()
        assert len(heard.text) == size
        took.append(at - began)
    return took


async def measure(options: argparse.Namespace) -> None:
    """Take both measures in turn, for each size."""
    rows = []
    worst = 0.0
    async with two_talking() as (ann, bob, kind):
        for size in (16, 1_024, 65_536):
            await echoes(size, WARM_UP)
            await texts(ann, bob, size, WARM_UP)
            bare, ours = [], []
            for _ in range(10):  # in turn, so that whatever else the machine does falls on both
                bare += await echoes(size, options.times // 10)
                ours += await texts(ann, bob, size, options.times // 10)
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

    start("latency", __doc__, options, measure, argv)


if __name__ == "__main__":
    main()
