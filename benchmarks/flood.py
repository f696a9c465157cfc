"""Send a hundred messages a second both ways for a minute; count those lost or out of order.

Both clients run in this process, on one loop. For comparison, in the same run,
the same bytes at the same rate over one bare TCP echo.
"""

import argparse
import asyncio
from time import perf_counter, process_time

from benchmarks.bare import Echo
from benchmarks.people import Someone, two_talking
from benchmarks.report import aim, spread, start, table
from floater import api

SIZE = 200


async def pour(sender: Someone, rate: float, seconds: float) -> list[float]:
    """Send `rate` texts a second; return when each was sent."""
    began, said = perf_counter(), []
    for number in range(int(rate * seconds)):
        await asyncio.sleep(began + number / rate - perf_counter())
        said.append(perf_counter())
        await sender.client.do(api.SendText(f"{number} ".ljust(SIZE, ".")))
    return said


async def catch(listener: Someone, count: int) -> tuple[list[float], int, int]:
    """Receive that many; return when each came, how many are missing, and how many were out of order."""
    times: list[float] = []
    wrong = 0
    for expected in range(count):
        try:
            async with asyncio.timeout(20.0):
                at, heard = await listener.heard.get()
        except TimeoutError:
            return times, count - expected, wrong
        times.append(at)
        wrong += not heard.text.startswith(f"{expected} ")
    return times, 0, wrong


async def bare(rate: float, seconds: float) -> list[float]:
    """Return the round trips over TCP, in seconds, for the same bytes at the same rate."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    took = []
    began = perf_counter()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(began + number / rate - perf_counter())
        sent = perf_counter()
        writer.write(bytes(SIZE))
        await reader.readexactly(SIZE)
        took.append(perf_counter() - sent)
    writer.close()
    await writer.wait_closed()
    server.close()
    return took


async def measure(options: argparse.Namespace) -> None:
    """Let both send at once, then count."""
    count = int(options.rate * options.seconds)
    echo = await bare(options.rate, min(options.seconds, 10.0))
    async with two_talking() as (ann, bob, kind):
        cpu = process_time()
        said_a, said_b, heard_b, heard_a = await asyncio.gather(
            pour(ann, options.rate, options.seconds),
            pour(bob, options.rate, options.seconds),
            catch(bob, count),
            catch(ann, count),
        )
        cpu = process_time() - cpu
        async with asyncio.timeout(10.0):
            while ann.delivered < count or bob.delivered < count:
                await asyncio.sleep(0.02)
        lost, disordered = heard_a[1] + heard_b[1], heard_a[2] + heard_b[2]
        rows = [
            ["TCP echo, there and back", *spread(echo, 1e3, 3)],
            ["text, ann to bob", *spread([b - a for a, b in zip(said_a, heard_b[0], strict=False)], 1e3, 3)],
            ["text, bob to ann", *spread([b - a for a, b in zip(said_b, heard_a[0], strict=False)], 1e3, 3)],
        ]
    title = (
        f"{options.rate:g} messages a second both ways for {options.seconds:g} s, {SIZE} bytes, path {kind}"
    )
    table(title, ["milliseconds", "min", "median", "p95", "samples"], rows)
    aim(
        "none lost, order kept, all confirmed",
        not lost and not disordered,
        f"{lost} lost, {disordered} astray",
    )
    aim(
        "less than one processor for both clients",
        cpu < options.seconds,
        f"{cpu / options.seconds:.1%} of one",
    )


def main(argv: list[str] | None = None) -> None:
    """Read the options and measure."""

    def options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--seconds", type=float, default=60.0)
        parser.add_argument("--rate", type=float, default=100.0, help="messages a second, each way")

    start("flood", __doc__, options, measure, argv)


if __name__ == "__main__":
    main()
