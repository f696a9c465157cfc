"""The textbook procedure, and the floor under any: what the matrix is compared with.

`Textbook` is Ford, Srisuresh, Kegel 2005, §4.2 to §4.4, and no more: both register at a
rendezvous server from the local port that will do everything; told of each other, both listen
there and dial the other's public and private endpoint; after an error the same again one second
later; whoever proves to know the match's secret is the peer. `Floor` is what no procedure can
beat: both dial the public endpoint at the very same moment, then TLS 1.3, and nothing else.
"""

import asyncio
import secrets
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from socket import socket

from floater.crypto.certificate import CertifiedKey, make_certified_key
from floater.crypto.tls import peer_leg_context
from floater.wire.control import Role
from tests.natlab.classify import Endpoint, shared_socket
from tests.natlab.rows import IN_TIME, Outcome, Pair, Setting
from tests.natlab.scene import Host
from tests.natlab.town import Program, Town, skewed

PAUSE = 1.0
"Seconds from an error to the next attempt (§4.2, step 4)."
TOKEN = 16


class NoPath(Exception):
    """It did not come to a connection."""


@dataclass(frozen=True)
class Known:
    """A host as the rendezvous server knows it, and the socket that keeps it known."""

    host: Host
    to_server: socket
    public: Endpoint

    @property
    def private(self) -> Endpoint:
        """Where it is, as it sees that itself."""
        host, port = self.to_server.getsockname()
        return host, port

    def shared(self) -> socket:
        """Another socket of the port that it is known by."""
        made = shared_socket(self.host.namespace, ("", self.private[1]))
        made.setblocking(False)
        return made


class Rendezvous:
    """The server: says who is where, and when to go. Its port is one that every NAT lets out to."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self._listener = shared_socket(town.server.namespace, (town.server.address, 443))
        self._listener.setblocking(False)
        self._listener.listen()

    @asynccontextmanager
    async def registered(self, host: Host) -> AsyncIterator[tuple[Known, socket]]:
        """Let a host register: as whom it is known, and the server's end of the connection."""
        loop = asyncio.get_running_loop()
        with shared_socket(host.namespace, ("", 0)) as out:
            out.setblocking(False)
            accepting = asyncio.gather(
                loop.sock_accept(self._listener), loop.sock_connect(out, self._listener.getsockname())
            )
            (there, public), _ = await accepting
            with there:
                yield Known(host, out, public), there

    async def send_off(self, known: Known, there: socket) -> float:
        """Say go to one host; when it heard, in monotonic seconds."""
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(there, b"!")
        await loop.sock_recv(known.to_server, 1)
        return time.monotonic()

    def close(self) -> None:
        """Stop."""
        self._listener.close()


class Textbook(Program):
    """Joins two hosts as the textbook says."""

    name = "textbook"

    def __init__(self, rendezvous: Rendezvous) -> None:
        self._rendezvous = rendezvous

    @classmethod
    @asynccontextmanager
    async def settled(cls, town: Town, folder: Path) -> AsyncIterator["Textbook"]:
        """Start the rendezvous server."""
        rendezvous = Rendezvous(town)
        try:
            yield cls(rendezvous)
        finally:
            rendezvous.close()

    async def join(self, pair: Pair, one: Host, other: Host, setting: Setting) -> Outcome:
        """Let both dial each other until one way has proved itself, four seconds at most."""
        secret = secrets.token_bytes(TOKEN)
        async with AsyncExitStack() as stack:
            ours, there = await stack.enter_async_context(self._rendezvous.registered(one))
            theirs, where = await stack.enter_async_context(self._rendezvous.registered(other))
            stack.enter_context(skewed(self._rendezvous.town.lab, one, other, setting))

            async def side(known: Known, peer: Known, end: socket) -> float:
                began = await self._rendezvous.send_off(known, end)
                async with asyncio.timeout(IN_TIME):
                    await _Side(known, peer, secret, known is ours).meet()
                return time.monotonic() - began

            took = await asyncio.gather(
                side(ours, theirs, there), side(theirs, ours, where), return_exceptions=True
            )
        direct = None
        if all(isinstance(at, float) for at in took):
            direct = round(max(at for at in took if isinstance(at, float)), 4)
        return Outcome(
            usable=direct,
            direct=direct,
            reason="" if direct is not None else f"nothing came through in {IN_TIME:.0f} s",
        )


