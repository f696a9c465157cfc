"""The core in its own thread: asyncio there, Qt here, and only lines between them."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

import msgspec
from PyQt6.QtCore import QObject, pyqtSignal

from floater import api
from floater.bridge.lines import Lines
from floater.client import Client
from floater.config import ClientConfig
from floater.errors import FloaterError
from floater.loop import new_event_loop

_QUIT: Final = b'{"id": 0, "command": "quit"}'


class CoreThread(QObject):
    """Runs one client. Lines go in by `send` and come out as `line`, in Qt's thread."""

    line = pyqtSignal(str)
    "A reply or an event."
    happened = pyqtSignal(object)
    "The same event as an object of `floater.api`, for the frame of the window."
    refused = pyqtSignal(str)
    "The client cannot start, for the reason of this code; `ended` follows."
    ended = pyqtSignal()
    "The client has said goodbye; nothing comes any more."

    def __init__(self, config: ClientConfig) -> None:
        super().__init__()
        self._config = config
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lines: asyncio.Queue[bytes] = asyncio.Queue()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="core", daemon=True)

    def start(self) -> None:
        """Start the client; returns once lines can be sent."""
        self._thread.start()
        self._ready.wait()

    def send(self, line: str) -> None:
        """Give the client a line. Dropped once it has ended."""
        with suppress(RuntimeError):  # the loop is closed
            assert self._loop is not None
            self._loop.call_soon_threadsafe(self._lines.put_nowait, line.encode("utf-8", "replace"))

    def stop(self) -> None:
        """Ask the client to say goodbye; `ended` follows."""
        self.send(_QUIT.decode("ascii"))

    def join(self, within: float) -> bool:
        """Wait for the thread's end, for at most `within` seconds; say whether it came."""
        self._thread.join(within)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                runner.run(self._work())
        except FloaterError as error:
            self.refused.emit(error.code.value)
        finally:
            self._ready.set()
            self.ended.emit()

    async def _work(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready.set()
        async with Client(self._config, self._emit) as client:
            await Lines(client, lambda line: self.line.emit(line.decode("utf-8").rstrip("\n"))).run(
                self._take()
            )

    def _emit(self, event: api.Event) -> None:
        self.line.emit(msgspec.json.encode(event).decode("utf-8"))
        self.happened.emit(event)

    async def _take(self) -> AsyncIterator[bytes]:
        while True:
            yield await self._lines.get()
