import asyncio

import pytest

from floater import api
from floater.bridge.turns import PATIENCE, Request, Turns
from floater.tasks import Tasks

pytestmark = pytest.mark.logs("task a command failed")

NAME = api.SetUsername("Ann")
TEXT = api.SendText("hi")
QUIT = api.Quit()
MATCHED = api.Matched("m1", api.PeerName("Bob"), talk="stranger")


def talk(standing: api.Standing, name: str = "stranger") -> api.Event:
    return api.TalkChanged(api.TalkKind.CONTACT, "Cid", standing, talk=name)


class Play:
    """Commands that come one after the other; `went` are those whose turn it was, as they came."""

    def __init__(self, *events: api.Event) -> None:
        self.turns = Turns()
        self.went: list[int] = []
        self.work = Tasks()
        self._requests: list[Request] = []
        for event in events:
            self.turns.heed(event)

    def write(self, *commands: api.Command) -> None:
        for command in commands:
            request = Request(command, lambda answer: None)
            self.turns.enter(request)
            self.work.start(self._go(request, len(self._requests)), "a command")
            self._requests.append(request)

    async def _go(self, request: Request, number: int) -> None:
        await self.turns.come(request)
        self.went.append(number)

    def answer(self, number: int) -> None:
        self.turns.leave(self._requests[number])

    async def settle(self) -> list[int]:
        for _ in range(5):
            await asyncio.sleep(0)
        return self.went

    async def end(self) -> None:
        await self.work.close()


@pytest.mark.asyncio
async def test_each_waits_for_those_before_it() -> None:
    play = Play()
    play.write(NAME, TEXT, NAME)
    assert await play.settle() == [0]
    play.answer(0)
    assert await play.settle() == [0, 1]
    play.answer(1)
    assert await play.settle() == [0, 1, 2]


@pytest.mark.parametrize("state", [api.State.CONNECTING, api.State.GREETING, api.State.TALKING])
@pytest.mark.asyncio
async def test_beside_a_stranger_nothing_waits_for_the_server_but_what_asks_it(state: api.State) -> None:
    play = Play(MATCHED, api.StateChanged(state))
    play.write(NAME, TEXT, NAME, api.HangUp())
    assert await play.settle() == [0, 1]
    play.answer(1)
    assert await play.settle() == [0, 1, 3], "the talk keeps its order"
    await play.end()


@pytest.mark.asyncio
async def test_a_match_lets_those_who_waited_go_on() -> None:
    play = Play(api.StateChanged(api.State.SEEKING))
    play.write(NAME, TEXT)
    assert await play.settle() == [0]
    play.turns.heed(MATCHED)
    assert await play.settle() == [0, 1]


@pytest.mark.parametrize(
    "way",
    [api.HangUp(), api.CancelSeek(), api.LogOut(), api.Quit(), api.Status()],
    ids=lambda w: type(w).__name__,
)
@pytest.mark.asyncio
async def test_a_way_out_waits_a_little_and_no_longer(way: api.Command) -> None:
    play = Play()
    play.write(NAME, TEXT, way)
    assert await play.settle() == [0]
    async with asyncio.timeout(PATIENCE + 5):
        while play.went != [0, 2]:
            await asyncio.sleep(0.05)
    await play.end()


@pytest.mark.asyncio
async def test_nobody_waits_for_network() -> None:
    play = Play()
    play.write(NAME, api.Network(), TEXT)
    play.answer(0)
    assert await play.settle() == [1, 2]


@pytest.mark.asyncio
async def test_a_full_line_takes_nobody_in_until_somebody_leaves() -> None:
    play = Play()
    play.write(NAME, TEXT)
    room = play.work.start(play.turns.room(2), "room")
    await play.settle()
    assert not room.done()
    play.answer(0)
    await room
    await play.end()


@pytest.mark.parametrize(
    "end",
    [
        api.StateChanged(api.State.SEEKING),
        api.TalkEnded(api.Ended.PEER_LOST, 1.0, talk="stranger"),
        talk(api.Standing.OVER),
    ],
    ids=lambda event: type(event).__name__,
)
@pytest.mark.asyncio
async def test_when_the_talk_is_over_each_waits_for_those_before_it_again(end: api.Event) -> None:
    play = Play(MATCHED, end)
    play.write(NAME, TEXT)
    assert await play.settle() == [0]
    await play.end()


@pytest.mark.parametrize("standing", [api.Standing.CONNECTING, api.Standing.GREETING, api.Standing.OPEN])
@pytest.mark.asyncio
async def test_no_talk_waits_for_another(standing: api.Standing) -> None:
    play = Play(MATCHED, talk(standing, "cid"))
    to_cid = api.SendText("hi", talk="cid")
    play.write(TEXT, to_cid, to_cid, api.Greet(talk="stranger"))
    assert await play.settle() == [0, 1]
    play.answer(1)
    assert await play.settle() == [0, 1, 2], "the second for Cid waited for the first"
    play.answer(0)
    assert await play.settle() == [0, 1, 2, 3], "an unnamed talk is the stranger's"
    await play.end()


@pytest.mark.asyncio
async def test_an_unnamed_talk_is_the_only_one() -> None:
    play = Play(talk(api.Standing.OPEN, "cid"))
    play.write(NAME, TEXT, api.Greet(talk="cid"))
    assert await play.settle() == [0, 1], "in Cid's lane, which does not wait for the server"
    await play.end()


@pytest.mark.asyncio
async def test_a_talk_that_is_not_on_waits_like_all_else() -> None:
    play = Play(talk(api.Standing.OPEN, "cid"), talk(api.Standing.APART, "dan"))
    play.write(NAME, api.SendText("hi", talk="dan"), api.Set())
    assert await play.settle() == [0]
    await play.end()


@pytest.mark.asyncio
async def test_beside_a_talk_the_settings_do_not_wait_for_the_server() -> None:
    play = Play(MATCHED)
    play.write(NAME, api.Set(), TEXT)
    assert await play.settle() == [0, 1]
    play.answer(1)
    assert await play.settle() == [0, 1, 2], "but the talk waits for the settings"
    await play.end()


@pytest.mark.asyncio
async def test_the_server_is_asked_only_when_all_before_is_done() -> None:
    play = Play(MATCHED)
    play.write(api.HangUp(), api.Seek())
    assert await play.settle() == [0]
    play.answer(0)
    assert await play.settle() == [0, 1]
