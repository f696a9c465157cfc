"""Background tasks: named, kept, ended, and their failures seen."""

import asyncio
import gc
import logging

import pytest

from floater.tasks import Tasks

pytestmark = pytest.mark.logs("task fragile failed")


@pytest.mark.asyncio
async def test_close_ends_what_is_running_and_waits_for_it() -> None:
    tasks = Tasks()
    ended: list[str] = []
    started = asyncio.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("work")

    task = tasks.start(work(), "work")
    await started.wait()
    assert task.get_name() == "work"
    await tasks.close()
    assert ended == ["work"]
    assert task.cancelled()


@pytest.mark.asyncio
async def test_a_task_may_close_its_own_group() -> None:
    tasks = Tasks()

    async def work() -> str:
        await tasks.close()
        return "still here"

    assert await tasks.start(work(), "closer") == "still here"


@pytest.mark.asyncio
async def test_a_failure_is_logged_under_the_task_s_name(caplog: pytest.LogCaptureFixture) -> None:
    tasks = Tasks()

    async def work() -> None:
        raise RuntimeError

    with caplog.at_level(logging.ERROR, "floater.tasks"):
        task = tasks.start(work(), "fragile")
        await asyncio.wait([task])
        await asyncio.sleep(0)
    assert ["= task fragile failed"] == [record.getMessage() for record in caplog.records]


@pytest.mark.asyncio
async def test_a_task_is_kept_although_nobody_else_holds_it() -> None:
    tasks = Tasks()
    done = asyncio.Event()
    go = asyncio.Event()

    async def work() -> None:
        await go.wait()
        done.set()

    tasks.start(work(), "kept")
    await asyncio.sleep(0)
    gc.collect()
    go.set()
    async with asyncio.timeout(30):
        await done.wait()
