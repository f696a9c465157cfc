"""The server leg against the table of §3.3. The guest is made of bytes; the server is the real one."""

from pathlib import Path

import pytest

from floater.wire import control
from tests.conformance.table import faults, frame, offence
from tests.server.gateway.guests import Guest, a_server

pytestmark = [pytest.mark.asyncio, pytest.mark.logs("a request failed")]

PING = {"type": "ping", "id": 1}
HELLO = {"type": "hello", "versions": [1], "agent": "conformance", "language": "en"}
FIRST = ("no common version", "another first message")
CASES = {fault: server for fault, (server, _, _) in faults().items() if server != "–"}


@pytest.mark.parametrize("fault", CASES)
@pytest.mark.parametrize("apart", [False, True])
async def test_each_fault_ends_what_the_table_says(fault: str, apart: bool, tmp_path: Path) -> None:
    """The frame before the fault is obeyed, whether both came in one write or not."""
    bad = offence(fault, PING, number="id", hello=HELLO)
    async with a_server(tmp_path) as server, await Guest.open(server.ports[0]) as guest:
        if fault not in FIRST:
            guest.say(*([frame(HELLO)] if apart else [frame(HELLO) + bad]))
            await guest.expect(control.Welcome)
        if apart or fault in FIRST:
            guest.say(bad)
        if CASES[fault] == "goes on":
            guest.say(frame({"type": "ping", "id": 99}))
            while (await guest.expect(control.Done)).id != 99:
                pass
            return
        refused = await guest.expect(control.Refused)
        assert f"ends with `{refused.code}`" == CASES[fault]
        assert refused.id == 0
        await guest.expect_end()
