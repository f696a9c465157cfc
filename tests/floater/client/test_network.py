"""What the network allows, asked of a real server's observers."""

from pathlib import Path

import pytest

from floater import api
from floater.client.network import look_around, reply_about
from floater.client.reach import Reach
from floater.client.words import Words
from floater.core.meet.reachability import Facts
from tests.floater.client.test_reach import house

pytestmark = pytest.mark.asyncio


async def test_on_loopback_the_outside_sees_what_we_see(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        facts = await look_around(at.link, at.reach, hidden=False)
        assert facts.server_rtt is not None
        assert facts.observers_answered == facts.observers_asked > 0
        reply = reply_about(facts, Words(lambda _: None, lambda: "en"))
        assert reply.server_ms == round(facts.server_rtt * 1_000, 1)
        assert reply.public
        assert all(place.startswith("127.0.0.1:") for place in reply.public)
        assert reply.words


async def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    none = Reach(None, may_map=lambda: True, changed=lambda _: None)
    assert await look_around(None, none, hidden=True) == Facts(server_rtt=None, hidden=True)
    async with house(tmp_path) as at:
        assert at.link is not None
        await at.link.close()
        facts = await look_around(at.link, at.reach, hidden=False)
    assert facts == Facts(server_rtt=None, hidden=False)
    reply = reply_about(facts, Words(lambda _: None, lambda: "en"))
    assert isinstance(reply, api.NetworkReply)
    assert (reply.server_ms, reply.public, reply.mapped) == (None, [], [])
    assert reply.words
