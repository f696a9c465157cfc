"""A real HAProxy before a server, which tells it each client's address."""

import asyncio
import contextlib
import os
import shutil
import socket
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

_PATH = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"


@contextlib.asynccontextmanager
async def balancer(folder: Path, *ports: int, word: str = "send-proxy-v2") -> AsyncIterator[Sequence[int]]:
    """Run HAProxy on loopback until the block ends; yields its ports, one for each of the server's.

    Args:
        folder: for its settings.
        ports: the server's, on 127.0.0.1.
        word: how it tells each client's address; empty if it does not.
    """
    program = shutil.which("haproxy", path=_PATH)
    if program is None:
        pytest.skip("needs haproxy")
    # It inherits listening sockets: connections wait in them until it has started.
    bound = [socket.create_server(("127.0.0.1", 0)) for _ in ports]
    lines = ["global", "  maxconn 200", "defaults", "  mode tcp"]
    lines += [f"  timeout {what} 60s" for what in ("connect", "client", "server")]
    for sock, port in zip(bound, ports, strict=True):
        lines += [
            f"listen to{port}",
            f"  bind fd@{sock.fileno()}",
            f"  server floater 127.0.0.1:{port} {word}",
        ]
    settings = folder / "haproxy.cfg"
    settings.write_text("\n".join(lines) + "\n")
    process = await asyncio.create_subprocess_exec(
        program, "-db", "-q", "-f", str(settings), pass_fds=[sock.fileno() for sock in bound]
    )
    ours = [sock.getsockname()[1] for sock in bound]
    for sock in bound:
        sock.close()
    try:
        yield ours
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
