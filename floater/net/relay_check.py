"""Ask the relay something it has to refuse, to learn whether this network lets its stream through."""

import asyncio

from floater.errors import RemoteProtocolError, Unreachable
from floater.loop import abort
from floater.net.server_connect import Proxy, open_server_socket, open_server_stream
from floater.wire import relay
from floater.wire.codec import encode
from floater.wire.control import Refused
from floater.wire.frame import FrameReader
from floater.wire.url import ServerUrl

_QUESTION = relay.PREAMBLE + encode(relay.Join(b"may I?"))


async def relay_answers(server: ServerUrl, *, tls: bool, proxy: Proxy | None, within: float) -> bool:
    """Whether a relay stream gets through, bare or inside TLS."""
    try:
        async with asyncio.timeout(within):
            return await (_ask_in_tls(server, proxy) if tls else _ask(server, proxy))
    except (TimeoutError, OSError, Unreachable):
        return False


async def _ask(server: ServerUrl, proxy: Proxy | None) -> bool:
    loop = asyncio.get_running_loop()
    with await open_server_socket(server, proxy=proxy) as sock:
        await loop.sock_sendall(sock, _QUESTION)
        reader = FrameReader(relay.RELAY_LEG)
        while data := await loop.sock_recv(sock, 1_024):
            if (answered := _is_refusal(reader, data)) is not None:
                return answered
    return False


async def _ask_in_tls(server: ServerUrl, proxy: Proxy | None) -> bool:
    transport, listener = await open_server_stream(server, relay.ALPN, _Listener, proxy=proxy)
    try:
        transport.write(_QUESTION)
        return await listener.answered
    finally:
        abort(transport)


class _Listener(asyncio.Protocol):
    """Hears one answer."""

    def __init__(self) -> None:
        self._reader = FrameReader(relay.RELAY_LEG)
        self.answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self._say(_is_refusal(self._reader, data))

    def connection_lost(self, error: Exception | None) -> None:
        self._say(False)

    def _say(self, answered: bool | None) -> None:
        if answered is not None and not self.answered.done():
            self.answered.set_result(answered)


def _is_refusal(reader: FrameReader, data: bytes) -> bool | None:
    """Whether what came is the relay's no; None while it is not all there."""
    try:
        frames = reader.feed(data)
        return isinstance(relay.RELAY_ANSWERS.decode(frames[0]), Refused) if frames else None
    except RemoteProtocolError:
        return False
