"""The server's connections, dispatch and matchmaking, as they are, against clients that mean no good.

Only the accounts behind them are an invention, and the transport under them.
"""

import asyncio
import logging
from collections import Counter
from pathlib import Path
from typing import Any, cast

import msgspec
from cryptography.hazmat.primitives.asymmetric import ed25519

from floater.codes import Code
from floater.crypto.certificate import make_certified_key
from floater.errors import RemoteProtocolError, ServerRefused
from floater.tasks import Tasks
from floater.wire import control
from floater.wire.codec import UnknownType
from floater.wire.control import CLIENT_MESSAGES, SERVER_MESSAGES
from floater.wire.endpoint import Endpoint
from floater.wire.frame import SERVER_LEG, FrameReader
from server.bus.local import LocalBus
from server.config import ServerConfig
from server.core.observations import Observations
from server.gateway.backend import Backend
from server.gateway.connection import Connection
from server.gateway.streams import Stream, Streams
from server.services.account_parts import Session, Source
from server.services.accounts import Accounts
from server.services.keys import Keys
from server.services.matchmaking import Matchmaking
from server.services.tickets import TicketSigner
from tests.fuzz.choose import Choices, make_header

_CONFIG = ServerConfig(data_dir=Path("/nowhere"), message_rate=1e6, message_burst=1_000_000)
_SERVER_KEY = make_certified_key()
_KEYS = Keys(server_key=_SERVER_KEY, ticket=ed25519.Ed25519PrivateKey.generate(), relay=bytes(32))
_LOOP = asyncio.new_event_loop()


