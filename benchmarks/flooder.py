"""A person who talks without end, in a process of their own.

Run as `python -m benchmarks.flooder URL SERVER FOLDER`. Lines of its input are commands, and each is
answered by `done` on its output: `come`, `seek`, `greet`, or `flood KIND SECONDS`, with a kind of `FLOODS`.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from benchmarks.people import Someone
from floater import api
from floater.core.talk import typing
from floater.errors import Refused
from floater.loop import run
from tests.helpers.headless import Server

HOLD: Final = 0.002
"Seconds to wait while our own outbox is full."


async def say(someone: Someone, text: str) -> None:
    """Say something as soon as our own outbox takes it."""
    while True:
        try:
            await someone.client.do(api.SendText(text))
        except Refused:
            await asyncio.sleep(HOLD)
        else:
            return


async def offer_and_cancel(someone: Someone, path: Path) -> None:
    """Offer a file, and take the offer back."""
    with suppress(Refused):
        reply = await someone.client.do(api.SendFile(str(path)))
        assert isinstance(reply, api.FileReply)
        await someone.client.do(api.Cancel(reply.transfer_id))


async def write_and_stop(someone: Someone) -> None:
    """Tell that we write, and that we do not."""
    for writes in (True, False):
        await someone.client.do(api.Typing(writes))


def floods(someone: Someone, path: Path) -> dict[str, Callable[[], Awaitable[None]]]:
    """What one step of each flood does."""
    return {
        "short": lambda: say(someone, "x"),
        "long": lambda: say(someone, "x" * 65_536),
        "typing": lambda: write_and_stop(someone),
        "offers": lambda: offer_and_cancel(someone, path),
    }


FLOODS: Final = ("short", "long", "typing", "offers")
"Texts of one character, of 64 KiB, `typing` without a pause, files offered and taken back."


async def obey(server: Server, folder: Path) -> None:
    """Carry out the commands of the input."""
    typing.INTERVAL = 0.0  # type: ignore[misc]  # a polite client waits between two of these
    path = folder / "small.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    someone = Someone(server, folder, "eva")
    async with someone.client:
        while line := await asyncio.to_thread(sys.stdin.readline):
            match line.split():
                case ["come"]:
                    await someone.come_home()
                case ["seek"]:
                    await someone.client.do(api.Seek())
                    await someone.at(api.State.GREETING)
                case ["greet"]:
                    await someone.client.do(api.Greet())
                    await someone.at(api.State.TALKING)
                case ["flood", kind, seconds]:
                    step, end = floods(someone, path)[kind], time.monotonic() + float(seconds)
                    while time.monotonic() < end:
                        await step()
                        await asyncio.sleep(0)
            print("done", flush=True)


def main(argv: list[str]) -> None:
    """Make the person whose server is known by its URL and its folder."""
    server = Server(Path(argv[1]))
    server.url = argv[0]
    run(obey(server, Path(argv[2])))


if __name__ == "__main__":
    main(sys.argv[1:])
