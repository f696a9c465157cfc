"""One thread that does jobs in order, and reports what came of them on the loop."""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

log = logging.getLogger("floater.store")

Result = TypeVar("Result")


class Worker(Generic[Result]):
    """A thread for work that would block the loop: reading, writing, hashing.

    Args:
        name: of the thread.
        deliver: called on the loop with what has been done since it was last
            called, in order.
    """

    def __init__(self, name: str, deliver: Callable[[list[Result]], None]) -> None:
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[Callable[[], Result | None] | None] = SimpleQueue()
        self._done: deque[Result] = deque()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def do(self, job: Callable[[], Result | None]) -> None:
        """Queue a job. Its result is delivered unless it is None; a job must not raise."""
        self._jobs.put(job)

    async def close(self) -> None:
        """Do the jobs that are in line, then end the thread. Its last results are not delivered."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            result = job()
            if result is not None:
                self._done.append(result)
                if len(self._done) == 1:  # otherwise a delivery is already on its way
                    self._ring()

    def _ring(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._drain)
        except RuntimeError:
            log.debug("= the loop has ended before the worker")

    def _drain(self) -> None:
        results: list[Result] = []
        while self._done:
            results.append(self._done.popleft())
        if results:
            self._deliver(results)
