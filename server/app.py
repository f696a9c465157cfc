"""Build a server and run it: in its own process, in a test, or inside `floater host`.

::

    async with running_server(ServerConfig(data_dir=folder, listen="127.0.0.1:0")) as server:
        print(server.url)
"""

import asyncio
import asyncio.sslproto
import logging
import random
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from floater.codes import Code
from floater.errors import FloaterError, Refused
from floater.lock import SERVER_FILE, FolderLock
from floater.tasks import Tasks
from floater.wire.url import ServerUrl
from server.bus.local import LocalBus
from server.config import ServerConfig, parse_place
from server.core.networks import is_loopback, parse_networks
from server.core.observations import Observations
from server.core.rates import parse_rates
from server.errors import CannotStart, FolderInUse
from server.gateway.backend import Backend
from server.gateway.connection import Connection
from server.gateway.http import http_protocol
from server.gateway.listener import Listener, Protocols, listen, server_tls
from server.gateway.observer import Observer
from server.gateway.prober import Prober
from server.gateway.relay import Relay
from server.gateway.streams import Stream, Streams
from server.services.accounts import open_accounts
from server.services.keys import open_keys
from server.services.matchmaking import Matchmaking
from server.services.tickets import TicketSigner

log = logging.getLogger("server.app")

GOODBYE: Final = 2.0
"Seconds that clients have to read our goodbye."
_LEAST_PAUSE: Final = 1.0
"Seconds for which a client is asked to stay away, at least, when the server closes."
_TLS_BUFFER: Final = 16_384
"Bytes asyncio's own TLS keeps for each connection instead of 256 KiB; uvloop keeps none."
_WILDCARDS: Final = ("0.0.0.0", "::")


@dataclass(frozen=True)
class RunningServer:
    """A server that accepts connections."""

    url: str
    "`floater://HOST:PORT#FINGERPRINT`, for clients."
    ports: tuple[int, ...]
    "The main port, then those of the observers."
    public_url: str
    "Where the pages are."
    backend: Backend
    relay: Relay


@asynccontextmanager
async def running_server(config: ServerConfig) -> AsyncIterator[RunningServer]:
    """Run a server for the length of the block, then say goodbye to every client.

    Raises:
        CannotStart: with a sentence for the operator.
    """
    async with AsyncExitStack() as stack:
        stack.callback(_hold(config.data_dir).give_back)
        keys = open_keys(config.data_dir)
        main, observers = _listening(config)
        for sock in (main, *observers):
            stack.callback(sock.close)
        config, url = _addressed(config, main, keys.fingerprint)
        tasks, bus = Tasks(), LocalBus()
        try:
            for limit, count in (
                (config.match_limit, 2),
                (config.handshake_limit, 2),
                (config.wave_limit, 1),
            ):
                parse_rates(limit, count)
            parse_networks(config.trusted_proxy)
            prober = Prober(config.probe_limit, _addresses(main, *observers), tasks)
            accounts = await stack.enter_async_context(open_accounts(config, bus))
        except (FloaterError, ValueError) as error:
            raise CannotStart(_sentence(error)) from error
        asyncio.sslproto.SSLProtocol.max_size = min(asyncio.sslproto.SSLProtocol.max_size, _TLS_BUFFER)

        signer = TicketSigner(keys)
        matchmaking = Matchmaking(config, signer, bus)
        stack.callback(matchmaking.close)
        streams, observations = Streams(config), Observations[Stream]()
        stack.push_async_callback(tasks.close)
        backend = Backend(
            config=config,
            accounts=accounts,
            matchmaking=matchmaking,
            observations=observations,
            observers=_observer_places(main, observers),
            ticket_key=signer.public_key,
            tasks=tasks,
        )
        relay = Relay(config, signer, matchmaking.may_relay)
        protocols = Protocols(
            client=partial(Connection, backend=backend),
            relay=relay.protocol,
            observer=partial(Observer, observations=observations, prober=prober),
            http=partial(http_protocol, accounts=accounts, config=config),
        )
        listener = Listener(config, server_tls(keys.server_key), protocols, streams, tasks)
        listener.open(main)
        for sock in observers:
            listener.open(sock, observer_only=True)
        tasks.start(_sweep(config, streams, relay), "sweep")
        ports = tuple(sock.getsockname()[1] for sock in (main, *observers))
        log.info("= listening, %d observers", len(observers) + 1)
        try:
            yield RunningServer(url, ports, config.public_url, backend, relay)
        finally:
            listener.close()
            await _say_goodbye(backend, streams)
            log.info("= closed")


