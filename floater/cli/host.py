"""`floater host`: a server for the people around, in one command, with its address as text and QR code."""

import asyncio
import importlib
import os
import sys
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final

import segno

from floater.cli.run import on_signals
from floater.sentences import sentence

DEFAULT_LISTEN: Final = "0.0.0.0:7443"


async def host(data_dir: Path, listen: str, language: str, environment: Mapping[str, str]) -> int:
    """Run a server until somebody asks it to end."""
    try:
        app: Any = importlib.import_module("server.app")
        config_module: Any = importlib.import_module("server.config")
    except ImportError as error:
        print(sentence("host.no_server", language, name=error.name or ""), file=sys.stderr)
        return 1
    config = config_module.ServerConfig(data_dir=data_dir, listen=listen)
    server: AbstractAsyncContextManager[Any] = app.running_server(config)
    stopped = asyncio.Event()
    on_signals(stopped.set)
    async with server as running:
        outbox = environment.get("FLOATER_MAIL_OUTBOX") or str(data_dir / "outbox")
        print(invitation(running.url, outbox, language), flush=True)
        await stopped.wait()
        print(sentence("host.closing", language), flush=True)
    return 0


def invitation(url: str, outbox: str, language: str, *, columns: int | None = None) -> str:
    """What the person who hosts has to know and to pass on."""
    lines = [
        sentence("host.running", language),
        "",
        f"    {url}",
        "",
        sentence("host.join", language, url=url),
        sentence("host.mails", language, folder=outbox),
        sentence("host.end", language),
    ]
    picture = qr_code(url)
    width = max(len(line) for line in picture.splitlines())
    if width <= (columns or os.get_terminal_size().columns if sys.stdout.isatty() else 80):
        lines[3:3] = ["", picture]
    return "\n".join(lines)


def qr_code(text: str) -> str:
    """A QR code in half blocks, dark on light as readers expect."""
    code = segno.make(text, error="l", micro=False)
    rows = [bytearray(row) for row in code.matrix_iter(border=2)]
    if len(rows) % 2:
        rows.append(bytearray(len(rows[0])))
    halves = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
    return "\n".join(
        "".join(halves[upper & 1, lower & 1] for upper, lower in zip(top, bottom, strict=True))
        for top, bottom in zip(rows[::2], rows[1::2], strict=True)
    )
