import time

import pytest

from floater.net.server_clock import ServerClock

pytestmark = pytest.mark.asyncio


async def test_until_the_server_tells_its_time_ours_counts() -> None:
    clock = ServerClock()
    assert abs(clock.now() - time.time()) < 5
    assert clock.offset == 0.0


@pytest.mark.parametrize("told", [0.5, 1_800_000_000.0, 9e9])
async def test_the_last_time_told_counts_and_goes_on(told: float) -> None:
    clock = ServerClock()
    for time_told in (1_700_000_000.0, told):
        clock.learn(time_told)
    assert told <= clock.now() < told + 60
    assert abs(clock.offset - (told - time.time())) < 60
