"""Clients that speak the protocol byte by byte, so that they can also speak it badly."""

import asyncio
import email
import email.policy
import re
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from floater.crypto.certificate import CertifiedKey, make_certified_key
from floater.wire import control
from floater.wire.codec import Codec, Message, encode
from floater.wire.control import SERVER_MESSAGES
from floater.wire.frame import SERVER_LEG, Frame, FrameLimits, FrameReader
from floater.wire.relay import PREAMBLE, RELAY_ANSWERS, Join
from server.app import RunningServer, running_server
from server.config import ServerConfig

WITHIN: Final = 30.0
PASSWORD: Final = "correct horse battery staple"
PLAIN_HASH: Final = {"hash_memory": 8, "hash_passes": 1}
"Cheap hashing: what it costs is tested elsewhere."

M = TypeVar("M", bound=Message)


@asynccontextmanager
async def a_server(folder: Path, **knobs: Any) -> AsyncIterator[RunningServer]:
    """Run a server on loopback."""
    defaults: dict[str, Any] = {
        "data_dir": folder,
        "listen": "127.0.0.1:0",
        "goodbye_jitter": 0.0,
        **PLAIN_HASH,
    }
    async with running_server(ServerConfig(**{**defaults, **knobs})) as server:
        yield server


def client_tls(alpn: str | None = "floater/1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols([alpn])
    return context


class Stream:
    """A stream to the server: bytes, frames."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limits: FrameLimits = SERVER_LEG
    ) -> None:
        self.reader, self.writer = reader, writer
        self._frames = FrameReader(limits)
        self._arrived: list[Frame] = []

    @classmethod
    async def open(
        cls, port: int, *, tls: str | None = "floater/1", receive_buffer: int = 0, source: str = ""
    ) -> Self:
        """Connect; `tls` is the ALPN name, None for a bare stream; `source` is our address, if it matters."""
        sock = socket.socket()
        if source:
            sock.bind((source, 0))
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, ("127.0.0.1", port))
        context = client_tls(tls) if tls else None
        reader, writer = await asyncio.open_connection(
            sock=sock, ssl=context, server_hostname="x" if context else None, limit=1 << 20
        )
        return cls(reader, writer)

    @property
    def local_port(self) -> int:
        """Our side's port."""
        return int(self.writer.get_extra_info("sockname")[1])

    def say(self, *what: Message | bytes) -> None:
        """Write messages, or bytes as they are."""
        for item in what:
            self.writer.write(item if isinstance(item, bytes) else encode(item))

    async def frame(self) -> Frame | None:
        """The next frame; None at the end of the stream."""
        async with asyncio.timeout(WITHIN):
            while not self._arrived:
                try:
                    data = await self.reader.read(65_536)
                except ConnectionError:
                    data = b""
                if not data:
                    return None
                self._arrived += self._frames.feed(data)
        return self._arrived.pop(0)

    async def message(self, codec: Codec[Any] = SERVER_MESSAGES) -> Any:
        """The next message; None at the end of the stream."""
        frame = await self.frame()
        return None if frame is None else codec.decode(frame)

    async def expect(self, kind: type[M], codec: Codec[Any] = SERVER_MESSAGES) -> M:
        """The next message, which has to be of this kind."""
        message = await self.message(codec)
        assert isinstance(message, kind), message
        return message

    async def expect_end(self) -> None:
        """Nothing more may come."""
        assert await self.message() is None

    async def close(self) -> None:
        """Hang up."""
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class Guest(Stream):
    """A client that has said hello."""

    welcome: control.Welcome
    _next_id: int = 0

    @classmethod
    async def arrive(cls, server: RunningServer, *, port: int = 0, source: str = "") -> Self:
        """Connect and say hello, by another port and from a certain address if they matter."""
        guest = await cls.open(port or server.ports[0], source=source)
        guest.say(control.Hello(versions=(1,)))
        guest.welcome = await guest.expect(control.Welcome)
        return guest

    def new_id(self) -> int:
        """An id that was not used yet."""
        self._next_id += 1
        return self._next_id

    async def answer(self, id_: int) -> Any:
        """The answer to a request; it has to be the next message."""
        message = await self.message()
        assert getattr(message, "id", None) == id_, message
        return message

    async def ask(self, kind: type[control.Request], **fields: Any) -> Any:
        """Ask, and return the answer."""
        id_ = self.new_id()
        self.say(kind(id=id_, **fields))
        return await self.answer(id_)

    async def sign_up(self, server: RunningServer, name: str) -> None:
        """Make an account, by the code of the mail."""
        address = f"{name}@example.org"
        done = await self.ask(control.SignUp, email=address, username=name, password=PASSWORD, adult=True)
        assert isinstance(done, control.Done), done
        code = await code_in_mail(server.backend.config.data_dir / "outbox", address)
        done = await self.ask(control.Activate, email=address, code=code)
        assert isinstance(done, control.Done), done

    async def log_in(self, name: str) -> str:
        """Log in; returns the token."""
        answer = await self.ask(control.LogIn, email=f"{name}@example.org", password=PASSWORD)
        assert isinstance(answer, control.LoggedIn), answer
        return answer.token

    async def seek(self, *, match_key: CertifiedKey | None = None, **fields: Any) -> CertifiedKey:
        """Press the button."""
        match_key = match_key or make_certified_key()
        done = await self.ask(control.Seek, certificate=match_key.certificate, **fields)
        assert isinstance(done, control.Done), done
        return match_key


@asynccontextmanager
async def people(server: RunningServer, *names: str) -> AsyncIterator[list[Guest]]:
    """People who have just signed up and are logged in."""
    guests = []
    try:
        for name in names:
            guests.append(await Guest.arrive(server))
            await guests[-1].sign_up(server, name)
            await guests[-1].log_in(name)
        yield guests
    finally:
        for guest in guests:
            await guest.close()


async def code_in_mail(outbox: Path, address: str) -> str:
    """The six digits of the mail to that address, as soon as it is there."""
    async with asyncio.timeout(WITHIN):
        while True:
            for path in outbox.glob("*.eml") if outbox.exists() else ():
                mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
                body = mail.get_body(("plain",))
                if address in str(mail["To"]) and body is not None:
                    found = re.search(r"^\s*(\d{6})\s*$", body.get_content(), re.MULTILINE)
                    if found:
                        return found[1]
            await asyncio.sleep(0.01)


async def meet(one: Guest, other: Guest, **fields: Any) -> tuple[control.Matched, control.Matched]:
    """Let two people seek and find each other."""
    await one.seek(**fields)
    await other.seek(**fields)
    return await one.expect(control.Matched), await other.expect(control.Matched)


async def relay_stream(
    server: RunningServer, token: bytes, *, tls: str | None = None, receive_buffer: int = 0
) -> Stream:
    """Ask the relay to be let in."""
    stream = await Stream.open(server.ports[0], tls=tls, receive_buffer=receive_buffer)
    stream.say(PREAMBLE, Join(token=token))
    return stream


async def relay_answer(stream: Stream) -> Any:
    """What the relay says."""
    return await stream.message(RELAY_ANSWERS)