class _Side:
    """One of the two, once it has been told of the other."""

    def __init__(self, known: Known, peer: Known, secret: bytes, is_first: bool) -> None:
        self._known, self._peer = known, peer
        half = TOKEN // 2
        self._ours, self._theirs = secret[:half], secret[half:]
        if not is_first:
            self._ours, self._theirs = self._theirs, self._ours
        self._met: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def meet(self) -> None:
        """Listen and dial until the peer has been met."""
        async with asyncio.TaskGroup() as group:
            work = self._listen(), self._dial(self._peer.public), self._dial(self._peer.private)
            tasks = [group.create_task(each) for each in work]
            await self._met
            for task in tasks:
                task.cancel()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        with self._known.shared() as listener:
            listener.listen()
            async with asyncio.TaskGroup() as group:
                while True:
                    sock, _ = await loop.sock_accept(listener)
                    group.create_task(self._take(sock))

    async def _dial(self, place: Endpoint) -> None:
        loop = asyncio.get_running_loop()
        while True:
            sock = self._known.shared()
            try:
                await loop.sock_connect(sock, place)
            except OSError:
                sock.close()
            except BaseException:
                sock.close()
                raise
            else:
                await self._take(sock)
            await asyncio.sleep(PAUSE)

    async def _take(self, sock: socket) -> None:
        """Prove ourselves, and see whether the other end is the peer."""
        loop = asyncio.get_running_loop()
        with sock, suppress(OSError):
            await loop.sock_sendall(sock, self._ours)
            told = b""
            while len(told) < len(self._theirs) and (more := await loop.sock_recv(sock, len(self._theirs))):
                told += more
            if told == self._theirs and not self._met.done():
                self._met.set_result(None)


class Floor(Textbook):
    """Lets both dial at the very same moment, with nothing but TLS 1.3 above. For ordinary pairs."""

    name = "floor"

    def measures(self, pair: Pair, setting: Setting) -> bool:
        """Tell whether this can be tried: SYNs that cross must be all that it takes, and they must cross."""
        return pair.is_ordinary and not setting.skew

    async def join(self, pair: Pair, one: Host, other: Host, setting: Setting) -> Outcome:
        """Dial both ways at once; measured until both have verified the other's certificate."""
        identities = make_certified_key(), make_certified_key()
        direct, reason = None, ""
        async with AsyncExitStack() as stack:
            ours, _ = await stack.enter_async_context(self._rendezvous.registered(one))
            theirs, _ = await stack.enter_async_context(self._rendezvous.registered(other))
            began = time.monotonic()
            try:
                async with asyncio.timeout(IN_TIME):
                    links = await asyncio.gather(
                        _secure(ours, theirs, Role.LEADER, *identities),
                        _secure(theirs, ours, Role.FOLLOWER, *reversed(identities)),
                    )
                direct = round(time.monotonic() - began, 4)
                for link in links:
                    link.abort()
            except (OSError, ssl.SSLError) as error:
                reason = type(error).__name__
        return Outcome(
            usable=direct,
            direct=direct,
            reason=reason,
        )


async def _secure(
    known: Known, peer: Known, role: Role, own: CertifiedKey, theirs: CertifiedKey
) -> asyncio.Transport:
    """Connect and shake hands; done when our side has verified the peer."""
    loop = asyncio.get_running_loop()
    context = peer_leg_context(role, own, theirs.certificate)
    sock = known.shared()
    try:
        await loop.sock_connect(sock, peer.public)
        if role is Role.LEADER:
            transport, _ = await loop.create_connection(
                asyncio.Protocol, sock=sock, ssl=context, server_hostname=""
            )
        else:
            transport, _ = await loop.connect_accepted_socket(asyncio.Protocol, sock, ssl=context)
    except BaseException:
        sock.close()
        raise
    return transport
