"""Decide which log-in of an account counts: the one with the highest number (spec §4.3).

Each log-in has a number from a counter that all nodes share. It is told to all
nodes. A node that hears a higher number for an account of its own ends its
log-in; one that hears a lower number answers with its own, so that the late one
is ended wherever it is.
"""

from dataclasses import dataclass
from typing import TypeAlias

from server.core.pool import UserId


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Message to all nodes: an account has logged in."""

    account: UserId
    number: int


@dataclass(frozen=True, slots=True)
class Revoked:
    """Message to all nodes: all log-ins of an account have ended, except one."""

    account: UserId
    keep: bytes | None
    "SHA-256 of the token that stays good, None if none does."


Message: TypeAlias = LoggedIn | Revoked


@dataclass(frozen=True, slots=True)
class Here:
    """The log-in of an account at this node."""

    device: int
    "Names its stream."
    number: int


class Sessions:
    """The log-ins of one node."""

    def __init__(self) -> None:
        self._here: dict[UserId, Here] = {}

    def __len__(self) -> int:
        return len(self._here)

    def device(self, account: UserId) -> int | None:
        """Return the stream on which an account is logged in; None if it is not."""
        here = self._here.get(account)
        return None if here is None else here.device

    def arrive(self, account: UserId, device: int, number: int) -> int | None:
        """Count a log-in of this node.

        Returns:
            The stream whose log-in is over by it: the earlier one, or this very
            one if a later log-in was faster; None if there is none.
        """
        before = self._here.get(account)
        if before is not None and before.number > number:
            return device
        self._here[account] = Here(device, number)
        return None if before is None or before.device == device else before.device

    def leave(self, account: UserId, device: int) -> bool:
        """Strike a log-in out; return False if another has replaced it."""
        if self.device(account) != device:
            return False
        del self._here[account]
        return True

    def hear(self, message: LoggedIn) -> int | LoggedIn | None:
        """Take the news of a log-in.

        Returns:
            The stream whose log-in it ends, the answer to all nodes if our log-in is newer, or None.
        """
        here = self._here.get(message.account)
        if here is None or message.number == here.number:
            return None
        if message.number < here.number:
            return LoggedIn(message.account, here.number)
        del self._here[message.account]
        return here.device
