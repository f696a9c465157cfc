"""`floater host`: run a server for the people around, and show its address as text and QR code."""

import asyncio
import importlib
import io
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import segno

from floater.cli.console import can_show
from floater.cli.run import on_signals
from floater.sentences import sentence

DEFAULT_LISTEN: Final = "0.0.0.0:7443"
CANNOT_START: Final = 2


async def host(data_dir: Path, listen: str, language: str, environment: Mapping[str, str]) -> int:
    """Run a server until Ctrl+C or SIGTERM, and return the exit code.

    Args:
        data_dir: the server's folder.
        listen: HOST:PORT.
        language: of the person who hosts.
        environment: its `FLOATER_*` variables have the same meaning as for `floater-server run`.
    """
    try:
        program: Any = importlib.import_module("server.__main__")
        app: Any = importlib.import_module("server.app")
        errors: Any = importlib.import_module("server.errors")
    except ImportError as error:
        print(sentence("host.no_server", language, name=error.name or ""), file=sys.stderr)
        return 1
    stopped = asyncio.Event()
    on_signals(stopped.set)
    try:
        config, _ = program.read_config(("run", "--data-dir", str(data_dir), "--listen", listen), environment)
        async with app.running_server(config) as server:
            outbox = "" if config.smtp_url else str(config.mail_outbox or data_dir / "outbox")
            print(invitation(server.url, outbox, language), flush=True)
            await stopped.wait()
            print(sentence("host.closing", language), flush=True)
    except errors.CannotStart as error:
        print(f"floater: {error}", file=sys.stderr)
        return CANNOT_START
    return 0


def invitation(url: str, outbox: str, language: str) -> str:
    """Return what the host should know and pass on. `outbox` is empty if a mail server sends the mails."""
    lines = [sentence("host.running", language), "", f"    {url}", ""]
    picture = qr_code(url)
    if can_show(picture) and len(picture.partition("\n")[0]) <= shutil.get_terminal_size().columns:
        lines += [picture, ""]
    lines.append(sentence("host.join", language))
    if outbox:
        lines.append(sentence("host.mails", language, folder=outbox))
    lines.append(sentence("host.end", language))
    return "\n".join(lines)


def qr_code(text: str) -> str:
    """Return a QR code of half blocks, for a terminal."""
    picture = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(picture, compact=True, border=2)
    return picture.getvalue().rstrip("\n")