def _hold(data_dir: Path) -> FolderLock:
    """Keep other servers off the data folder: each would know of its own people and talks alone."""
    lock = FolderLock(data_dir, SERVER_FILE)
    try:
        lock.take()
    except Refused as error:
        if error.code is Code.DATA_DIR_IN_USE:
            raise FolderInUse(
                f"Another server works on the data folder {data_dir}; stop it, or use another folder."
            ) from error
        cause = error.__cause__
        why = cause.strerror if isinstance(cause, OSError) else error.code.value
        raise CannotStart(f"The data folder {data_dir} cannot be used: {why}.") from error
    return lock


# -- places -------------------------------------------------------------------------------


def _listening(config: ServerConfig) -> tuple[socket.socket, tuple[socket.socket, ...]]:
    """Open the main port and the observers'; two more ports beside the main one unless others are named."""
    opened: list[socket.socket] = []
    try:
        opened.append(listen(config.listen))
        host, wanted = parse_place(config.listen)
        port = opened[0].getsockname()[1]
        if config.stun:
            opened.extend(listen(place) for place in config.stun)
        else:
            beside = (port + 1, port + 2) if wanted and port + 2 <= 65_535 else (0, 0)
            opened.extend(_listen_near(host, near) for near in beside)
    except BaseException:
        for sock in opened:
            sock.close()
        raise
    return opened[0], tuple(opened[1:])


def _listen_near(host: str, port: int) -> socket.socket:
    bracketed = f"[{host}]" if ":" in host else host
    try:
        return listen(f"{bracketed}:{port}")
    except CannotStart:
        return listen(f"{bracketed}:0")


def _observer_places(main: socket.socket, observers: tuple[socket.socket, ...]) -> tuple[str, ...]:
    """Return the observers' addresses for `welcome`: `:port` for the host that clients use already."""
    main_host = main.getsockname()[0]
    places = []
    for sock in (*observers, main):
        host, port = sock.getsockname()[:2]
        same = host == main_host or host in _WILDCARDS
        places.append(f":{port}" if same else f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    return tuple(places[:8])


def _addresses(*listeners: socket.socket) -> list[str]:
    """Return the addresses that are certain to be ours, each once."""
    named = (sock.getsockname()[0] for sock in listeners)
    return list(dict.fromkeys(host for host in named if host not in _WILDCARDS))


def _addressed(config: ServerConfig, main: socket.socket, fingerprint: bytes) -> tuple[ServerConfig, str]:
    """Fill in what depends on the port: return the knobs with the pages' address, and the server's URL."""
    host, port = main.getsockname()[:2]
    named = config.public_host or (
        parse_place(config.listen)[0] if host not in _WILDCARDS else _own_address()
    )
    url = ServerUrl(named, port, fingerprint)
    bare = str(ServerUrl(named, port, None)).removeprefix("floater://")
    # Where the URL and the links in mails lead to this computer, only this computer's users are served.
    local = config.local or (is_loopback(host) and not config.public_host and not config.public_url)
    return replace(config, local=local, public_url=config.public_url or f"https://{bare}"), str(url)


def _own_address() -> str:
    """Return the address from which this machine reaches others. Nothing is sent."""
    for family, anywhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((anywhere, 9))
                return str(probe.getsockname()[0])
        except OSError:
            continue
    return "127.0.0.1"


def _sentence(error: FloaterError | ValueError) -> str:
    if not isinstance(error, FloaterError):
        return f"The SMTP URL, a trusted proxy or one of the limits makes no sense: {error}."
    if error.code is Code.SCHEMA_TOO_NEW:
        return "The data folder was written by a later version of this program; use that version."
    return f"The data folder cannot be used: {error.detail or error.code.value}."


# -- life ---------------------------------------------------------------------------------


async def _sweep(config: ServerConfig, streams: Streams, relay: Relay) -> None:
    """Enforce the deadlines of all connections, about once a second."""
    loop = asyncio.get_running_loop()
    shortest = min(
        config.handshake_timeout,
        config.log_in_timeout,
        config.silence_limit,
        config.relay_join_timeout,
        config.relay_wait,
        config.relay_idle,
    )
    pause = min(1.0, shortest / 4)
    before = loop.time()
    while True:
        await asyncio.sleep(pause)
        now = loop.time()
        streams.sweep(now)
        relay.sweep(now - before)
        before = now


async def _say_goodbye(backend: Backend, streams: Streams) -> None:
    loop = asyncio.get_running_loop()
    for connection in list(backend.connections):
        pause = _LEAST_PAUSE + random.random() * backend.config.goodbye_jitter
        connection.dismiss(Code.SERVER_CLOSING, pause)
    streams.close()
    until = loop.time() + GOODBYE
    while len(streams) and loop.time() < until:
        await asyncio.sleep(0.01)
    streams.abort()
    await asyncio.sleep(0)
