"""The one place where background tasks are born: each is named, kept, and its failure seen."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger("floater.tasks")


class Tasks:
    """The background tasks of one owner, all ended by `close`."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run `work` beside everything else. An exception it does not handle is logged, by type only."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("= task %s failed", task.get_name(), exc_info=error)

    async def close(self) -> None:
        """Cancel all tasks but the one that calls, and wait until they have ended."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
