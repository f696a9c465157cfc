import asyncio
import threading

import pytest

from floater.store.worker import Worker


@pytest.mark.asyncio
async def test_jobs_are_done_in_order_on_one_thread_and_what_they_return_is_delivered() -> None:
    delivered: list[str | int] = []
    done = asyncio.Event()

    def deliver(results: list[str | int]) -> None:
        delivered.extend(results)
        if len(delivered) == 3:
            done.set()

    worker: Worker[str | int] = Worker("tested", deliver)
    worker.do(lambda: threading.current_thread().name)
    worker.do(lambda: None)
    worker.do(lambda: 1)
    worker.do(lambda: 2)
    async with asyncio.timeout(30):
        await done.wait()
    assert delivered == ["tested", 1, 2]
    await worker.close()


@pytest.mark.asyncio
async def test_what_is_in_line_is_done_before_the_end() -> None:
    ran: list[int] = []
    worker: Worker[int] = Worker("tested", lambda _: None)
    for number in range(5):
        worker.do(lambda number=number: ran.append(number))  # type: ignore[misc]  # a default for each round
    await worker.close()
    assert ran == [0, 1, 2, 3, 4]


def test_a_loop_that_has_ended_is_no_fault_of_the_job() -> None:
    gate, finished = threading.Event(), threading.Event()

    async def begin() -> None:
        worker: Worker[int] = Worker("tested", lambda _: None)

        def job() -> int:
            gate.wait(30)
            return 1

        worker.do(job)
        worker.do(lambda: finished.set())

    asyncio.run(begin())
    gate.set()
    assert finished.wait(30)
