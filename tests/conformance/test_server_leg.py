"""The server leg against the table of §3.3. The guest is made of bytes; the server is the real one."""

import base64
from pathlib import Path
from typing import Final

import pytest

from floater.wire import control
from tests.conformance.table import faults, frame, offence, rows
from tests.server.gateway.guests import Guest, a_server, people

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


# -- requests about matches ---------------------------------------------------------------

ABOUT_MATCHES: Final = {
    row[0].strip("`"): row[1:]
    for row in rows("What the requests about matches get; the first refusal that applies is the answer:")[1:]
}
REQUESTS: Final[dict[str, dict[str, object]]] = {
    "seek": {"certificate": base64.b64encode(bytes(64)).decode()},
    "cancel_seek": {},
    "end_match": {"match_id": "m", "reason": "hung_up"},
    "update_candidates": {"match_id": "m", "candidates": []},
    "opened": {"match_id": "m", "punch": 0},
    "ping": {},
}


@pytest.mark.parametrize("request_", REQUESTS)
async def test_a_request_needs_what_its_row_says(request_: str, tmp_path: Path) -> None:
    needs, _, refusals = ABOUT_MATCHES[request_]
    async with a_server(tmp_path) as server, await Guest.arrive(server) as guest:
        guest.say(frame({"type": request_, "id": 3, **REQUESTS[request_]}))
        if needs == "a log-in":
            assert await guest.answer(3) == control.Refused("not_logged_in", 3)
            assert refusals.startswith("`not_logged_in`")
        else:
            assert (await guest.answer(3)).time > 0
        guest.say(frame({"type": "ping", "id": 4}))
        assert isinstance(await guest.answer(4), control.Done), "the stream stays open"


async def test_a_refusal_with_an_id_leaves_the_stream_open(tmp_path: Path) -> None:
    """And each is a code of the request's row."""
    cases: list[tuple[str, dict[str, object], str]] = [
        ("seek", {}, "bad_field"),
        ("cancel_seek", {}, "not_seeking"),
        ("end_match", {}, ""),
        ("end_match", {"reason": "left"}, "bad_field"),
        ("update_candidates", {}, "no_such_match"),
        ("opened", {}, "no_such_match"),
        ("ping", {}, ""),
    ]
    async with a_server(tmp_path) as server, people(server, "ann") as (ann,):
        for request, fields, code in cases:
            id_ = ann.new_id()
            ann.say(frame({"type": request, "id": id_, **REQUESTS[request], **fields}))
            answer = await ann.answer(id_)
            assert getattr(answer, "code", "") == code, request
            assert code == "" or f"`{code}`" in ABOUT_MATCHES[request][2]


async def test_a_certificate_that_is_too_short_is_a_fault_of_form(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, people(server, "ann") as (ann,):
        ann.say(frame({"type": "seek", "id": 90, "certificate": base64.b64encode(bytes(63)).decode()}))
        assert await ann.expect(control.Refused) == control.Refused("bad_field", 0)
        await ann.expect_end()


async def test_every_request_about_matches_is_tried() -> None:
    assert set(ABOUT_MATCHES) == set(REQUESTS)
