"""Attack a server from many addresses, and count the honest who get in meanwhile.

A proxy that the server trusts names any address it likes, so one computer plays all networks. The
clocks of the limits are simulated in the cases that take half an hour.
"""

import argparse
import asyncio
import resource
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from time import perf_counter, thread_time

from sqlalchemy import insert

from benchmarks.bare import client_context
from benchmarks.report import note, start, table
from floater.codes import Code
from floater.crypto.certificate import make_certified_key
from floater.wire import control
from floater.wire.control import EndReason
from floater.wire.endpoint import Candidate, CandidateKind, Endpoint
from floater.wire.nat import UNKNOWN_NAT, Mapping, Nat
from floater.wire.relay import PREAMBLE, RELAY_ANSWERS, Join
from floater.wire.stun import BindingRequest, encode
from floater.wire.url import parse_server_url
from server.bus.local import LocalBus
from server.config import ServerConfig
from server.core.limits import STEPS, Limits
from server.core.rates import Rate, Rates, parse_rates
from server.core.targets import Targets
from server.services.accounts import open_accounts
from server.storage.tables import accounts as accounts_table
from tests.helpers.headless import Server
from tests.helpers.proxy_headers import proxy_header
from tests.server.gateway.guests import PASSWORD, Guest

PEOPLE = 24
BEHIND = ("--trusted-proxy", "127.0.0.1", "--public-host", "127.0.0.1")
PATIENCE = 10.0
"Seconds after which an honest person counts as shut out."
PACE = 0.06
"Seconds between two requests of an attacker: one connection may send 20 messages a second."
Row = list[str]


# -- clients at any address ---------------------------------------------------------------


async def dial(port: int, source: str) -> socket.socket:
    """Connect as a proxy does for a client at `source`."""
    loop, sock = asyncio.get_running_loop(), socket.socket()
    sock.setblocking(False)
    await loop.sock_connect(sock, ("127.0.0.1", port))
    await loop.sock_sendall(sock, proxy_header(Endpoint(source, 40_000)))
    return sock


async def arrive(port: int, source: str) -> Guest:
    """Connect from `source` and say hello."""
    sock = await dial(port, source)
    context = client_context("floater/1")
    guest = Guest(*await asyncio.open_connection(sock=sock, ssl=context, server_hostname="x"))
    guest.say(control.Hello(versions=(1,)))
    guest.welcome = await guest.expect(control.Welcome)
    return guest


async def gets_in(port: int, source: str) -> bool:
    """Return whether an honest person at `source` is welcomed in time."""
    try:
        async with asyncio.timeout(PATIENCE), await arrive(port, source):
            return True
    except (OSError, TimeoutError, AssertionError):
        return False


def honest(number: int) -> str:
    """The address of an honest person."""
    return f"198.51.{number}.7"


