"""One port that wants to be reachable, as a program: `python -m tests.helpers.mapped PORT LEASE FAMILY`.

FAMILY is 4 or 6. Each change of its standing is a JSON line on stdout. When stdin ends the port
is given back, and the last line is `{}`.
"""

import asyncio
import json
import socket
import sys
import time
from typing import Any

from floater.core.meet.port_mapping import Effect, Tell
from floater.loop import run
from floater.net.port_mapping import FamilyMapper


class _Mapper(FamilyMapper):
    began = 0.0

    def _perform(self, effect: Effect) -> None:
        super()._perform(effect)
        if isinstance(effect, Tell):
            standing = effect.mapping
            _say(
                outcome=standing.outcome,
                protocol=standing.protocol,
                endpoint=standing.endpoint,
                after=time.monotonic() - self.began,
            )


def _say(**line: Any) -> None:
    print(json.dumps(line), flush=True)


async def _main(port: int, lease: float, family: socket.AddressFamily) -> None:
    mapper = _Mapper(family, lease)
    mapper.began = time.monotonic()
    mapper.want(port)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await mapper.close()
    _say()


if __name__ == "__main__":
    family = {"4": socket.AF_INET, "6": socket.AF_INET6}[sys.argv[3]]
    run(_main(int(sys.argv[1]), float(sys.argv[2]), family))