class _Faults(logging.Handler):
    """Whatever the server calls an error is a bug here."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(record)


class _Watched:
    """Look at the logs of server and tasks for a while."""

    def __enter__(self) -> _Faults:
        self._faults = _Faults()
        for name in ("server", "floater"):
            logging.getLogger(name).addHandler(self._faults)
        return self._faults

    def __exit__(self, *error: object) -> None:
        for name in ("server", "floater"):
            logging.getLogger(name).removeHandler(self._faults)


class _Accounts:
    """Everybody is one of four people, and a token is their number."""

    async def log_in(self, m: control.LogIn, source: Source) -> tuple[Session, control.LoggedIn]:
        await asyncio.sleep(0)
        if not m.email:
            raise ServerRefused(Code.WRONG_LOG_IN)
        return self._session(len(m.email), m.id)

    async def restore(self, m: control.Restore, source: Source) -> tuple[Session, control.LoggedIn]:
        await asyncio.sleep(0)
        if not m.token:
            raise ServerRefused(Code.SESSION_ENDED)
        return self._session(len(m.token), m.id)

    @staticmethod
    def _session(number: int, id_: int) -> tuple[Session, control.LoggedIn]:
        account = number % 4
        return Session(account, f"user {account}", b"hash"), control.LoggedIn(id_, f"user {account}", "token")

    async def set_username(self, session: Session, m: control.SetUsername) -> control.LoggedIn:
        await asyncio.sleep(0)
        return control.LoggedIn(m.id, "new name")

    async def log_out(self, session: Session) -> None:
        await asyncio.sleep(0)

    @staticmethod
    def is_current(session: Session) -> bool:
        return True

    @property
    def passwords(self) -> "_Accounts":
        return self

    def __getattr__(self, name: str) -> Any:
        async def done(m: control.Request, *rest: object) -> control.Done:
            await asyncio.sleep(0)
            return control.Done(rest[0].id if isinstance(m, Session) else m.id)  # type: ignore[attr-defined]

        return done


class _Socket:
    def setsockopt(self, *option: int) -> None:
        """Nothing is set."""


class _Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__({"socket": _Socket()})
        self.connection: Connection | None = None
        self.written = bytearray()
        self._closing = False

    def write(self, data: Any) -> None:
        if not self._closing:
            self.written += data

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            _LOOP.call_soon(self._gone)

    abort = close

    def is_closing(self) -> bool:
        return self._closing

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        del high, low

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def _gone(self) -> None:
        assert self.connection is not None
        self.connection.connection_lost(None)


class _Client:
    """One hostile client: what it said, and what it was told."""

    def __init__(self, backend: Backend, streams: Streams, number: int) -> None:
        stream = streams.admit(Endpoint(f"203.0.113.{number}", 5_000), now=_LOOP.time())
        assert stream is not None
        self.connection = Connection(stream, backend)
        self.transport = _Transport()
        self.transport.connection = self.connection
        self.connection.connection_made(self.transport)
        self.asked: Counter[int] = Counter()
        self.answered: Counter[int] = Counter()
        self.muddled = False
        self.id = 0
        self._reader = FrameReader(SERVER_LEG)

    def say(self, choices: Choices) -> None:
        """Send a message, good or bad, or bytes that are none."""
        if self.transport.is_closing():
            return
        if choices.chance(64):
            self.muddled = True  # what follows is read from a wrong place on
            self.connection.data_received(choices.take(40))
            return
        cls = choices.pick(control.ClientMessage.__args__)
        header = make_header(cls, choices)
        if cls is not control.Hello and not choices.chance(32):
            self.id += 1
            header["id"] = self.id
        if cls is control.Seek and not choices.chance(16):
            header["certificate"] = _SERVER_KEY.certificate
        frame = _frame(header)
        try:
            message = CLIENT_MESSAGES.decode(FrameReader(SERVER_LEG).feed(frame)[0])
        except UnknownType as unknown:
            if unknown.id:  # otherwise nobody waits
                self.asked[unknown.id] += 1
        except RemoteProtocolError:
            self.muddled = True
        else:
            if isinstance(message, control.Request):
                self.asked[message.id] += 1
        self.connection.data_received(frame)

    def listen(self) -> None:
        """Read what was told: each answer is to a question, and comes once."""
        data, self.transport.written = bytes(self.transport.written), bytearray()
        for frame in self._reader.feed(data):
            message = SERVER_MESSAGES.decode(frame)
            if isinstance(message, control.Done | control.LoggedIn | control.Refused) and message.id:
                self.answered[message.id] += 1


def _frame(header: dict[str, Any]) -> bytes:
    data = msgspec.json.encode(header)
    return len(data).to_bytes(2, "big") + bytes(4) + data


async def _story(choices: Choices) -> None:
    backend = Backend(
        config=_CONFIG,
        accounts=cast(Accounts, _Accounts()),
        matchmaking=Matchmaking(_CONFIG, TicketSigner(_KEYS), LocalBus()),
        observations=Observations[Stream](),
        observers=(":1",),
        ticket_key=bytes(32),
        tasks=Tasks(),
    )
    streams = Streams(_CONFIG)
    clients: list[_Client] = []
    while choices.left:
        if not clients or (len(clients) < 4 and choices.chance(8)):
            clients.append(_Client(backend, streams, len(clients) + 1))
            clients[-1].connection.data_received(_frame({"type": "hello", "versions": [1]}))
        client = choices.pick(clients)
        match choices.below(12):
            case 0:
                client.transport.close()
                clients.remove(client)
            case 1 | 2:
                await asyncio.sleep(0)
            case _:
                client.say(choices)
        for someone in clients:
            someone.listen()
    for _ in range(200):
        await asyncio.sleep(0)
    for client in clients:
        client.listen()
        if not client.muddled:
            assert client.answered <= client.asked, client.answered - client.asked
            assert client.transport.is_closing() or client.answered == client.asked, client.asked
    for client in clients:
        client.transport.close()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(backend.matchmaking._guests) == 0
    assert not backend.connections
    backend.matchmaking.close()
    await backend.tasks.close()


def gateway_sequence(data: bytes) -> None:
    """Requests of several clients, in any order: each is answered once, or the stream ends."""
    with _Watched() as faults:
        _LOOP.run_until_complete(_story(Choices(data[:400])))
    assert not faults.seen, [record.exc_info or record.getMessage() for record in faults.seen]
