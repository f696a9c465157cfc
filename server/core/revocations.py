"""Decide whether a log-in that takes a while was revoked meanwhile.

A log-in by token reads the token, waits for the database, and is let in later. If the password is
changed in between, the token was good when it was read. So every revocation has a number, a log-in
notes the number at its beginning, and the last step of a log-in asks whether it still holds.
"""

from typing import Final

MAX_REMEMBERED: Final = 10_000
"Revocations remembered. The oldest goes first: a log-in takes seconds."


class Revocations:
    """The latest revocations of one server, by account and by token."""

    def __init__(self) -> None:
        self.number = 0
        "Of the last revocation."
        self._accounts: dict[int, tuple[int, bytes | None]] = {}
        self._tokens: dict[bytes, int] = {}

    def revoke_account(self, account: int, keep: bytes | None) -> None:
        """Revoke all log-ins of an account, except the one of token `keep`."""
        self.number += 1
        self._accounts.pop(account, None)
        self._accounts[account] = self.number, keep
        if len(self._accounts) > MAX_REMEMBERED:
            del self._accounts[next(iter(self._accounts))]

    def revoke_token(self, token: bytes) -> None:
        """Revoke one log-in."""
        self.number += 1
        self._tokens.pop(token, None)
        self._tokens[token] = self.number
        if len(self._tokens) > MAX_REMEMBERED:
            del self._tokens[next(iter(self._tokens))]

    def holds(self, account: int, token: bytes, *, since: int) -> bool:
        """Return True if nothing has revoked a log-in whose token was read when `since` was the number."""
        number, keep = self._accounts.get(account, (0, None))
        return (number <= since or token == keep) and self._tokens.get(token, 0) <= since
