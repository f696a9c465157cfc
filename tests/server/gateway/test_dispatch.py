"""Each request has a handler, which knows who may ask for it."""

from pathlib import Path

import msgspec
import pytest

from floater.codes import Code
from floater.wire import control
from tests.server.gateway.guests import PASSWORD, Guest, a_server, people

HELLO = control.Hello(versions=(1,))


@pytest.mark.parametrize(
    "request_",
    [
        control.Seek(id=9, certificate=bytes(64)),
        control.CancelSeek(id=9),
        control.EndMatch(id=9, match_id="m", reason=control.EndReason.HUNG_UP),
        control.UpdateCandidates(id=9, match_id="m", candidates=()),
        control.LogOut(id=9),
        control.SetUsername(id=9, username="x"),
        control.ChangePassword(id=9, old="x", new="y"),
    ],
    ids=lambda request: type(request).__name__,
)
@pytest.mark.asyncio
async def test_who_is_not_logged_in_can_do_nothing_that_needs_it(
    tmp_path: Path, request_: control.Request
) -> None:
    async with a_server(tmp_path) as server, await Guest.arrive(server) as guest:
        guest.say(request_)
        assert await guest.message() == control.Refused(code=Code.NOT_LOGGED_IN, id=9)


@pytest.mark.asyncio
async def test_logging_in_twice_on_one_connection_is_refused(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, people(server, "ann") as (ann,):
        answer = await ann.ask(control.LogIn, email="ann@example.org", password=PASSWORD)
        assert answer.code == Code.ALREADY_LOGGED_IN
        answer = await ann.ask(control.Restore, token="x")
        assert answer.code == Code.ALREADY_LOGGED_IN


def test_every_request_has_a_handler() -> None:
    from server.gateway.dispatch import HANDLERS

    requests = {kind for kind in control.ClientMessage.__args__ if issubclass(kind, control.Request)}
    assert set(HANDLERS) == requests
    assert msgspec.json.encode(control.Ping(id=1))
