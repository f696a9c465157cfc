import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from floater import api
from floater.bridge.dispatch import MAX_OPEN, Dispatcher
from floater.bridge.turns import Answer, Request
from floater.codes import Code
from floater.errors import FloaterError, Refused


class Doer:
    """Carries nothing out; does for a command what the test says."""

    def __init__(self, fail: Exception | None = None) -> None:
        self.fail = fail
        self.free = asyncio.Event()

    async def do(self, command: api.Command) -> api.Reply:
        match command:
            case api.SendText():
                return api.TextReply("L1")
            case api.Network() | api.SetUsername():
                await self.free.wait()
            case api.Greet() if self.fail is not None:
                raise self.fail
        return api.Empty()

    def explain(self, error: FloaterError) -> api.Error:
        return api.Error(error.code.value, "")


class Face:
    """Asks, and keeps the answers by the command they came for."""

    def __init__(self, doer: Doer) -> None:
        self.told: list[api.Event] = []
        self.answers: list[tuple[str, Answer]] = []
        self.dispatcher = Dispatcher(doer, self.told.append)

    async def run(self, *commands: api.Command) -> bool:
        return await self.dispatcher.run(self._requests(commands))

    async def _requests(self, commands: tuple[api.Command, ...]) -> AsyncIterator[Request]:
        for command in commands:
            yield Request(command, self._keep(command))

    def _keep(self, command: api.Command) -> Callable[[Answer], None]:
        return lambda answer: self.answers.append((type(command).__name__, answer))


@pytest.mark.asyncio
async def test_each_command_gets_the_reply_of_its_kind() -> None:
    face = Face(Doer())
    assert not await face.run(api.SendText("a"), api.Greet())
    assert face.answers == [("SendText", api.TextReply("L1")), ("Greet", api.Empty())]


@pytest.mark.asyncio
async def test_a_refusal_is_answered_with_its_code() -> None:
    face = Face(Doer(Refused(Code.NO_TALK)))
    assert not await face.run(api.Greet())
    assert face.answers == [("Greet", api.Error("no_talk", ""))]


@pytest.mark.asyncio
async def test_quit_ends_it_and_gives_up_what_is_open() -> None:
    face = Face(Doer())
    assert await face.run(api.Network(), api.Quit(), api.Greet())
    assert face.answers == [("Quit", api.Empty()), ("Network", api.Error("program_ended", ""))]


@pytest.mark.asyncio
async def test_every_event_reaches_the_face_and_frees_those_who_waited() -> None:
    doer = Doer()
    face = Face(doer)
    matched = api.Matched("m", api.PeerName("Bob"), talk="t")
    running = asyncio.get_running_loop().create_task(face.run(api.SetUsername("A"), api.Greet()))
    for _ in range(10):
        await asyncio.sleep(0)
    assert face.answers == []
    face.dispatcher.emit(matched)
    assert face.told == [matched]
    for _ in range(10):
        await asyncio.sleep(0)
    assert face.answers == [("Greet", api.Empty())]
    doer.free.set()
    assert not await running


@pytest.mark.asyncio
async def test_no_more_are_taken_than_may_be_open() -> None:
    doer = Doer()
    face = Face(doer)
    taken = 0

    async def many() -> AsyncIterator[Request]:
        nonlocal taken
        for _ in range(MAX_OPEN + 10):
            taken += 1
            yield Request(api.Network(), lambda answer: doer.free.set())

    running = asyncio.get_running_loop().create_task(face.dispatcher.run(many()))
    while taken < MAX_OPEN:
        await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    assert taken == MAX_OPEN
    doer.free.set()
    assert not await running
    assert taken == MAX_OPEN + 10
