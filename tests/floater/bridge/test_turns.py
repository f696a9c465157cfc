import asyncio
from typing import Any

import pytest

from floater import api
from floater.bridge.turns import PATIENCE, Turns
from floater.tasks import Tasks

pytestmark = pytest.mark.logs("task a command failed")

NAME = api.SetUsername("Ann")
TEXT = api.SendText("hi")
QUIT = api.Quit()


class Play:
    """Commands that come one after the other; `went` are those whose turn it was, as they came."""

    def __init__(self, state: api.State) -> None:
        self.state = state
        self.turns = Turns(lambda: self.state)
        self.went: list[int] = []
        self.work = Tasks()
        self._count = 0

    def write(self, *commands: api.Command) -> None:
        for command in commands:
            turn = self.turns.enter(self._count, command)
            self._count += 1
            self.work.start(self._go(turn), "a command")

    async def _go(self, turn: Any) -> None:
        await self.turns.come(turn)
        self.went.append(turn.number)

    def answer(self, number: int) -> None:
        self.turns.leave(next(turn for turn in self.turns.open if turn.number == number))

    async def settle(self) -> list[int]:
        for _ in range(5):
            await asyncio.sleep(0)
        return self.went

    async def end(self) -> None:
        await self.work.close()


@pytest.mark.asyncio
async def test_each_waits_for_those_before_it() -> None:
    play = Play(api.State.HOME)
    play.write(NAME, TEXT, NAME)
    assert await play.settle() == [0]
    play.answer(0)
    assert await play.settle() == [0, 1]
    play.answer(1)
    assert await play.settle() == [0, 1, 2]


@pytest.mark.parametrize("state", [api.State.CONNECTING, api.State.GREETING, api.State.TALKING])
@pytest.mark.asyncio
async def test_beside_a_stranger_nothing_waits_for_the_server_but_what_asks_it(state: api.State) -> None:
    play = Play(state)
    play.write(NAME, TEXT, NAME, api.HangUp())
    assert await play.settle() == [0, 1]
    play.answer(1)
    assert await play.settle() == [0, 1, 3], "the talk keeps its order"
    await play.end()


@pytest.mark.asyncio
async def test_a_match_lets_those_who_waited_go_on() -> None:
    play = Play(api.State.SEEKING)
    play.write(NAME, TEXT)
    assert await play.settle() == [0]
    play.state = api.State.CONNECTING
    play.turns.look_again()
    assert await play.settle() == [0, 1]


@pytest.mark.parametrize(
    "way",
    [api.HangUp(), api.CancelSeek(), api.LogOut(), api.Quit(), api.Status()],
    ids=lambda w: type(w).__name__,
)
@pytest.mark.asyncio
async def test_a_way_out_waits_a_little_and_no_longer(way: api.Command) -> None:
    play = Play(api.State.HOME)
    play.write(NAME, TEXT, way)
    assert await play.settle() == [0]
    async with asyncio.timeout(PATIENCE + 5):
        while play.went != [0, 2]:
            await asyncio.sleep(0.05)
    await play.end()


@pytest.mark.asyncio
async def test_nobody_waits_for_network() -> None:
    play = Play(api.State.HOME)
    play.write(NAME, api.Network(), TEXT)
    play.answer(0)
    assert await play.settle() == [1, 2]


@pytest.mark.asyncio
async def test_a_full_line_takes_nobody_in_until_somebody_leaves() -> None:
    play = Play(api.State.HOME)
    play.write(NAME, TEXT)
    room = play.work.start(play.turns.room(2), "room")
    await play.settle()
    assert not room.done()
    play.answer(0)
    await room
    await play.end()
