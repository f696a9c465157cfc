"""The driver: order, deadlines, errors."""

import asyncio
from dataclasses import dataclass, field

import pytest

from floater.drive import Driver
from floater.errors import LocalProtocolError
from floater.machine import Tick


@dataclass
class Recorder:
    """A machine that answers each word with itself, and writes down what it was told."""

    deadline: float | None = None
    told: list[str | Tick] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def feed(self, event: str | Tick, *, now: float) -> list[str]:
        self.told.append(event)
        self.times.append(now)
        if isinstance(event, Tick):
            self.deadline = None
            return ["ticked"]
        if event == "bad":
            raise LocalProtocolError("bad")
        return [event, event.upper()]


@pytest.mark.asyncio
async def test_an_event_given_during_effects_waits_behind_them() -> None:
    done: list[str] = []

    def perform(effect: str) -> None:
        done.append(effect)
        if effect == "one":
            driver.feed("two")

    driver: Driver[str, str] = Driver(Recorder(), perform)
    driver.feed("one")
    assert done == ["one", "ONE", "two", "TWO"]


@pytest.mark.asyncio
async def test_the_deadline_brings_a_tick_and_not_before() -> None:
    loop = asyncio.get_running_loop()
    machine = Recorder()
    ticked = asyncio.Event()
    driver: Driver[str, str] = Driver(machine, lambda effect: ticked.set() if effect == "ticked" else None)
    machine.deadline = deadline = loop.time() + 0.02
    driver.feed("start")
    async with asyncio.timeout(30):
        await ticked.wait()
    assert machine.told == ["start", Tick()]
    assert machine.times[1] >= deadline - 0.001  # a loop fires timers up to its clock's resolution early


@pytest.mark.asyncio
async def test_a_deadline_that_moves_takes_the_old_one_away() -> None:
    loop = asyncio.get_running_loop()
    machine = Recorder()
    ticked = asyncio.Event()
    driver: Driver[str, str] = Driver(machine, lambda effect: ticked.set() if effect == "ticked" else None)
    machine.deadline = loop.time() + 3600
    driver.feed("late")
    machine.deadline = loop.time()
    driver.feed("soon")
    async with asyncio.timeout(30):
        await ticked.wait()
    assert machine.told == ["late", "soon", Tick()]


@pytest.mark.asyncio
async def test_a_deadline_that_moves_away_brings_one_tick_when_it_has_come() -> None:
    loop = asyncio.get_running_loop()
    machine = Recorder()
    ticked = asyncio.Event()
    driver: Driver[str, str] = Driver(machine, lambda effect: ticked.set() if effect == "ticked" else None)
    machine.deadline = loop.time() + 0.01
    driver.feed("soon")
    machine.deadline = later = loop.time() + 0.05
    driver.feed("later")
    async with asyncio.timeout(30):
        await ticked.wait()
    assert machine.told == ["soon", "later", Tick()]
    assert machine.times[-1] >= later - 0.001


@pytest.mark.asyncio
async def test_a_deadline_that_is_gone_brings_no_tick() -> None:
    loop = asyncio.get_running_loop()
    machine = Recorder(deadline=loop.time() + 0.01)
    driver: Driver[str, str] = Driver(machine, lambda effect: None)
    driver.feed("first")
    machine.deadline = None
    driver.feed("never")
    passed = asyncio.Event()
    loop.call_at(loop.time() + 0.03, passed.set)  # later than the deadline would have come
    await passed.wait()
    assert machine.told == ["first", "never"]


@pytest.mark.asyncio
async def test_an_error_reaches_the_caller_and_the_driver_goes_on() -> None:
    done: list[str] = []
    driver: Driver[str, str] = Driver(Recorder(), done.append)
    with pytest.raises(LocalProtocolError):
        driver.feed("bad")
    driver.feed("good")
    assert done == ["good", "GOOD"]


@pytest.mark.asyncio
async def test_an_error_leaves_the_deadline_in_force() -> None:
    loop = asyncio.get_running_loop()
    machine = Recorder()
    ticked = asyncio.Event()
    driver: Driver[str, str] = Driver(machine, lambda effect: ticked.set() if effect == "ticked" else None)
    machine.deadline = loop.time()
    with pytest.raises(LocalProtocolError):
        driver.feed("bad")
    async with asyncio.timeout(30):
        await ticked.wait()


@pytest.mark.asyncio
async def test_after_close_nothing_reaches_the_machine() -> None:
    loop = asyncio.get_running_loop()
    machine = Recorder(deadline=loop.time() + 0.01)
    done: list[str] = []
    driver: Driver[str, str] = Driver(machine, done.append)
    driver.feed("first")
    driver.close()
    driver.feed("second")
    passed = asyncio.Event()
    loop.call_at(loop.time() + 0.03, passed.set)  # later than the deadline would have come
    await passed.wait()
    assert machine.told == ["first"]
    assert done == ["first", "FIRST"]


@pytest.mark.asyncio
async def test_closing_between_effects_leaves_the_line_unfed() -> None:
    machine = Recorder()

    def perform(effect: str) -> None:
        if effect == "one":
            driver.feed("two")
            driver.close()

    driver: Driver[str, str] = Driver(machine, perform)
    driver.feed("one")
    assert machine.told == ["one"]
