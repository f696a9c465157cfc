"""The order in which commands are carried out.

A script may write all its lines at once, so each command waits for those before it, with four exceptions:

- Each talk that is on has a queue of its own: its commands wait for each other, not for those of others.
- Commands that ask the server have one queue. While a talk is on, neither its commands nor those about this
  computer wait for that queue. Commands that ask the server wait for all before them.
- The ways out (`hang_up`, `cancel_seek`, `log_out`, `quit`) and `status` wait at most `PATIENCE` seconds.
- No command waits for `network`, which takes seconds.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

from floater import api

Answer: TypeAlias = api.Reply | api.Error
"What a command is answered with."

PATIENCE: Final = 2.0
"Seconds that a way out waits for the commands before it."

ASKS_THE_SERVER: Final = (
    api.SignUp,
    api.Activate,
    api.ResendCode,
    api.LogIn,
    api.ForgotPassword,
    api.ResetPassword,
    api.SetUsername,
    api.ChangePassword,
    api.UseServer,
    api.HostHere,
    api.Practise,
    api.Seek,
    api.CancelSeek,
)
"Commands that end when a server, here or elsewhere, has answered."
_WAYS_OUT: Final = (api.HangUp, api.CancelSeek, api.LogOut, api.Quit, api.Status)
_ON: Final = (api.Standing.CONNECTING, api.Standing.GREETING, api.Standing.OPEN)
_WITHOUT_A_STRANGER: Final = (api.State.SIGNED_OUT, api.State.HOME, api.State.SEEKING)


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """A command, and the function that takes its one answer."""

    command: api.Command
    answer: Callable[[Answer], None]


class Turns:
    """The commands that have been taken and are not answered."""

    def __init__(self) -> None:
        self.open: list[Request] = []
        "In the order in which they were taken."
        self._on: set[str] = set()
        self._stranger = ""
        self._changed = asyncio.Event()

    def enter(self, request: Request) -> None:
        """Take a command."""
        self.open.append(request)
        self._look_again()

    def leave(self, request: Request) -> None:
        """Drop a command that has been answered."""
        self.open.remove(request)
        self._look_again()

    def heed(self, event: api.Event) -> None:
        """Learn from an event which talks are on. Every event of the client has to come here."""
        match event:
            case api.Matched(talk=talk):
                self._on.add(talk)
                self._stranger = talk
            case api.TalkChanged(talk=talk, standing=standing) if standing in _ON:
                self._on.add(talk)
            case api.TalkChanged(talk=talk) | api.TalkEnded(talk=talk):
                self._on.discard(talk)
            case api.StateChanged(state) if state in _WITHOUT_A_STRANGER:
                self._on.discard(self._stranger)
            case _:
                return
        self._look_again()

    async def come(self, request: Request) -> None:
        """Wait until this command may be carried out."""
        if not self._has_to_wait(request):
            return
        patience = PATIENCE if isinstance(request.command, _WAYS_OUT) else None
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while self._has_to_wait(request):
                    await self._change()

    async def room(self, most: int) -> None:
        """Wait until fewer than `most` commands are open."""
        while len(self.open) >= most:
            await self._change()

    async def _change(self) -> None:
        self._changed.clear()  # all who wait are woken, also if one of them waits again at once
        await self._changed.wait()

    def _look_again(self) -> None:
        self._changed.set()

    def _has_to_wait(self, request: Request) -> bool:
        before = self.open[: self.open.index(request)]
        return any(self._holds_up(other.command, request.command) for other in before)

    def _holds_up(self, earlier: api.Command, later: api.Command) -> bool:
        if isinstance(earlier, api.Network):
            return False
        talk = self._talk_of(later)
        if isinstance(earlier, ASKS_THE_SERVER):
            beside = talk is not None if isinstance(later, api.OfTalk) else bool(self._on)
            return isinstance(later, ASKS_THE_SERVER) or not beside
        return talk is None or self._talk_of(earlier) in (None, talk)

    def _talk_of(self, command: api.Command) -> str | None:
        """The talk that a command is about, if that talk is on."""
        if not isinstance(command, api.OfTalk):
            return None
        if command.talk:
            return command.talk if command.talk in self._on else None
        if self._stranger in self._on:
            return self._stranger
        return next(iter(self._on)) if len(self._on) == 1 else None
