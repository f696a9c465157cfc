import asyncio
import threading

import pytest

from floater.client.aside import aside


@pytest.mark.asyncio
async def test_what_was_returned_or_raised_comes_back() -> None:
    assert await aside(lambda: 7, name="seven", within=5) == 7

    def fail() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await aside(fail, name="fail", within=5)


@pytest.mark.asyncio
async def test_what_hangs_is_left_behind() -> None:
    go_on = threading.Event()
    with pytest.raises(TimeoutError):
        await aside(go_on.wait, name="hang", within=0.05)
    go_on.set()
    await asyncio.sleep(0)
