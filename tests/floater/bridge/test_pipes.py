import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floater.bridge import pipes
from floater.bridge.pipes import MAX_BACKLOG, MAX_LINE, LineCutter, LineSink, LineSource


@given(st.lists(st.binary(max_size=30).filter(lambda b: b"\n" not in b), max_size=8), st.data())
def test_how_the_bytes_were_split_never_matters(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    cutter = LineCutter()
    came: list[bytes | None] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        came += cutter.feed(stream[start:end])
    assert came == lines
    assert cutter.rest() == []


def test_a_line_that_is_too_long_is_skipped_and_the_next_is_read() -> None:
    cutter = LineCutter()
    came: list[bytes | None] = []
    for _ in range(3):
        came += cutter.feed(b"x" * (MAX_LINE // 2))
    came += cutter.feed(b"\nnext\nrest")
    assert came == [None, b"next"]
    assert cutter.rest() == [b"rest"]
    exact = b"y" * MAX_LINE
    assert LineCutter().feed(exact + b"\n") == [exact]


@pytest.mark.asyncio
async def test_lines_come_from_files_and_pipes_alike(tmp_path: Path) -> None:
    path = tmp_path / "script"
    path.write_bytes(b"one\ntwo")
    descriptor = os.open(path, os.O_RDONLY)
    assert [line async for line in LineSource(descriptor)] == [b"one", b"two"]
    os.close(descriptor)
    reading, writing = os.pipe()
    source = LineSource(reading)
    os.write(writing, b"one\ntw")
    os.write(writing, b"o\n")
    os.close(writing)
    assert [line async for line in source] == [b"one", b"two"]
    os.close(reading)


@pytest.mark.asyncio
async def test_many_lines_all_arrive(tmp_path: Path) -> None:
    path = tmp_path / "script"
    path.write_bytes(b"".join(b"%d\n" % number for number in range(1_000)))
    descriptor = os.open(path, os.O_RDONLY)
    assert [line async for line in LineSource(descriptor)] == [b"%d" % number for number in range(1_000)]
    os.close(descriptor)


@pytest.mark.asyncio
async def test_many_lines_come_from_a_pipe_in_order_and_it_is_left_as_it_was() -> None:
    reading, writing = os.pipe()
    lines = [b"%d" % number for number in range(20_000)]

    def write() -> None:
        with open(writing, "wb") as pipe:
            pipe.write(b"\n".join(lines))  # the last line has no end

    written = asyncio.get_running_loop().run_in_executor(None, write)
    assert [line async for line in LineSource(reading)] == lines
    await written
    assert os.get_blocking(reading)
    os.close(reading)


@pytest.mark.asyncio
async def test_a_source_that_is_not_read_takes_little_from_its_pipe() -> None:
    reading, writing = os.pipe()
    source = LineSource(reading)
    os.set_blocking(writing, False)
    written = 0
    full = 0
    while full < 3:  # as long as the source takes something, the pipe has room again
        await asyncio.sleep(0)
        try:
            written += os.write(writing, b"1234567\n" * 8_192)
            full = 0
        except BlockingIOError:
            full += 1
    assert written <= 4 * 65_536
    source.stop()
    assert os.get_blocking(reading)
    os.close(reading)
    os.close(writing)


@pytest.mark.asyncio
async def test_what_is_written_is_whole_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "out"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    sink = LineSink(descriptor, gone=lambda: None)
    lines = [b"%d\n" % number for number in range(1_000)]
    for line in lines:
        sink.write(line)
    await sink.close()
    os.close(descriptor)
    assert path.read_bytes() == b"".join(lines)


@pytest.mark.asyncio
async def test_a_pipe_gets_everything_in_order_though_its_reader_is_slow() -> None:
    reading, writing = os.pipe()
    sink = LineSink(writing, gone=lambda: None)
    lines = [b"%d" % number * (1 + 997 * (number % 5)) + b"\n" for number in range(1, 400)]
    for line in lines:
        sink.write(line)  # far more than a pipe holds, and nothing is read yet

    def read() -> bytes:
        with open(reading, "rb") as pipe:
            return pipe.read()

    came = asyncio.get_running_loop().run_in_executor(None, read)
    await sink.close()
    os.close(writing)
    assert await came == b"".join(lines)


@pytest.mark.asyncio
async def test_a_socket_that_is_input_and_output_at_once_gets_everything_though_its_reader_is_slow() -> None:
    ours, theirs = socket.socketpair()
    theirs.settimeout(30)
    output = os.dup(ours.fileno())
    gone = asyncio.Event()
    source = LineSource(ours.fileno())
    os.set_blocking(output, False)  # as uvloop does it to what it watches
    sink = LineSink(output, gone.set)
    lines = b"".join(b"%d" % number * 4_000 + b"\n" for number in range(1, 400))
    sink.write(lines)  # far more than a socket holds, and nothing is read yet

    def read() -> bytes:
        with theirs, theirs.makefile("rb") as stream:
            return stream.read(len(lines))

    assert await asyncio.to_thread(read) == lines
    await sink.close()
    assert not gone.is_set()
    source.stop()
    ours.close()
    os.close(output)


@pytest.mark.asyncio
async def test_a_pipe_that_another_program_fills_between_poll_and_write_gets_the_line_later(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = pipe
    gone = asyncio.Event()
    os.set_blocking(writing, False)
    full = os.write(writing, b"x" * (1 << 20))
    sink = LineSink(writing, gone.set)
    monkeypatch.setattr(sink._room, "holds", lambda size: True)  # what was true when it was asked
    sink.write(b"hello\n")
    sink.write(b"again\n")
    came = b""
    async with asyncio.timeout(30):
        while len(came) < full + 12:
            await asyncio.sleep(0)
            with suppress(BlockingIOError):
                came += os.read(reading, 65_536)
    assert came[full:] == b"hello\nagain\n"
    await sink.close()
    assert not gone.is_set()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe whose reading end tells at once that there is nothing."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    yield reading, writing
    os.close(reading)
    os.close(writing)


@pytest.mark.asyncio
async def test_a_pipe_with_room_has_a_short_line_at_once(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    sink = LineSink(writing, gone=lambda: None)
    sink.write(b"hello\n")
    assert os.read(reading, 100) == b"hello\n"
    sink.write(b"again\n")
    assert os.read(reading, 100) == b"again\n"
    await sink.close()


@pytest.mark.asyncio
async def test_what_is_held_leaves_together_when_it_is_let_go_of_or_the_turn_ends(
    pipe: tuple[int, int],
) -> None:
    reading, writing = pipe
    sink = LineSink(writing, gone=lambda: None)
    sink.hold()
    sink.write(b"said\n")
    with pytest.raises(BlockingIOError):
        os.read(reading, 100)
    sink.write(b"reply\n")
    sink.flush()
    assert os.read(reading, 100) == b"said\nreply\n"
    sink.hold()
    sink.write(b"late\n")
    await asyncio.sleep(0)  # the turn ends
    assert os.read(reading, 100) == b"late\n"
    sink.write(b"alone\n")
    assert os.read(reading, 100) == b"alone\n"
    await sink.close()


@pytest.mark.asyncio
async def test_a_reader_who_went_away_is_noticed_once() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    gone = asyncio.Event()
    sink = LineSink(writing, gone.set)
    sink.write(b"hello\n")
    async with asyncio.timeout(30):
        await gone.wait()
    sink.write(b"again\n")
    await sink.close()
    os.close(writing)


@pytest.mark.asyncio
async def test_a_reader_who_reads_is_not_given_up_however_much_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipes, "MAX_BACKLOG", 1 << 20)
    reading, writing = os.pipe()
    gone = asyncio.Event()
    sink = LineSink(writing, gone.set)
    line = b"x" * 65_535 + b"\n"
    for _ in range(64):
        sink.write(line)  # four times the backlog, and so far nothing is read
    came = 0
    while came < 64 * len(line):
        came += len(await asyncio.to_thread(os.read, reading, 65_536))
    assert not gone.is_set()
    await sink.close()
    os.close(reading)
    os.close(writing)


@pytest.mark.asyncio
async def test_a_reader_who_reads_far_too_little_is_given_up_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipes, "MAX_BACKLOG", 1 << 20)
    monkeypatch.setattr(pipes, "MAX_SLOW_BACKLOG", 1 << 21)
    reading, writing = os.pipe()
    gone = asyncio.Event()
    sink = LineSink(writing, gone.set)
    while not gone.is_set():
        sink.write(b"x" * (1 << 20))
        await asyncio.sleep(0)
        os.read(reading, 1)
    os.close(reading)
    await sink.close()
    os.close(writing)


@pytest.mark.asyncio
async def test_lines_end_where_they_are_stopped() -> None:
    reading, writing = os.pipe()
    source = LineSource(reading)
    os.write(writing, b"one\n")
    lines = aiter(source)
    assert await anext(lines) == b"one"
    source.stop()
    assert [line async for line in lines] == []
    os.close(writing)


@pytest.mark.asyncio
async def test_a_reader_who_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipes, "STALL", 0.0)
    reading, writing = os.pipe()
    gone = asyncio.Event()
    sink = LineSink(writing, gone.set)
    sink.write(b"x" * (MAX_BACKLOG // 2))
    assert not gone.is_set()
    sink.write(b"x" * (MAX_BACKLOG // 2 + 1))
    async with asyncio.timeout(30):
        await gone.wait()
    os.close(reading)
    await sink.close()
    os.close(writing)
