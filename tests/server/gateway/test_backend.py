"""What the connections of one server share is one thing, and nothing of it is exchanged while it runs."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from tests.server.gateway.guests import Guest, a_server


@pytest.mark.asyncio
async def test_every_connection_is_known_while_it_lasts_logged_in_or_not(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server, await Guest.arrive(server), await Guest.arrive(server):
        assert len(server.backend.connections) == 2
        assert server.backend.matchmaking.online == 0
        with pytest.raises(FrozenInstanceError):
            server.backend.observers = ()  # type: ignore[misc]  # what is tested
