"""Hears everything that a client in this process tells."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import msgspec

from floater import api

AnyEvent = TypeVar("AnyEvent", bound=api.Event)
PATIENCE = 30.0
"Seconds that an event may take to come."


class Witness:
    """Everything a client has told."""

    def __init__(self) -> None:
        self.events: list[api.Event] = []
        self._came = asyncio.Event()

    def emit(self, event: api.Event) -> None:
        """Hear an event. Its number and its talk are left out: a test compares what was told, not when."""
        self.events.append(_plain(event))
        assert event.n == len(self.events), "events are numbered one after the other"
        assert not isinstance(event, api.TalkEvent) or event.talk, "events of a talk name it"
        self._came.set()

    async def sees(self, event: api.Event, *, after: int = 0) -> None:
        """Wait until exactly this has been told, not counting the first `after` events."""
        await self._until(lambda: event in self.events[after:])

    async def sees_one(
        self, kind: type[AnyEvent], fits: Callable[[AnyEvent], bool] = lambda _: True, *, after: int = 0
    ) -> AnyEvent:
        """Wait until an event of this kind that fits has been told, and return the first."""
        await self._until(lambda: any(fits(event) for event in self.told(kind, after=after)))
        return next(event for event in self.told(kind, after=after) if fits(event))

    async def notice(self, code: str) -> api.Notice:
        """Wait until this notice has been told."""
        return await self.sees_one(api.Notice, lambda notice: notice.code == code)

    def told(self, kind: type[AnyEvent], *, after: int = 0) -> list[AnyEvent]:
        """All events of a kind, not counting the first `after` of all."""
        return [event for event in self.events[after:] if isinstance(event, kind)]

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self._came.clear()
                await self._came.wait()


def _plain(event: api.Event) -> api.Event:
    if isinstance(event, api.TalkEvent):
        return msgspec.structs.replace(event, n=0, talk="")
    return msgspec.structs.replace(event, n=0)
