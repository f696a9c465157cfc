"""The client's API as JSON lines: commands in, replies and events out (see `floater.api`).

A script may write its lines all at once: each waits for those before it, but
nothing slow locks the door (`floater.bridge.turns` has the rule).
"""

import asyncio
import os
import queue
import threading
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import suppress
from typing import Any, Final, Protocol

import msgspec

from floater import api
from floater.bridge.turns import Turn, Turns
from floater.codes import Code
from floater.errors import FloaterError
from floater.tasks import Tasks

MAX_LINE: Final = 1 << 20
"Bytes. The longest text, with every character escaped, takes less than half."
MAX_BACKLOG: Final = 1 << 26
"Bytes that may wait for somebody who does not read our output, before we give up on them."
_WAITING_LINES: Final = 64
_MAX_OPEN: Final = 256
"Commands that may be open before no more lines are read."

Id = int | str


class Doer(Protocol):
    """Whoever carries commands out: the client."""

    @property
    def state(self) -> api.State:
        """Where the person stands."""

    async def do(self, command: api.Command) -> api.Reply:
        """Carry a command out. Raises FloaterError."""

    def explain(self, error: FloaterError) -> api.Error:
        """The code and its sentence in the person's language."""


class _Envelope(msgspec.Struct):
    id: Id


_envelope: Final = msgspec.json.Decoder(_Envelope)
_encoder: Final = msgspec.json.Encoder()


class Lines:
    """Carries out one stream of lines.

    Args:
        doer: the client.
        write: takes a whole line with its end.
    """

    def __init__(self, doer: Doer, write: Callable[[bytes], None]) -> None:
        self._doer = doer
        self._write = write
        self._tasks = Tasks()
        self._turns = Turns(lambda: doer.state)

    def emit(self, event: api.Event) -> None:
        """Write an event."""
        self._write(_encoder.encode(event) + b"\n")
        if isinstance(event, api.StateChanged):
            self._turns.look_again()

    async def run(self, lines: AsyncIterable[bytes | None]) -> bool:
        """Carry out lines until they end, or until `quit`; then what is still open is given up.

        Args:
            lines: each without its end; None in place of one longer than `MAX_LINE`.

        Returns:
            Whether `quit` was said.
        """
        try:
            running: set[asyncio.Task[Any]] = set()
            async for line in lines:
                if line is not None and not line.strip():
                    continue
                try:
                    if line is None:
                        raise _NoCommand(None)
                    turn = self._turns.enter(*read_command(line))
                except _NoCommand as error:
                    refusal = self._doer.explain(FloaterError(Code.BAD_COMMAND))
                    self._reply(error.id, ok=False, error=refusal)
                    continue
                task = self._tasks.start(self._carry_out(turn), type(turn.command).__name__)
                if isinstance(turn.command, api.Quit):
                    await asyncio.wait([task])
                    return True
                running.add(task)
                task.add_done_callback(running.discard)
                await self._turns.room(_MAX_OPEN)
            if running:
                await asyncio.wait(set(running))
            return False
        finally:
            await self._tasks.close()
            for turn in list(self._turns.open):
                self._answer(turn, ok=False, error=self._doer.explain(FloaterError(Code.PROGRAM_ENDED)))

    async def _carry_out(self, turn: Turn) -> None:
        await self._turns.come(turn)
        try:
            reply = await self._doer.do(turn.command)
        except FloaterError as error:
            self._answer(turn, ok=False, error=self._doer.explain(error))
        except Exception:
            self._answer(turn, ok=False, error=self._doer.explain(FloaterError(Code.INTERNAL)))
            raise
        else:
            self._answer(turn, ok=True, **msgspec.to_builtins(reply))

    def _answer(self, turn: Turn, *, ok: bool, **fields: object) -> None:
        self._reply(turn.number, ok=ok, **fields)
        self._turns.leave(turn)

    def _reply(self, number: Id | None, *, ok: bool, **fields: object) -> None:
        self._write(_encoder.encode({"reply": number, "ok": ok, **fields}) + b"\n")


