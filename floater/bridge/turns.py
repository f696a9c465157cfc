"""Whose turn it is: commands are carried out in the order of their lines, but nothing slow locks the door.

A script may write all its lines at once, so each command waits for those before it. Three things do not:

- While a stranger is there (`connecting`, `greeting`, `talking`), whatever asks
  the server runs beside the talk, and the talk does not wait for it. Such
  commands keep their order among themselves, and so does the talk.
- The ways out (`hang_up`, `cancel_seek`, `log_out`, `quit`) and `status` wait
  for at most `PATIENCE`, then they go first.
- Nobody waits for `network`, which takes seconds.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from floater import api

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
_WITH_A_STRANGER: Final = (api.State.CONNECTING, api.State.GREETING, api.State.TALKING)


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """A command and the number it is answered under."""

    number: int | str
    command: api.Command


class Turns:
    """The commands that have come and are not answered.

    Args:
        state: where the person stands now. After it changes, `look_again` has to be called.
    """

    def __init__(self, state: Callable[[], api.State]) -> None:
        self.open: list[Turn] = []
        "In the order of their lines."
        self._state = state
        self._changed = asyncio.Event()

    def enter(self, number: int | str, command: api.Command) -> Turn:
        """Stand in line."""
        turn = Turn(number, command)
        self.open.append(turn)
        self.look_again()
        return turn

    def leave(self, turn: Turn) -> None:
        """Be answered."""
        self.open.remove(turn)
        self.look_again()

    def look_again(self) -> None:
        """Let those who wait see whether it is their turn now."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def come(self, turn: Turn) -> None:
        """Wait until it is this one's turn."""
        patience = PATIENCE if isinstance(turn.command, _WAYS_OUT) else None
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while self._has_to_wait(turn):
                    await self._changed.wait()

    async def room(self, most: int) -> None:
        """Wait until fewer than `most` are open."""
        while len(self.open) >= most:
            await self._changed.wait()

    def _has_to_wait(self, turn: Turn) -> bool:
        before = self.open[: self.open.index(turn)]
        return any(self._holds_up(other.command, turn.command) for other in before)

    def _holds_up(self, earlier: api.Command, later: api.Command) -> bool:
        if isinstance(earlier, api.Network):
            return False
        beside = isinstance(earlier, ASKS_THE_SERVER) and not isinstance(later, ASKS_THE_SERVER)
        return not (beside and self._state() in _WITH_A_STRANGER)
