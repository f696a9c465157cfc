"""What FLOATER is compared with: bare TCP and TLS on the same loop, with nothing above them.

`python -m benchmarks.bare hold` keeps TLS connections open and says nothing;
`… sink BYTES` reads so many over TLS, answers one byte, and reads on;
`… send PORT BYTES` writes so many to a sink and prints the seconds until the answer.
"""

import asyncio
import json
import ssl
import sys
import time

from floater.crypto.certificate import load_identity, make_identity
from floater.loop import run

CHUNK = 262_144


def server_context() -> ssl.SSLContext:
    """TLS 1.3 as the server and the peers speak it: one fresh certificate, no resumption."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    load_identity(context, make_identity())
    return context


def client_context(*alpn: str) -> ssl.SSLContext:
    """TLS 1.3 that trusts everybody: who it is does not change what it costs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(alpn)
    return context


class Echo(asyncio.Protocol):
    """Sends back what it gets."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]  # of a stream it is one

    def data_received(self, data: bytes) -> None:
        """Send it back."""
        self._transport.write(data)


class _Hold(asyncio.Protocol):
    """Keeps a connection, as little as can be."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport


class _Sink(asyncio.Protocol):
    def __init__(self, size: int) -> None:
        self._size = self._left = size

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]  # of a stream it is one

    def data_received(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left <= 0:
            self._left = self._size
            self._transport.write(b"!")


async def _serve(protocol: type[asyncio.Protocol], *arguments: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: protocol(*arguments), "127.0.0.1", 0, ssl=server_context(), backlog=4_096
    )
    print(json.dumps({"event": "ready", "port": server.sockets[0].getsockname()[1]}), flush=True)
    await asyncio.Event().wait()


async def _send(port: int, size: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client_context())
    block = bytes(CHUNK)
    computed, began = time.process_time(), time.perf_counter()
    left = size
    while left > 0:
        writer.write(block[: min(left, CHUNK)])
        left -= CHUNK
        await writer.drain()
    await reader.readexactly(1)
    took = {"seconds": time.perf_counter() - began, "processor": time.process_time() - computed}
    print(json.dumps({"event": "sent", **took}), flush=True)
    writer.close()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["hold"]:
            run(_serve(_Hold))
        case ["sink", size]:
            run(_serve(_Sink, int(size)))
        case ["send", port, size]:
            run(_send(int(port), int(size)))
        case _:
            raise SystemExit(__doc__)
