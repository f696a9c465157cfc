"""What the connections of one server share is one thing, and nothing of it is exchanged while it runs."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from server.core.rates import Rate
from tests.server.gateway.guests import Guest, a_server


@pytest.mark.asyncio
async def test_every_connection_is_known_while_it_lasts_logged_in_or_not(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, await Guest.arrive(server), await Guest.arrive(server):
        assert len(server.backend.connections) == 2
        assert len(server.backend.matchmaking._guests) == 0
        with pytest.raises(FrozenInstanceError):
            server.backend.observers = ()  # type: ignore[misc]  # what is tested


@pytest.mark.asyncio
async def test_the_knobs_say_how_many_messages_a_connection_may_send(tmp_path: Path) -> None:
    async with a_server(tmp_path, message_rate=4.0, message_burst=20) as server:
        assert server.backend.message_rate == Rate(20, 5.0)
    async with a_server(tmp_path, message_rate=4.0, message_burst=0) as server:
        assert server.backend.message_rate == Rate(1, 0.25)
