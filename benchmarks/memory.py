"""Measure the memory of each idle user who is logged in, against bare TLS connections on the same loop.

Accounts and tokens are put into the server's own database; each user then
restores the log-in over TLS as a client does, and stays. Measured is what is
private to the process (USS) and what it holds in all (RSS), before and after.
The kernel's share is not in it.
"""

import argparse
import asyncio
import contextlib
import resource
import ssl
import sys
import tempfile
from pathlib import Path

from sqlalchemy import insert

from benchmarks.bare import client_context
from benchmarks.report import aim, note, start, table
from floater.wire import control
from floater.wire.codec import encode
from floater.wire.control import SERVER_MESSAGES
from floater.wire.frame import SERVER_LEG, FrameReader
from floater.wire.url import parse_server_url
from server.bus.local import LocalBus
from server.config import ServerConfig
from server.services.accounts import open_accounts
from server.services.secret import sha256
from server.storage.tables import accounts as accounts_table
from server.storage.tokens import add_token
from tests.helpers.headless import Program, Server

AT_ONCE = 40
WARM_UP = 50
CALM = 3.0
"Seconds until the temporary memory of the log-ins is freed."
AIM = 40 * 1_024


def memory_of(pid: int) -> tuple[int, int]:
    """USS and RSS of a process, in bytes.

    Raises:
        OSError: this system does not tell.
    """
    uss = rss = 0
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        name, _, rest = line.partition(":")
        if name == "Rss":
            rss = int(rest.split()[0]) * 1_024
        elif name in ("Private_Clean", "Private_Dirty"):
            uss += int(rest.split()[0]) * 1_024
    return uss, rss


async def make_accounts(data_dir: Path, count: int) -> None:
    """Put that many accounts, each with a token, into the database of a server that is not running."""
    async with (
        open_accounts(ServerConfig(data_dir=data_dir), LocalBus()) as accounts,
        accounts._parts.database.write() as connection,
    ):
        for number in range(1, count + 1):
            await connection.execute(
                insert(accounts_table).values(
                    id=number,
                    email=f"user{number}@example.org",
                    username=f"user {number}",
                    password_hash="",
                    language="en",
                    created=0.0,
                )
            )
            await add_token(connection, number, sha256(token_of(number)), accounts._parts.clock(), keep=3)


def token_of(number: int) -> str:
    """The token of a user."""
    return f"token-of-user-{number}".ljust(43, "x")


class User(asyncio.Protocol):
    """One idle user. Logs in, then says nothing."""

    def __init__(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        self.home: asyncio.Future[None] = loop.create_future()
        self._number = number
        self._reader = FrameReader(SERVER_LEG)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send `hello` and `restore`."""
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]  # of a stream it is one
        self._transport.write(encode(control.Hello((1,), "benchmark")))
        self._transport.write(encode(control.Restore(1, token_of(self._number))))

    def data_received(self, data: bytes) -> None:
        """Read the answers."""
        for frame in self._reader.feed(data):
            message = SERVER_MESSAGES.decode(frame)
            if isinstance(message, control.LoggedIn):
                self.home.set_result(None)
            elif isinstance(message, control.Refused | control.Closing) and not self.home.done():
                self.home.set_exception(RuntimeError(message.code))

    def connection_lost(self, error: Exception | None) -> None:
        """Report a connection that ended before the log-in."""
        if not self.home.done():
            self.home.set_exception(error or ConnectionError("closed"))


async def arrive(
    port: int, context: ssl.SSLContext, numbers: range, *, log_in: bool
) -> list[asyncio.BaseTransport]:
    """Let that many users connect, a few at once, and log in."""
    loop = asyncio.get_running_loop()
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> asyncio.BaseTransport:
        async with gate:
            transport: asyncio.BaseTransport
            if log_in:
                transport, user = await loop.create_connection(
                    lambda: User(number), "127.0.0.1", port, ssl=context
                )
                await user.home
            else:
                transport, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", port, ssl=context)
            return transport

    return list(await asyncio.gather(*(one(number) for number in numbers)))


async def grow(program: Program, port: int, count: int, *, log_in: bool) -> tuple[float, float]:
    """USS and RSS for each of `count` users, in bytes."""
    context = client_context("floater/1") if log_in else client_context()
    for transport in await arrive(port, context, range(count + 1, count + 1 + WARM_UP), log_in=log_in):
        transport.close()
    await asyncio.sleep(CALM)
    before = memory_of(program.process.pid)
    here = await arrive(port, context, range(1, count + 1), log_in=log_in)
    await asyncio.sleep(CALM)
    after = memory_of(program.process.pid)
    for transport in here:
        transport.close()
    return (after[0] - before[0]) / count, (after[1] - before[1]) / count


async def measure(options: argparse.Namespace) -> None:
    """Measure the server, then bare TLS."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    count = options.users
    with tempfile.TemporaryDirectory(prefix="floater-bench-") as name:
        folder = Path(name)
        await make_accounts(folder / "server", count + WARM_UP)
        try:
            async with Server(folder / "server") as server:
                ours = await grow(server, parse_server_url(server.url).port, count, log_in=True)
            argv = [sys.executable, "-m", "benchmarks.bare", "hold"]
            async with Program(argv, folder / "hold.log") as hold:
                floor = await grow(hold, (await hold.event("ready"))["port"], count, log_in=False)
        except FileNotFoundError as error:
            note(f"not measured: this system does not tell ({error.filename})")
            return
    rows = [
        [words, *(f"{figure / 1_024:.1f}" for figure in figures), f"{figures[0] / floor[0]:.2f}"]
        for words, figures in (("bare TLS 1.3 connection", floor), ("floater user, logged in, idle", ours))
    ]
    table(f"Memory for each of {count} idle connections", ["KiB", "private", "in all", "× bare"], rows)
    aim("less than 40 KiB for each idle user", ours[0] < AIM, f"{ours[0] / 1_024:.1f} KiB")


def main(argv: list[str] | None = None) -> None:
    """Read the options and measure."""

    def options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--users", type=int, default=2_000)

    start("memory", __doc__, options, measure, argv)


if __name__ == "__main__":
    main()
