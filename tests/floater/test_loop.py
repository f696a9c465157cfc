import asyncio
import ssl
import subprocess
import sys

import pytest

from floater.crypto.certificate import load_certified_key, make_certified_key
from floater.loop import abort, new_event_loop, run


async def end_and_abort() -> None:
    """Abort a TLS stream that the other side has ended, and once more."""
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_certified_key(server_side, make_certified_key())
    client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_side.check_hostname, client_side.verify_mode = False, ssl.CERT_NONE
    ended = asyncio.get_running_loop().create_future()

    class Client(asyncio.Protocol):
        def connection_lost(self, exc: Exception | None) -> None:
            ended.set_result(None)

    def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0, ssl=server_side) as server:
        port = server.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(Client, "127.0.0.1", port, ssl=client_side)
        async with asyncio.timeout(30):
            await ended
        abort(transport)
        abort(transport)


@pytest.mark.parametrize("make_loop", [asyncio.SelectorEventLoop, new_event_loop])
def test_a_stream_that_is_over_may_be_aborted(make_loop: type[asyncio.SelectorEventLoop]) -> None:
    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(end_and_abort())


def test_a_system_without_uvloop_gets_a_loop_that_can_watch_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)

    async def kind() -> type[asyncio.AbstractEventLoop]:
        return type(asyncio.get_running_loop())

    assert issubclass(run(kind()), asyncio.SelectorEventLoop)


def test_descriptors_that_the_parent_closed_are_opened() -> None:
    script = (
        "import os, floater.loop as loop; loop.open_standard_descriptors(); [os.fstat(n) for n in range(3)]"
    )
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        done = subprocess.run(
            ["sh", "-c", f'"$0" -c "$1" {closed}', sys.executable, script], capture_output=True
        )
        assert done.returncode == 0


def test_what_is_printed_where_there_is_no_stream_is_lost_and_fails_nothing() -> None:
    script = (
        "import sys, floater.loop as loop; loop.open_standard_descriptors();"
        " print('to stderr \\udce9', file=sys.stderr); sys.stderr.write('x'); print(sys.stdout.isatty())"
    )
    for closed, out in (("2>&-", b"False\n"), (">&-", b""), (">&- 2>&-", b"")):
        done = subprocess.run(
            ["sh", "-c", f'"$0" -c "$1" {closed}', sys.executable, script], capture_output=True
        )
        assert (done.returncode, done.stdout) == (0, out)
