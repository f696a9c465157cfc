"""Run the programs of the demo: subprocesses that speak JSON lines."""

import asyncio
import json
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from floater.tasks import Tasks

PATIENCE: Final = 30.0
"Longest time, in seconds, for one step."

Line = dict[str, Any]


class NotAsPlanned(Exception):
    """A step of the demo failed; the message tells which."""


class Played:
    """One program. `seen` is called with every event when it arrives."""

    def __init__(self, name: str, argv: Sequence[str], folder: Path, seen: Callable[[Line], None]) -> None:
        self.name = name
        self.folder = folder
        self._argv = argv
        self._log = folder / f"{name}.log"
        self._seen = seen
        self._tasks = Tasks()
        self._events: list[Line] = []
        self._replies: dict[int, Line] = {}
        self._changed = asyncio.Condition()
        self._process: asyncio.subprocess.Process | None = None
        self._ended = False
        self._ids = 0

    async def start(self, environment: Mapping[str, str]) -> None:
        """Start it."""
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=dict(environment),
                limit=1 << 20,
                start_new_session=True,  # Ctrl+C is for the demo, which ends its programs itself
            )
        self._tasks.start(self._read(self._process), f"read {self.name}")

    async def do(self, command: str, **fields: Any) -> Line:
        """Send a command and return its reply, also a refusal."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._ids += 1
        number = self._ids
        line = json.dumps({"command": command, "id": number, **fields}, ensure_ascii=False)
        with suppress(ConnectionError):  # the program has ended; the wait below reports it
            self._process.stdin.write(line.encode() + b"\n")
            await self._process.stdin.drain()
        return await self._until(lambda: self._replies.pop(number, None), f"reply to {command}")

    async def event(self, name: str, **fields: Any) -> Line:
        """Wait for an event with these fields, and drop it and all earlier ones."""

        def find() -> Line | None:
            for at, event in enumerate(self._events):
                if event["event"] == name and all(event.get(key) == value for key, value in fields.items()):
                    del self._events[: at + 1]
                    return event
            return None

        return await self._until(find, f"event {name}")

    async def end(self) -> int:
        """Ask it to end, wait, and return its exit code."""
        assert self._process is not None
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGTERM)  # send_signal() would reap it before wait()
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._process.wait()
        except TimeoutError:
            raise NotAsPlanned(f"{self.name}: does not end\n{self.log_tail()}") from None

    async def clean_up(self) -> None:
        """Kill the program if it still runs."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
        await self._tasks.close()

    def log_tail(self) -> str:
        """Return the last lines of its log."""
        lines = self._log.read_text("utf-8", "replace").splitlines() if self._log.exists() else []
        return "\n".join(f"    {line}" for line in lines[-15:])

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            message: Line = json.loads(line)
            if "event" in message:
                self._seen(message)
            async with self._changed:
                if "event" in message:
                    self._events.append(message)
                else:
                    self._replies[message["reply"]] = message
                self._changed.notify_all()
        async with self._changed:
            self._ended = True
            self._changed.notify_all()

    async def _until(self, find: Callable[[], Line | None], what: str) -> Line:
        try:
            async with asyncio.timeout(PATIENCE), self._changed:
                while (found := find()) is None:
                    if self._ended:
                        raise NotAsPlanned(f"{self.name}: ended before {what}\n{self.log_tail()}")
                    await self._changed.wait()
                return found
        except TimeoutError:
            raise NotAsPlanned(f"{self.name}: no {what} within {PATIENCE:.0f} s\n{self.log_tail()}") from None
