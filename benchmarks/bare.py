"""Programs to compare FLOATER with: bare TCP and TLS on the same loop.

`python -m benchmarks.bare hold` keeps TLS connections open and sends nothing.
`… sink BYTES` reads that many bytes over TLS, answers one byte, and reads on.
`… send PORT BYTES` writes that many bytes to a sink and prints the seconds until the answer.
`… keep BYTES FOLDER` is a sink that hashes its input in a thread and stores it in another.
`… send_file PORT PATH` sends a file to it, which a thread reads and hashes.
`… echo HOST` echoes its input over TCP; `… ask HOST PORT` sends to it and prints each round trip.
"""

import asyncio
import json
import ssl
import sys
import tempfile
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from floater.crypto.certificate import load_certified_key, make_certified_key
from floater.loop import run
from floater.store.files import KEPT_MEMORY
from floater.store.hashing import new_hash
from floater.store.writer import Writer
from floater.wire.digest import OFFERED

CHUNK = 262_144
BLOCK = 1_048_576
"Bytes of one block of a file, which is read, hashed and written at once."
AHEAD = 16
"Blocks that may wait for the disk."
QUESTION = 64
"Bytes, about those of a short text on the wire."
PAUSE = 0.05
"Seconds between two requests, so that the connection is idle."


def server_context() -> ssl.SSLContext:
    """Return a TLS 1.3 context like that of server and peers: one fresh certificate, no resumption."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    load_certified_key(context, make_certified_key())
    return context


def client_context(*alpn: str) -> ssl.SSLContext:
    """Return a TLS 1.3 context that trusts every certificate, at the same cost as one that checks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(alpn)
    return context


class Echo(asyncio.Protocol):
    """Echoes its input."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]  # of a stream it is one

    def data_received(self, data: bytes) -> None:
        """Echo the bytes."""
        self._transport.write(data)


class _Hold(asyncio.Protocol):
    """Keeps a connection open with the least state."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport


class _Sink(asyncio.Protocol):
    def __init__(self, size: int) -> None:
        self._size = self._left = size
        bytes(KEPT_MEMORY)  # or it gives back each record it has read, and is twice as slow at times

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]  # of a stream it is one

    def data_received(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left <= 0:
            self._left = self._size
            self._transport.write(b"!")


class _Keep(asyncio.BufferedProtocol):
    """Hashes and stores one file after the other: the least work of a program that does both."""

    def __init__(self, size: int, folder: Path) -> None:
        self._size = size
        self._folder = folder
        bytes(KEPT_MEMORY)  # as the program itself does
        self._hasher, self._disk = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
        self._begin()

    def _begin(self) -> None:
        self._left = self._size
        self._block, self._filled, self._waiting = bytearray(BLOCK), 0, 0
        self._digest = new_hash(OFFERED[0])
        self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)
        self._writer = Writer(self._file.fileno(), self._size)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # of a stream it is one
        self._loop = asyncio.get_running_loop()

    def get_buffer(self, sizehint: int) -> memoryview:
        return memoryview(self._block)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        self._filled += nbytes
        self._left -= nbytes
        if self._filled < BLOCK and self._left:
            return
        block = memoryview(self._block)[: self._filled]
        self._block, self._filled = bytearray(BLOCK), 0
        self._hasher.submit(self._digest.update, block)
        self._disk.submit(self._writer.write, block).add_done_callback(
            lambda _: self._loop.call_soon_threadsafe(self._written)
        )
        self._waiting += 1
        if self._waiting == AHEAD:
            self._transport.pause_reading()

    def _written(self) -> None:
        self._waiting -= 1
        if self._waiting == AHEAD - 1:
            self._transport.resume_reading()
        if not self._waiting and not self._left:
            self._writer.flush()
            self._transport.write(self._hasher.submit(self._digest.digest).result())
            self._file.close()
            self._begin()


async def _serve(protocol: type[asyncio.BaseProtocol], *arguments: object) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: protocol(*arguments), "127.0.0.1", 0, ssl=server_context(), backlog=4_096
    )
    print(json.dumps({"event": "ready", "port": server.sockets[0].getsockname()[1]}), flush=True)
    await asyncio.Event().wait()


async def _echo(host: str) -> None:
    server = await asyncio.get_running_loop().create_server(Echo, host, 0)
    print(json.dumps({"event": "ready", "port": server.sockets[0].getsockname()[1]}), flush=True)
    await asyncio.Event().wait()


async def _ask(host: str, port: int) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    while True:
        began = time.perf_counter()
        writer.write(bytes(QUESTION))
        await reader.readexactly(QUESTION)
        print(json.dumps({"event": "answer", "seconds": time.perf_counter() - began}), flush=True)
        await asyncio.sleep(PAUSE)


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


async def _send_file(port: int, path: Path) -> None:
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client_context())
    digest = new_hash(OFFERED[0])
    with path.open("rb", buffering=0) as file, ThreadPoolExecutor(1) as thread:

        def read() -> bytes:
            block = file.read(BLOCK)
            digest.update(block)
            return block

        computed, began = time.process_time(), time.perf_counter()
        ahead = deque(loop.run_in_executor(thread, read) for _ in range(3))
        while block := await ahead.popleft():
            ahead.append(loop.run_in_executor(thread, read))
            for at in range(0, len(block), CHUNK):
                writer.write(memoryview(block)[at : at + CHUNK])
            await writer.drain()
        await asyncio.gather(*ahead)
        assert await reader.readexactly(32) == digest.digest()
    took = {"seconds": time.perf_counter() - began, "processor": time.process_time() - computed}
    print(json.dumps({"event": "sent", **took}), flush=True)
    writer.close()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["hold"]:
            run(_serve(_Hold))
        case ["sink", size]:
            run(_serve(_Sink, int(size)))
        case ["keep", size, folder]:
            run(_serve(_Keep, int(size), Path(folder)))
        case ["send_file", port, path]:
            run(_send_file(int(port), Path(path)))
        case ["send", port, size]:
            run(_send(int(port), int(size)))
        case ["echo", host]:
            run(_echo(host))
        case ["ask", host, port]:
            run(_ask(host, int(port)))
        case _:
            raise SystemExit(__doc__)
