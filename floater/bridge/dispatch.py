"""Carries commands out, each in its turn, and passes events on: what every face has in common."""

import asyncio
from collections.abc import AsyncIterable, Callable
from typing import Any, Final, Protocol

from floater import api
from floater.bridge.turns import Answer, Request, Turns
from floater.codes import Code
from floater.errors import FloaterError
from floater.tasks import Tasks

MAX_OPEN: Final = 256
"Commands that may be open before no more are taken."


class Doer(Protocol):
    """Carries commands out: the client."""

    async def do(self, command: api.Command) -> api.Reply:
        """Carry a command out. Raises FloaterError."""

    def explain(self, error: FloaterError) -> api.Error:
        """The code and its sentence in the person's language."""


class Dispatcher:
    """Between one face and the client.

    Args:
        doer: the client.
        tell: takes every event for the face.
    """

    def __init__(self, doer: Doer, tell: Callable[[api.Event], None]) -> None:
        self._doer = doer
        self._tell = tell
        self._tasks = Tasks()
        self._turns = Turns()

    def emit(self, event: api.Event) -> None:
        """Take an event from the client. This is the only way from the client to the face."""
        self._tell(event)
        self._turns.heed(event)

    async def run(self, requests: AsyncIterable[Request]) -> bool:
        """Carry out commands until they end, or until `quit`; then those that are open are given up.

        Each is answered exactly once; one that is given up with PROGRAM_ENDED.

        Returns:
            Whether `quit` was said.
        """
        try:
            running: set[asyncio.Task[Any]] = set()
            async for request in requests:
                self._turns.enter(request)
                task = self._tasks.start(self._carry_out(request), type(request.command).__name__)
                if isinstance(request.command, api.Quit):
                    await asyncio.wait([task])
                    return True
                running.add(task)
                task.add_done_callback(running.discard)
                await self._turns.room(MAX_OPEN)
            if running:
                await asyncio.wait(set(running))
            return False
        finally:
            await self._tasks.close()
            for request in list(self._turns.open):
                self._answer(request, self._doer.explain(FloaterError(Code.PROGRAM_ENDED)))

    async def _carry_out(self, request: Request) -> None:
        await self._turns.come(request)
        try:
            reply = await self._doer.do(request.command)
        except FloaterError as error:
            self._answer(request, self._doer.explain(error))
        except Exception:
            self._answer(request, self._doer.explain(FloaterError(Code.INTERNAL)))
            raise
        else:
            self._answer(request, reply)

    def _answer(self, request: Request, answer: Answer) -> None:
        request.answer(answer)
        self._turns.leave(request)