class _NoCommand(Exception):
    """A line that is no command; `id` as far as it has one."""

    def __init__(self, number: Id | None) -> None:
        self.id = number


def read_command(line: bytes) -> tuple[Id, api.Command]:
    """Read one line.

    Raises:
        _NoCommand: no JSON object, no `id` (a whole number or a string), no
            such command, or a field that is missing or of the wrong type.
    """
    try:
        number = _envelope.decode(line).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _NoCommand(None) from None
    try:
        command: api.Command = api.COMMANDS.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _NoCommand(number) from None
    return number, command


class LineSource:
    """Lines of a file descriptor: a pipe, a file or a terminal, read in a thread of its own.

    Only `selectors` that know no files or consoles would be the alternative.
    The thread reads the bare descriptor: one blocked inside `sys.stdin` would
    keep the interpreter from ending.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[bytes | _End | None] = asyncio.Queue()
        self._room = threading.Semaphore(_WAITING_LINES)
        threading.Thread(target=self._read, name="lines in", daemon=True).start()

    def stop(self) -> None:
        """Let the lines end here."""
        self._lines.put_nowait(_End())

    async def __aiter__(self) -> AsyncIterator[bytes | None]:
        """Each line without its end; None in place of one that was too long."""
        while not isinstance(line := await self._lines.get(), _End):
            self._room.release()
            yield line

    def _read(self) -> None:
        cutter = LineCutter()
        with suppress(OSError):
            while data := os.read(self._descriptor, 65_536):
                for line in cutter.feed(data):
                    self._pass_on(line)
        if (last := cutter.rest()) is not None:
            self._pass_on(last)
        self._pass_on(_End())

    def _pass_on(self, line: "bytes | _End | None") -> None:
        self._room.acquire()
        with suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(self._lines.put_nowait, line)


class _End:
    """The end of the lines."""


class LineCutter:
    """Cuts bytes into lines and holds no more than one line of at most `MAX_LINE`."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes | None]:
        """Every line that is now whole, without its end; None for each that was too long."""
        lines: list[bytes | None] = []
        *whole, rest = data.split(b"\n")
        for piece in whole:
            self._hold(piece)
            lines.append(None if self._skipping else bytes(self._held))
            self._held.clear()
            self._skipping = False
        self._hold(rest)
        return lines

    def rest(self) -> bytes | None:
        """The last line if it has no end; None if there is nothing."""
        return bytes(self._held) if self._held and not self._skipping else None

    def _hold(self, piece: bytes) -> None:
        if self._skipping:
            return
        if len(self._held) + len(piece) > MAX_LINE:
            self._held.clear()
            self._skipping = True
            return
        self._held += piece


class LineSink:
    """Writes lines to a file descriptor in a thread of its own, so that a slow reader never holds up a talk.

    Args:
        descriptor: where to write.
        gone: called in the loop, once, when nobody reads any more.
    """

    def __init__(self, descriptor: int, gone: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._gone = gone
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._backlog = 0
        self._broken = False
        self._thread = threading.Thread(target=self._work, name="lines out", daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> None:
        """Write a line; returns at once."""
        with self._lock:
            if self._broken:
                return
            self._backlog += len(line)
            overfull = self._backlog > MAX_BACKLOG
        if overfull:
            self._break()
            return
        self._lines.put(line)

    async def close(self, within: float = 5.0) -> None:
        """Write out what waits, for at most `within` seconds."""
        self._lines.put(None)
        await asyncio.to_thread(self._thread.join, within)

    def _work(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                view = memoryview(line)
                while view:
                    view = view[os.write(self._descriptor, view) :]
            except OSError:
                self._break()
                return
            with self._lock:
                self._backlog -= len(line)

    def _break(self) -> None:
        with self._lock:
            if self._broken:
                return
            self._broken = True
        with suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(self._gone)
