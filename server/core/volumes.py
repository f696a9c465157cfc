"""Count the bytes that each account moves within a day."""

from typing import Final

DAY: Final = 86_400.0
"Seconds."
MAX_ACCOUNTS: Final = 100_000
"Accounts that are remembered; the one that moved bytes longest ago is forgotten first."


class Volumes:
    """What accounts have moved today.

    Args:
        limit: bytes that one account may move in a day.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._moved: dict[int, int] = {}
        self._left = DAY  # seconds of this day

    def charge(self, account: int, size: int) -> None:
        """Count `size` bytes for an account; account 0 is not known and moves nothing."""
        if account and size:
            self._moved[account] = self._moved.pop(account, 0) + size
            if len(self._moved) > MAX_ACCOUNTS:
                del self._moved[next(iter(self._moved))]

    def is_used_up(self, account: int) -> bool:
        """Return True if an account has moved all that it may today."""
        return self._moved.get(account, 0) >= self._limit

    def pass_time(self, seconds: float) -> None:
        """Let time pass; after a day all accounts begin anew."""
        self._left -= seconds
        if self._left <= 0.0:
            self._left = DAY
            self._moved.clear()
