"""HTTP proxies that understand CONNECT: a real one, and a tiny one that says whatever it is told to."""

import asyncio
import contextlib
import os
import shutil
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from floater.net.server_connect import Proxy
from tests.helpers.serving import serving

_PATH = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"


@contextlib.asynccontextmanager
async def real_proxy(
    folder: Path,
    *,
    ports: Sequence[int],
    login: str = "",
    listen: str = "127.0.0.1:0",
    prefix: Sequence[str] = (),
) -> AsyncIterator[str]:
    """Run tinyproxy until the block ends; yields its `host:port`.

    Args:
        folder: for its settings.
        ports: those that it lets CONNECT go to.
        login: `name:password`, or empty if the proxy needs no login.
        listen: `host:port`; 0 for a free port of this computer.
        prefix: what to put before its command, to run it in a namespace.
    """
    program = shutil.which("tinyproxy", path=_PATH)
    if program is None:
        pytest.skip("needs tinyproxy")
    host, _, port = listen.rpartition(":")
    port = str(free_port()) if port == "0" else port
    lines = [f"Listen {host}", f"Port {port}", "Timeout 600", "MaxClients 50", "LogLevel Info"]
    lines += [f"ConnectPort {allowed}" for allowed in ports]
    if login:
        lines.append("BasicAuth " + login.replace(":", " "))
    settings = folder / "tinyproxy.conf"
    settings.write_text("\n".join(lines) + "\n")
    process = await asyncio.create_subprocess_exec(
        *prefix, program, "-d", "-c", str(settings), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            while b"Accepting connections" not in (line := await process.stdout.readline()):
                assert line, "it has ended"
        yield f"{host}:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


def free_port() -> int:
    """Return a port of loopback without a listener."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass
class TinyProxy:
    """Its place, and the requests it was sent."""

    proxy: Proxy
    requests: list[str] = field(default_factory=list)


@contextlib.asynccontextmanager
async def tiny_proxy(answer: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> AsyncIterator[TinyProxy]:
    """Run it on loopback; it tunnels if it answers 200, and hangs up otherwise."""
    state = TinyProxy(Proxy("127.0.0.1", 0))

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        state.requests.append(request)
        writer.write(answer)
        if answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"\r\n\r\n"):
            host, _, port = request.split()[1].rpartition(":")
            there = await asyncio.open_connection(host, int(port))
            await asyncio.gather(pipe(reader, there[1]), pipe(there[0], writer))

    async with serving(serve) as port:
        state.proxy = Proxy("127.0.0.1", port)
        yield state
