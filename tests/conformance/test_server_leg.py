"""The server leg against the table of §3.3. The guest is made of bytes; the server is the real one."""

from pathlib import Path

import pytest

from floater.wire import control
from tests.conformance.table import faults, frame, offence
from tests.server.gateway.guests import Guest, a_server

pytestmark = [pytest.mark.asyncio, pytest.mark.logs("a request failed")]

PING = {"type": "ping", "id": 1}
HELLO = {"type": "hello", "versions": [1], "agent": "conformance", "language": "en"}
FIRST = ("no common version", "another first message", "unknown type before the first message")
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
            if fault in FIRST and CASES[fault] == "goes on":
                await guest.expect(control.Welcome)
        if CASES[fault] == "goes on":
            guest.say(frame({"type": "ping", "id": 99}))
            while (await guest.expect(control.Done)).id != 99:
                pass
            return
        refused = await guest.expect(control.Refused)
        assert f"ends with `{refused.code}`" == CASES[fault]
        assert refused.id == 0
        await guest.expect_end()


@pytest.mark.parametrize("first", [True, False])
async def test_an_unknown_type_is_refused_by_its_id_if_it_has_one(first: bool, tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, await Guest.open(server.ports[0]) as guest:
        if not first:
            guest.say(frame(HELLO))
            await guest.expect(control.Welcome)
        for id_ in ("x", 0, -1, 1.5, None, 2**53 + 2, 5):
            guest.say(frame({"type": "dance", "id": id_, "email": 7}))
        refused = await guest.expect(control.Refused)
        assert (refused.id, refused.code) == (5, "unknown_type")
        guest.say(frame(HELLO if first else {"type": "ping", "id": 6}))
        await guest.expect(control.Welcome if first else control.Done)
