"""Lines over file descriptors, read and written without holding up a talk.

A loop can wait for pipes and sockets, but not for files and for the consoles of every system:
those are read in a thread of their own. Another thread writes what cannot be written at once.
"""

import asyncio
import os
import queue
import select
import stat
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, Final

MAX_LINE: Final = 1 << 20
"Bytes. The longest text, with every character escaped, takes less than half."
MAX_BACKLOG: Final = 1 << 26
"Bytes that may wait for a reader of our output who takes nothing, before we count the reader as gone."
STALL: Final = 30.0
"Seconds without a byte taken after which a reader takes nothing."
MAX_SLOW_BACKLOG: Final = 1 << 29
"Bytes that may wait for a reader who takes some, but less than comes."
_WAITING_LINES: Final = 64
_PIECE: Final = 16_384
"Bytes of one write: a reader who takes so much has taken something."


class LineSource:
    """Lines of a file descriptor: a pipe, a socket, a file or a terminal.

    The loop itself reads pipes and sockets. Anything else is read in a thread of its own,
    which reads the bare descriptor: one blocked inside `sys.stdin` would keep the interpreter
    from ending.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[bytes | _End | None] = asyncio.Queue()
        self._cutter = LineCutter()
        self._room = threading.Semaphore(_WAITING_LINES)
        self._is_watched = False
        self._was_blocking = os.get_blocking(descriptor) if _can_be_watched(descriptor) else None
        if self._was_blocking is None:
            threading.Thread(target=self._read_all, name="lines in", daemon=True).start()
        else:
            self._watch(True)

    def stop(self) -> None:
        """Let the lines end here."""
        self._watch(False)
        self._lines.put_nowait(_End())

    async def __aiter__(self) -> AsyncIterator[bytes | None]:
        """Each line without its end; None in place of one that was too long."""
        while not isinstance(line := await self._lines.get(), _End):
            if self._was_blocking is None:
                self._room.release()
            elif self._lines.empty():
                self._watch(True)
            yield line

    # -- in the loop ----------------------------------------------------------------------

    def _watch(self, wanted: bool) -> None:
        if wanted is self._is_watched or self._was_blocking is None:
            return
        self._is_watched = wanted
        if wanted:
            self._loop.add_reader(self._descriptor, self._readable)
        else:
            self._loop.remove_reader(self._descriptor)
            # Some loops change this flag, which is shared with every other program that has the pipe.
            os.set_blocking(self._descriptor, self._was_blocking)

    def _readable(self) -> None:
        try:
            data = os.read(self._descriptor, 65_536)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        for line in self._cutter.feed(data) if data else self._cutter.rest():
            self._lines.put_nowait(line)
        if not data:
            self.stop()
        elif self._lines.qsize() > _WAITING_LINES:
            self._watch(False)

    # -- in the thread --------------------------------------------------------------------

    def _read_all(self) -> None:
        with suppress(OSError):
            while data := os.read(self._descriptor, 65_536):
                for line in self._cutter.feed(data):
                    self._pass_on(line)
        for line in self._cutter.rest():
            self._pass_on(line)
        self._pass_on(_End())

    def _pass_on(self, line: "bytes | _End | None") -> None:
        self._room.acquire()
        with suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(self._lines.put_nowait, line)


def _can_be_watched(descriptor: int) -> bool:
    """Say whether a loop can tell when there is something to read: in pipes and sockets, not on Windows."""
    mode = os.fstat(descriptor).st_mode
    return os.name == "posix" and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode))


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

    def rest(self) -> list[bytes]:
        """The last line, if it has no end; empty if there is none."""
        return [bytes(self._held)] if self._held and not self._skipping else []

    def _hold(self, piece: bytes) -> None:
        if self._skipping:
            return
        if len(self._held) + len(piece) > MAX_LINE:
            self._held.clear()
            self._skipping = True
            return
        self._held += piece


class _PipeRoom:
    """Tells whether a write to a pipe would wait.

    A pipe that polls as writable takes PIPE_BUF bytes whole (POSIX, `pipe(7)`). The
    descriptor stays blocking: its flags are shared with every other program that has it.
    """

    def __init__(self, descriptor: int) -> None:
        self._poll: Any = None
        if hasattr(select, "poll") and stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            self._poll = select.poll()
            self._poll.register(descriptor, select.POLLOUT)

    def holds(self, size: int) -> bool:
        """Say whether `size` bytes can be written without waiting; False if that is not known."""
        if self._poll is None or size > select.PIPE_BUF:
            return False
        return any(event & select.POLLOUT for _, event in self._poll.poll(0))


def _wait_for_room(descriptor: int) -> None:
    """Wait until a non-blocking descriptor takes more, or its reader is gone."""
    poll: Any = select.poll()  # where there is none, nothing is non-blocking
    poll.register(descriptor, select.POLLOUT)
    poll.poll()


class LineSink:
    """Writes lines to a file descriptor. A slow reader never holds up a talk, nor is cut off.

    A pipe that has room takes little at once (`_PipeRoom`). Everything else goes to a
    thread that may wait: handing it to a thread costs ten times the writing.

    Args:
        descriptor: where to write.
        gone: called in the loop, once, when the reader has closed the output.
    """

    def __init__(self, descriptor: int, gone: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._gone = gone
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._held: list[bytes] = []
        self._holds = False
        self._room = _PipeRoom(descriptor)
        self._lock = threading.Lock()
        self._backlog = 0
        self._taken_at = 0.0
        "When the reader last took something, or the backlog began; monotonic seconds."
        self._broken = False
        self._thread = threading.Thread(target=self._work, name="lines out", daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> None:
        """Write a line, together with those that are held; returns at once."""
        self._held.append(line)
        if not self._holds:
            self.flush()

    def hold(self) -> None:
        """Keep what is written from now on, until `flush` or the end of this turn of the loop."""
        if not self._holds:
            self._holds = True
            self._loop.call_soon(self.flush)

    async def close(self, within: float = 5.0) -> None:
        """Write out what waits, for at most `within` seconds."""
        self.flush()
        self._lines.put(None)
        await asyncio.to_thread(self._thread.join, within)

    def flush(self) -> None:
        """Let go of what is held."""
        lines, self._holds = b"".join(self._held), False
        self._held.clear()
        with self._lock:
            if self._broken or not lines:
                return
            at_once = self._backlog == 0 and self._room.holds(len(lines))
            if not at_once:
                self._add(len(lines))
            overfull = self._is_overfull()
        if overfull:
            self._break()
        elif at_once:
            self._write_at_once(lines)
        else:
            self._lines.put(lines)

    def _write_at_once(self, lines: bytes) -> None:
        try:
            os.write(self._descriptor, lines)
        except BlockingIOError:  # another program has filled the pipe since it was polled
            with self._lock:
                self._add(len(lines))
            self._lines.put(lines)
        except OSError:
            self._break()

    def _work(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._write_all(memoryview(line))
            except OSError:
                self._break()
                return
            with self._lock:
                self._backlog -= len(line)

    def _write_all(self, left: memoryview) -> None:
        """Write this, however long the reader takes.

        The descriptor may be non-blocking: by another program, or because it is the same socket
        as our input, which the loop reads (`LineSource`).
        """
        while left:
            try:
                left = left[os.write(self._descriptor, left[:_PIECE]) :]
                self._taken_at = time.monotonic()
            except BlockingIOError:
                _wait_for_room(self._descriptor)

    def _add(self, size: int) -> None:
        if self._backlog == 0:
            self._taken_at = time.monotonic()
        self._backlog += size

    def _is_overfull(self) -> bool:
        if self._backlog <= MAX_BACKLOG:
            return False
        return self._backlog > MAX_SLOW_BACKLOG or time.monotonic() - self._taken_at > STALL

    def _break(self) -> None:
        with self._lock:
            if self._broken:
                return
            self._broken = True
        with suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(self._gone)
