"""Practise alone: a server for this computer only, and a scripted partner on it.

The partner is a client like any other; the two speak the real protocol, from the
sign-up to the hang-up.
"""

import asyncio
import random
import secrets
import struct
import tempfile
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

from floater import api
from floater.client.account import AccountCommand
from floater.client.hosting import Hosted, Hosting
from floater.client.mails import Mails
from floater.codes import Code
from floater.config import ClientConfig
from floater.errors import FloaterError
from floater.sentences import sentence
from floater.tasks import Tasks

SCRIPT: Final = ("practice.1", "practice.2", "practice.3", "practice.4", "practice.5", "practice.6")
"Keys of the partner's texts: the first it sends by itself, the others as answers; the last is repeated."
THINKING: Final = (0.8, 2.0)
"Shortest and longest pause of the partner before it acts, in seconds."
MAIL_TIME: Final = 10.0
WIDTH: Final = 640
HEIGHT: Final = 420
PICTURE_AFTER: Final = 2
"Number of our texts after which the partner offers a picture."


class _Client(Protocol):
    """The part of a client that the partner uses."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def do(self, command: api.Command) -> api.Reply: ...


MakeClient = Callable[[ClientConfig, Callable[[api.Event], None]], _Client]


class Practice:
    """One server and one partner, in a folder that is deleted at the end.

    Args:
        make_client: makes the partner's client.
        language: the language the partner speaks.
    """

    def __init__(self, make_client: MakeClient, language: str) -> None:
        self._make_client = make_client
        self._language = language
        self._folder = tempfile.TemporaryDirectory(prefix="floater-practice-")
        self._hosting = Hosting()
        self._tasks = Tasks()
        self._partner: _Client | None = None
        self._heard = 0
        self._turn = asyncio.Lock()

    async def start(self) -> Hosted:
        """Start server and partner; the partner seeks from now on.

        Raises:
            Refused: as `Hosting.start`.
        """
        home = Path(self._folder.name)
        hosted = await self._hosting.start(home / "server", alone=True, hash_memory=1_024, hash_passes=1)
        config = ClientConfig(data_dir=home / "partner", server=hosted.url, proxy="none")
        self._partner = self._make_client(config, self._hear)
        await self._partner.__aenter__()
        await enrol(self._partner.do, hosted, sentence("practice.name", self._language))
        return hosted

    async def close(self) -> None:
        """Stop both and delete the folder."""
        await self._tasks.close()
        if self._partner is not None:
            await self._partner.__aexit__(None, None, None)
        await self._hosting.close()
        self._folder.cleanup()

    # -- the script -----------------------------------------------------------------------

    def _hear(self, event: api.Event) -> None:
        match event:
            case api.StateChanged(state=api.State.HOME):
                self._heard = 0
                self._then(self._do(api.Seek()))
            case api.StateChanged(state=api.State.GREETING):
                self._then(self._do(api.Greet(self._language)))
            case api.StateChanged(state=api.State.TALKING):
                self._then(self._say(0))
            case api.TextReceived():
                self._heard += 1
                self._then(self._answer(self._heard))
            case api.Offer(transfer_id=transfer_id):
                self._then(self._do(api.Accept(transfer_id, self._folder.name)))
            case _:
                pass

    def _then(self, work: Any) -> None:
        self._tasks.start(self._after_a_while(work), "practise")

    async def _after_a_while(self, work: Any) -> None:
        try:
            async with self._turn:
                await asyncio.sleep(random.uniform(*THINKING))
                await work
        except asyncio.CancelledError:
            work.close()
            raise

    async def _do(self, command: api.Command) -> None:
        assert self._partner is not None
        try:
            await self._partner.do(command)
        except FloaterError as error:
            if error.code not in (Code.NO_TALK, Code.NOT_GREETED, Code.ALREADY_SEEKING, Code.IN_A_TALK):
                raise

    async def _say(self, number: int) -> None:
        await self._do(api.Typing(True))
        await asyncio.sleep(THINKING[0])
        await self._do(api.SendText(sentence(SCRIPT[number], self._language)))

    async def _answer(self, heard: int) -> None:
        await self._say(min(heard, len(SCRIPT) - 1))
        if heard == PICTURE_AFTER:
            await self._do(api.SendFile(str(await asyncio.to_thread(self._paint))))

    def _paint(self) -> Path:
        """Draw a picture of dusk over water, so that the package need not contain one."""
        path = Path(self._folder.name) / "dusk.png"
        rows = bytearray()
        for y in range(HEIGHT):
            rows.append(0)  # no filter
            depth = y / HEIGHT
            for x in range(WIDTH):
                ripple = 10 if depth > 0.55 and (x // 6 * 7 + y * 13) % 97 < 12 else 0
                rows += bytes(
                    (int(240 - 190 * depth) + ripple, int(200 - 90 * depth) + ripple, int(170 - 20 * depth))
                )
        path.write_bytes(_png(bytes(rows)))
        return path


def _png(rows: bytes) -> bytes:
    """Return a PNG with 8 bits for each of red, green and blue (PNG, third edition, §5)."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack("!I", len(data)) + name + data + struct.pack("!I", zlib.crc32(name + data))

    size = struct.pack("!IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", size), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


async def enrol(
    do: Callable[[AccountCommand], Awaitable[api.Reply]],
    hosted: Hosted,
    username: str,
    address: str = "",
    password: str = "",
) -> None:
    """Sign up, activate and log in on a server in this program.

    Args:
        do: carries the commands out.
        hosted: the server.
        username: 1 to 24 characters.
        address: empty for a made-up one.
        password: empty for a random one.

    Raises:
        FloaterError: TIMED_OUT if no mail comes.
    """
    address = address or f"{secrets.token_hex(8)}@practice.invalid"
    password = password or secrets.token_urlsafe(18)
    await do(api.SignUp(address, username, password, True))
    mails = Mails(hosted.outbox)
    try:
        async with asyncio.timeout(MAIL_TIME):
            while not (found := await asyncio.to_thread(mails.new_for, address)):
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise FloaterError(Code.TIMED_OUT, "no mail") from error
    await do(api.Activate(address, found[0].code))
    await do(api.LogIn(address, password))
