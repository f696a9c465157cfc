import pytest

from floater.bridge.api import PathKind
from floater.core import link, path
from floater.wire.talk import Text
from tests.helpers.meeting import pair


@pytest.mark.asyncio
async def test_two_peers_meet_by_punching_and_talk_both_ways() -> None:
    async with pair() as (leader, follower):
        leader.meeting.start()
        follower.meeting.start()
        chosen = await leader.hears(path.Chosen), await follower.hears(path.Chosen)
        assert [each.kind for each in chosen] == [PathKind.LAN, PathKind.LAN]
        assert all(each.took < 1.0 and each.rtt is not None and each.rtt < 0.5 for each in chosen)
        for side, other in ((leader, follower), (follower, leader)):
            assert side.link is not None
            side.meeting.transmit(link.Transmit(side.link, Text(seq=1, received=0), "你好".encode()))
            arrived = await other.hears(link.Arrived)
            assert arrived == link.Arrived(other.link or 0, Text(seq=1, received=0), "你好".encode())