@asynccontextmanager
async def a_server(*options: str) -> AsyncIterator[int]:
    """Run a server with accounts behind a trusted proxy; yields its port."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="floater-bench-")))
        async with open_accounts(ServerConfig(data_dir=folder / "server"), LocalBus()) as accounts:
            for number in range(PEOPLE):
                email = address(number)
                password_hash = await accounts._parts.hasher.hash(email, PASSWORD)
                async with accounts._parts.database.write() as connection:
                    row = {"email": email, "address": email, "username": f"user {number}", "language": "en"}
                    row["password_hash"] = password_hash
                    await connection.execute(insert(accounts_table).values(created=0.0, **row))
        server = await stack.enter_async_context(Server(folder / "server", *BEHIND, *options))
        yield parse_server_url(server.url).port


def address(number: int) -> str:
    """The e-mail address of an account."""
    return f"user{number}@example.org"


async def log_in(guest: Guest, number: int, password: str = PASSWORD, *, device: str = "") -> object:
    """Ask to log in; return the answer."""
    return await guest.ask(control.LogIn, email=address(number), password=password, device=device)


# -- the cases ----------------------------------------------------------------------------


async def silent_streams() -> Row:
    """Two networks hold 2,000 streams that say nothing."""
    async with a_server() as port:
        held = [await dial(port, f"203.0.{n % 2}.9") for n in range(2_000)]
        came = sum([await gets_in(port, honest(n)) for n in range(40)])
        for sock in held:
            sock.close()
    return ["2,000 silent streams from 2 networks: honest let in", "0/40", f"{came}/40"]


async def observer_streams() -> Row:
    """Three networks hold 3,000 streams to the observer, and the server has room for as many."""
    async with a_server("--max-connections", "3000") as port:
        held = []
        for n in range(3_000):
            sock = await dial(port, f"203.0.{n % 3}.9")
            with suppress(OSError):
                await asyncio.get_running_loop().sock_sendall(sock, encode(BindingRequest(bytes(12), "")))
            held.append(sock)
        came = sum([await gets_in(port, honest(n)) for n in range(20)])
        for sock in held:
            sock.close()
    return ["3,000 observer streams from 3 networks, room for 3,000: honest let in", "0/20", f"{came}/20"]


def one_site(step: str, per_second: int, before: str) -> Row:
    """One IPv6 /48 asks without end for half an hour, beside one honest request a second."""
    config = ServerConfig(data_dir=Path())
    limits = Limits({each: parse_rates(getattr(config, f"{each}_limit")) for each in STEPS})
    refused = asked = 0
    for second in range(1_800):
        for n in range(per_second):
            asked += 1
            limits.take(step, now=second + n / per_second, source=f"2001:db8:1:{asked & 0xFFFF:x}::1")
        site = f"198.{second // 256}.{second % 256}.7"
        refused += limits.take(step, now=second + 1.0, source=site) > 0.0
    words = f"{per_second} `{step}` a second from one /48 for 30 min: honest refused"
    return [words, before, f"{refused / 18:.0f} %"]


async def ended_matches() -> Row:
    """Two accounts collect the relay tokens of matches that are over, and try to join them."""
    async with a_server("--match-limit", "- -") as port:
        pair = [await arrive(port, honest(n)) for n in range(2)]
        for number, guest in enumerate(pair):
            await log_in(guest, number)
        tokens = []
        for _ in range(20):
            for guest in pair:
                await guest.ask(control.Seek, certificate=make_certified_key().certificate)
            matches = [await guest.expect(control.Matched) for guest in pair]
            await pair[0].ask(control.EndMatch, match_id=matches[0].match_id, reason=EndReason.HUNG_UP)
            await pair[1].expect(control.MatchEnded)
            tokens += [match.relay_token for match in matches]
        await asyncio.sleep(0.2)
        taken = 0
        for n, token in enumerate(tokens):
            sock = await dial(port, honest(100 + n))
            stream = Guest(*await asyncio.open_connection(sock=sock))
            stream.say(PREAMBLE, Join(token=token))
            with suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    answer = await stream.message(RELAY_ANSWERS)
                    taken -= isinstance(answer, control.Refused) and answer.code == Code.RELAY_REFUSED
            taken += 1
            await stream.close()
    return ["relay tokens of ended matches that the relay takes", "all of 5,006", f"{taken} of {len(tokens)}"]


async def locked_out() -> list[Row]:
    """Others enter 10,000 wrong passwords; then the owner comes from a new place, with the right one."""
    async with a_server() as port:
        async with await arrive(port, honest(0)) as guest:
            answer = await log_in(guest, 0)
            assert isinstance(answer, control.LoggedIn)

        async def attack(n: int) -> None:
            async with await arrive(port, f"203.{n}.0.9") as attacker:
                for _ in range(100):
                    await log_in(attacker, 0, "a wrong password")
                    await asyncio.sleep(PACE)

        async with asyncio.TaskGroup() as group:
            for n in range(100):
                group.create_task(attack(n))
        told = []
        for place, device in enumerate((answer.device, ""), 1):
            async with await arrive(port, honest(place)) as guest:
                got = await log_in(guest, 0, device=device)
                told.append(got.code if isinstance(got, control.Refused) else "logged in")
    words = "10,000 wrong passwords; the owner at a new place, with the right one,"
    return [
        [f"{words} known device", "`too_many_tries`", f"`{told[0]}`"],
        [f"{words} unknown device", "`too_many_tries`", f"`{told[1]}`"],
    ]


async def hash_flood(flooders: int = 300) -> list[Row]:
    """Each of very many networks enters passwords without end, and ten honest people log in, each twice."""
    async with a_server() as port:
        going = True

        async def flood(n: int) -> None:
            with suppress(OSError, AssertionError):
                async with await arrive(port, f"203.{n % 256}.{n // 256}.9") as guest:
                    while going:
                        await log_in(guest, 1_000 + n, "a wrong password")
                        await asyncio.sleep(PACE)

        devices = []
        for number in range(10):
            async with await arrive(port, honest(number)) as guest:
                answer = await log_in(guest, number)
                assert isinstance(answer, control.LoggedIn)
                devices.append(answer.device)
        came: dict[str, list[float]] = {"known": [], "unknown": []}
        async with asyncio.TaskGroup() as group:
            for n in range(flooders):
                group.create_task(flood(n))
            await asyncio.sleep(3.0)
            for number, device in enumerate(devices):
                for kind, took in came.items():
                    began = perf_counter()
                    async with await arrive(port, honest(100 + number)) as guest:
                        answer = await log_in(guest, number, device=device if kind == "known" else "")
                        if isinstance(answer, control.LoggedIn):
                            took.append(perf_counter() - began)
            going = False
    return [
        [f"{flooders} flooders of the password queue: {kind} devices logged in", "2/10", f"{len(took)}/10"]
        for kind, took in came.items()
    ] + [["the slowest known device", "-", f"{max(came['known'], default=0.0) * 1_000:.0f} ms"]]


def aimed_waves() -> Row:
    """One client behind the exit of a VPN says to 40 strangers that its ports have to be guessed."""
    (rate,) = parse_rates(ServerConfig(data_dir=Path()).wave_limit, 1)
    targets, nat = Targets(rate), Nat(Mapping.PORT_DEPENDENT, ports=(40_000, 50_000))
    place = Candidate(CandidateKind.PUBLIC, "203.0.113.9", 40_000)
    told = [targets.known_nat(nat, (place,), user, now=user * 10.0) for user in range(40)]
    led = sum(each is not UNKNOWN_NAT for each in told)
    return ["40 strangers in 400 s led to guess ports of one address", "40", str(led)]


def full_rates() -> Row:
    """The longest request, in time of a processor, while the limits hold as many keys as they may."""
    rates, rate, longest = Rates(), Rate(5, 7_200.0), 0.0
    for n in range(260_000):
        began = thread_time()
        rates.take([(b"%d" % n, rate)], now=n * 1e-3)
        longest = max(longest, thread_time() - began)
    return ["the longest of 260,000 requests with new keys, processor", "704 ms", f"{longest * 1_000:.1f} ms"]


# -- all ----------------------------------------------------------------------------------


async def measure(options: argparse.Namespace) -> None:
    """Measure one case after the other."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    rows = [
        await silent_streams(),
        await observer_streams(),
        one_site("code", 25, "92 %"),
        one_site("sign_up", 12, "92 %"),
        one_site("forgot", 7, "98 %"),
        await ended_matches(),
        *await locked_out(),
        *await hash_flood(options.flooders),
        aimed_waves(),
        full_rates(),
    ]
    table("Attacks from many addresses", ["attack", "first measured", "now"], rows)
    note("first measured: at the state in which each attack was found, on the same computer.")


def main(argv: list[str] | None = None) -> None:
    """Read the options and measure."""

    def options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--flooders", type=int, default=300)

    start("doors", __doc__, options, measure, argv)


if __name__ == "__main__":
    main()
